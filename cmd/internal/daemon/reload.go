package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/muster-mqtt/muster/config"
)

// setLevel makes the log as loud as c says.
func (d *daemon) setLevel(c *config.Config) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	d.level.Set(level)
	return nil
}

// heedHangup takes SIGHUP from now on, so that one that comes before the node
// is ready does not end it. The function that it returns ends that.
func (d *daemon) heedHangup() (end func()) {
	if d.opts.Reload == nil {
		return func() {}
	}
	d.hangup = make(chan os.Signal, 1)
	signal.Notify(d.hangup, syscall.SIGHUP)
	return func() { signal.Stop(d.hangup) }
}

// reload loads the configuration again on SIGHUP and when a file of it
// changes, until ctx ends.
func (d *daemon) reload(ctx context.Context) error {
	if d.opts.Reload == nil {
		return nil
	}
	config.Reload(ctx, config.ReloadOptions{
		Current: d.conf, Load: d.opts.Reload, Now: d.hangup, Loaded: d.reloaded,
		Failed: func(err error) {
			d.log.Error("the configuration was not loaded again: the node goes on with what it has", "err", err)
			d.refresh(d.live) // the files that it names may be good
		},
	})
	return nil
}

// reloaded applies what may change while the node runs, and names the rest.
func (d *daemon) reloaded(c *config.Config, changes []config.Change) {
	d.node.SetAutoclean(c.Cluster.Autoclean)
	if err := d.setLevel(c); err != nil {
		d.log.Error("the level of the log stays as it is", "err", err)
	}
	d.log.Info("the configuration was loaded again", "changes", len(changes))
	d.live = c
	d.refresh(c)
	for _, ch := range changes {
		if ch.Live {
			d.log.Info("configuration: changed", "key", ch.Path, "value", ch.Value)
		} else {
			d.log.Warn("configuration: a change needs a restart of the node", "key", ch.Path)
		}
	}
	for _, w := range c.Warnings {
		d.log.Warn("configuration: " + w)
	}
}

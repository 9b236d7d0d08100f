package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/muster-mqtt/muster/discovery"
)

// session is one life of the plugin: a process, a connection and a client,
// none of which is used again.
type session struct {
	o       *Options
	log     *slog.Logger
	path    string
	checked string // the copy that was hashed, to be removed
	sockets string // go-plugin's directory, to be removed
	proc    *process
	plug    *plugin.Client
	linked  bool // plug has a connection
	client  *discovery.Client
	info    discovery.Info

	mu    sync.Mutex
	ended error              // why the host ended it; nil if it did not
	conns []*grpc.ClientConn // go-plugin forgets one when connecting fails
}

// launch starts the plugin and takes it to the point where Discover may be
// called. On error nothing is left, and the error says what to do.
func launch(ctx context.Context, o *Options, dir string, limit *limiter) (*session, error) {
	s := &session{o: o, log: o.Logger.With("plugin", o.Strategy)}
	err := s.find(dir)
	if err == nil {
		err = s.connect(ctx, dir, limit)
	}
	if err == nil {
		err = s.configure(ctx)
	}
	if err != nil {
		s.stop(true)
		return nil, err
	}
	return s, nil
}

// find settles which file will be executed.
func (s *session) find(dir string) (err error) {
	if s.path, err = Lookup(s.o.Strategy, s.o.Path, s.o.Dir); err != nil {
		return err
	}
	if s.o.SHA256 != "" {
		s.checked, err = verified(s.path, s.o.SHA256, dir)
	}
	return err
}

// configure asks who the plugin is and hands over the configuration.
func (s *session) configure(ctx context.Context) error {
	t := s.o.Timers
	err := within(ctx, t.Info, func(ctx context.Context) (err error) {
		s.info, err = s.client.Info(ctx)
		return err
	})
	if err != nil {
		return s.during("GetInfo", err)
	}
	if err := s.checkContract(); err != nil {
		return err
	}
	if s.info.Name != s.o.Strategy {
		s.log.Warn("the plugin calls itself by another name", "name", s.info.Name, "path", s.path)
	}
	setup := discovery.Setup{Config: s.o.Config, Self: s.o.Self, ClusterName: s.o.ClusterName}
	if s.info.NeedsClusterKey {
		setup.ClusterKey = s.o.ClusterKey
	}
	var applied discovery.Applied
	err = within(ctx, t.Configure, func(ctx context.Context) (err error) {
		applied, err = s.client.Configure(ctx, setup)
		return err
	})
	if err != nil {
		return s.during("Configure", s.placed(err))
	}
	for _, w := range applied.Warnings {
		s.log.Warn("the plugin warns of its configuration", "warning", w)
	}
	return nil
}

// placed names the whole key, as the operator wrote it, where the plugin names
// its part of it.
func (s *session) placed(err error) error {
	var e *discovery.Error
	if !errors.As(err, &e) || e.Class != discovery.ConfigInvalid || e.Path == "" {
		return err
	}
	whole := *e
	whole.Path = "cluster." + s.o.Strategy + "." + e.Path
	return &whole
}

// checkContract refuses a plugin that needs a newer contract than the node
// speaks. An older plugin is fine: a minor version only adds.
func (s *session) checkContract() error {
	if s.info.MinorMin <= discovery.ContractMinor {
		return nil
	}
	return discovery.Errorf(discovery.ConfigInvalid, "%s needs version %d.%d of the discovery contract, this node speaks %d.%d; install the plugin of this release",
		s.path, discovery.ContractVersion, s.info.MinorMin, discovery.ContractVersion, discovery.ContractMinor)
}

func within(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

// responds reports whether the plugin answers anything at all in time.
func (s *session) responds(ctx context.Context) bool {
	err := within(ctx, s.o.Timers.Health, func(ctx context.Context) error {
		_, err := s.client.Health(ctx)
		return err
	})
	return discovery.ClassOf(err) != discovery.Timeout
}

// stop ends the process: in order, or at once if hard, but always within
// Timers.Stop and a drain. Nothing of the session is left after it.
func (s *session) stop(hard bool) {
	if s.proc == nil {
		s.cleanUp()
		return
	}
	if hard {
		s.proc.kill()
	}
	timer := time.AfterFunc(s.o.Timers.Stop, s.proc.kill)
	defer timer.Stop()
	if !hard && s.client != nil {
		_ = within(context.Background(), s.o.Timers.Shutdown, func(ctx context.Context) error {
			return s.client.Shutdown(ctx, s.o.Timers.Shutdown)
		})
	}
	if s.linked {
		s.plug.Kill()
	}
	s.proc.kill()
	s.proc.join()
	s.cleanUp()
}

func (s *session) cleanUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close() // again, for most
	}
	for _, path := range []string{s.checked, s.sockets} {
		if path == "" {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			s.log.Warn("a file stays behind in the run directory", "error", err)
		}
	}
}

// condemn keeps why the host ends the session, for the calls that fail by it.
func (s *session) condemn(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = err
}

// condemned returns why the host ends the session, nil if it does not.
func (s *session) condemned() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// died describes the end of a process that had been at work.
func (s *session) died() error {
	<-s.proc.gone
	if ended := s.condemned(); ended != nil {
		return ended
	}
	_, stderr := s.proc.out.lines()
	return discovery.Errorf(discovery.PluginInternal, "the process ended: %s%s", s.proc.ended(), lastWords(stderr))
}

// during makes a failed first call an error that says which and, if the
// process has ended, how.
func (s *session) during(call string, err error) error {
	switch discovery.ClassOf(err) {
	case discovery.NoClass, discovery.ConfigInvalid:
		return err
	}
	select {
	case <-s.proc.gone:
		return fmt.Errorf("in %s %w", call, s.died())
	case <-time.After(s.o.Timers.Drain):
		return fmt.Errorf("in %s: %w", call, err)
	}
}

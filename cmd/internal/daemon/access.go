package daemon

import (
	"fmt"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/mqtt/access"
)

// openAccess reads who may connect, and what for.
func (d *daemon) openAccess() (err error) {
	if d.access, err = access.New(d.accessOptions(d.conf)); err != nil {
		return fmt.Errorf("%w: see authentication.users_file and authorization in the configuration", err)
	}
	return nil
}

// accessOptions turns a configuration into what counts from now on. What a
// listener was opened with counts until it is opened again, but for its
// certificates.
func (d *daemon) accessOptions(c *config.Config) access.Options {
	o := access.Options{
		UsersFile: c.Access.UsersFile, Rules: c.Access.Rules, RulesFile: c.Access.RulesFile,
		NoMatch:   map[string]access.NoMatch{"auto": access.Auto, "allow": access.Allow, "deny": access.Deny}[c.Access.NoMatch],
		Listeners: map[string]access.Listener{},
	}
	for _, k := range d.conf.Listeners {
		o.Listeners[k.Kind+"."+k.ID] = access.Listener{
			Loopback: loopback(k.Bind), AllowAnonymous: k.AllowAnonymous, Certified: certified(listenerNow(c, k)),
		}
	}
	return o
}

// listenerNow is a listener as c has it, or as it was opened if c lacks it.
func listenerNow(c *config.Config, k config.Listener) config.Listener {
	i := slices.IndexFunc(c.Listeners, func(x config.Listener) bool { return x.Path() == k.Path() })
	if i < 0 {
		return k
	}
	return c.Listeners[i]
}

// openListeners opens the doors for clients; they are served when the node
// runs.
func (d *daemon) openListeners() (err error) {
	if d.mqtt, err = listenAll(d.conf, &d.handshakes, d.log); err != nil {
		return err
	}
	d.later(func() error { d.mqtt.close(); return nil })
	for _, closed := range d.mqtt.closed {
		d.log.Warn("listener stays closed", "listener", closed)
	}
	for _, o := range d.mqtt.open {
		d.warnListener(o)
	}
	return nil
}

// certificateWarning is how long before its end a certificate is warned of.
const certificateWarning = 14 * 24 * time.Hour

// warnListener says what an operator may have overlooked.
func (d *daemon) warnListener(o openListener) {
	c, k := d.conf, o.conf
	if o.tls != nil && time.Until(o.tls.Until()) < certificateWarning {
		d.log.Warn("the certificate of a listener ends soon, or has ended", "listener", o.opts.ID, "end", o.tls.Until())
	}
	if loopback(k.Bind) {
		return
	}
	if !secure(k) && c.Access.UsersFile != "" {
		d.log.Warn("passwords cross the network in the clear: use a listener of the kind ssl or wss", "listener", o.opts.ID)
	}
	rules := len(c.Access.Rules) > 0 || c.Access.RulesFile != ""
	if !rules && c.Access.NoMatch == "auto" && !k.AllowAnonymous {
		d.log.Warn("the clients of a listener may neither publish nor subscribe: set authorization.rules, authorization.rules_file or authorization.no_match",
			"listener", o.opts.ID)
	}
}

// refresh reads users, rules and certificates again. What is broken stays as
// it was.
func (d *daemon) refresh(c *config.Config) {
	if err := d.access.Reload(d.accessOptions(c)); err != nil {
		d.log.Error("users or rules were not read again: what is broken stays as it was", "err", err)
	} else {
		users, rules := d.access.Size()
		d.log.Info("users and rules were read again", "users", users, "rules", rules)
	}
	for _, o := range d.mqtt.open {
		if o.tls == nil {
			continue
		}
		if err := o.tls.Reload(tlsOptions(listenerNow(c, o.conf))); err != nil {
			d.log.Error("the certificates of a listener were not read again: it goes on with those that it has", "listener", o.opts.ID, "err", err)
		}
	}
}

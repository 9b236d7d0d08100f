package pluginhost

import (
	"context"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// SetListed says whether the node is to be registered at the backend. It is
// from the start of a member on, and until it leaves; a plugin without the
// capability ignores it.
func (h *Host) SetListed(yes bool) {
	h.mu.Lock()
	changed := h.listed != yes
	h.listed = yes
	h.mu.Unlock()
	if changed {
		poke(h.relist)
	}
}

// tend looks after a session at work in a goroutine of its own: it keeps the
// node registered and asks for the health. The function that it returns ends
// that, and takes the registration back when the end is orderly.
func (h *Host) tend(s *session) (end func(orderly bool)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	k := &keeper{h: h, s: s}
	go func() {
		defer close(done)
		k.run(ctx)
	}()
	return func(orderly bool) {
		cancel()
		<-done
		if orderly {
			k.deregister(context.Background())
		}
	}
}

// keeper keeps the entry of the node at the backend for one session. The
// plugin renews it and restores it after an outage; what is left to the host
// is to say that it should be there, after each start of the plugin.
type keeper struct {
	h     *Host
	s     *session
	asked bool // a Register has succeeded in this session, or was cut short
	fails int
}

func (k *keeper) run(ctx context.Context) {
	for {
		pause := k.step(ctx)
		if !k.rest(ctx, pause) {
			return
		}
	}
}

// rest waits until there is something to do; it reports false at the end.
// Meanwhile it looks at the health for those who ask.
func (k *keeper) rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-k.h.relist:
			return true
		case <-timer.C:
			return true
		case done := <-k.h.look:
			done <- k.health(ctx)
		}
	}
}

// step does what is to be done and returns when to look again.
func (k *keeper) step(ctx context.Context) time.Duration {
	pause := k.h.o.Timers.Tend
	if k.h.Offers(discovery.CanRegister) {
		k.h.mu.Lock()
		listed := k.h.listed
		k.h.mu.Unlock()
		switch {
		case !listed:
			k.deregister(ctx)
		case !k.asked:
			pause = min(pause, k.register(ctx))
		}
	}
	k.health(ctx)
	return pause
}

// register enters the node and returns when to try again if that failed.
func (k *keeper) register(ctx context.Context) time.Duration {
	o := &k.h.o
	var ttl time.Duration
	err := within(ctx, o.Timers.Register, func(ctx context.Context) (err error) {
		ttl, err = k.s.client.Register(ctx, o.Self, o.registerTTL())
		return err
	})
	if ctx.Err() != nil {
		k.asked = true // it may have been done: an orderly end takes it back
		return 0
	}
	if err != nil {
		k.fails++
		k.h.noteError(err)
		k.h.withdraw(discovery.CanRegister, err)
		k.h.o.Logger.Warn("the node is not registered at the backend", "plugin", o.Strategy, "error", err)
		return retryRegister(k.fails)
	}
	k.asked, k.fails = true, 0
	k.h.noteRegistration(discovery.Registration{State: discovery.Registered, Since: time.Now(), TTL: ttl})
	return o.Timers.Tend
}

// retryRegister is the pause after so many failures in a row.
func retryRegister(fails int) time.Duration {
	return min(200*time.Millisecond<<min(fails-1, 10), 30*time.Second)
}

func (o *Options) registerTTL() time.Duration {
	if o.RegisterTTL > 0 {
		return o.RegisterTTL
	}
	return time.Minute
}

// deregister takes the entry back, once.
func (k *keeper) deregister(ctx context.Context) {
	if !k.asked {
		return
	}
	o := &k.h.o
	err := within(ctx, o.Timers.Leave, func(ctx context.Context) error {
		return k.s.client.Deregister(ctx, o.Self.NodeUID)
	})
	if err != nil {
		k.h.noteError(err)
		o.Logger.Warn("the node's entry at the backend stays until it expires", "plugin", o.Strategy, "error", err)
	}
	k.asked = false
	k.h.noteRegistration(discovery.Registration{State: discovery.NotRegistered, Since: time.Now()})
}

// health asks the plugin how it does. One that does not answer, which it
// reports, is looked at by the supervisor.
func (k *keeper) health(ctx context.Context) (answered bool) {
	var now discovery.Health
	err := within(ctx, k.h.o.Timers.Health, func(ctx context.Context) (err error) {
		now, err = k.s.client.Health(ctx)
		return err
	})
	switch {
	case ctx.Err() != nil:
	case discovery.ClassOf(err) == discovery.Timeout:
		select {
		case k.h.suspect <- k.s:
		default:
		}
		return false
	case err == nil:
		k.h.move(func(st *Status) { st.Health, st.HealthAt = now, time.Now() })
		if k.asked && now.Registration.State != discovery.NotRegistered {
			k.h.noteRegistration(now.Registration)
		}
	}
	return true
}

// noteRegistration keeps the state of the node's entry and reports each
// change once: a loss and a restoration are both an operator's business.
func (h *Host) noteRegistration(r discovery.Registration) {
	var before discovery.RegistrationState
	h.move(func(st *Status) { before, st.Registered = st.Registered.State, r })
	switch {
	case before == r.State:
	case r.State == discovery.RegistrationLost:
		h.o.Logger.Warn("registration LOST: the backend does not hold the node's entry; the node stays a member",
			"plugin", h.o.Strategy)
	case before == discovery.RegistrationLost && r.State == discovery.Registered:
		h.o.Logger.Info("registration RESTORED", "plugin", h.o.Strategy, "ttl", r.TTL)
	case r.State == discovery.Registered:
		h.o.Logger.Info("registered at the backend", "plugin", h.o.Strategy, "ttl", r.TTL)
	default:
		h.o.Logger.Info("no longer registered at the backend", "plugin", h.o.Strategy)
	}
}

package pluginhost

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// Offers reports whether the plugin said last that it can do c. Before its
// first start it has said nothing.
func (h *Host) Offers(c discovery.Capability) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.status.Capabilities, c)
}

// Try asks the plugin as Discover does, and keeps nothing of the answer.
func (h *Host) Try(ctx context.Context) (discovery.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, h.o.Timers.Discover)
	defer cancel()
	s, err := h.await(ctx)
	if err != nil {
		return discovery.Answer{}, err
	}
	a, err := s.client.Discover(ctx)
	if err != nil {
		err = h.failed(ctx, s, err)
	}
	return a, err
}

// Claim proposes a value for key and returns the one that stands, whoever
// proposed it. It takes Timers.Claim at most.
func (h *Host) Claim(ctx context.Context, key string, value []byte) (stands []byte, err error) {
	err = h.call(ctx, discovery.CanClaim, h.o.Timers.Claim, func(ctx context.Context, c *discovery.Client) error {
		stands, err = c.Claim(ctx, key, value)
		return err
	})
	return stands, err
}

// Unclaim removes key if value stands there, and reports whether it did.
func (h *Host) Unclaim(ctx context.Context, key string, value []byte) (removed bool, err error) {
	err = h.call(ctx, discovery.CanClaim, h.o.Timers.Claim, func(ctx context.Context, c *discovery.Client) error {
		removed, err = c.Unclaim(ctx, key, value)
		return err
	})
	return removed, err
}

// call makes one call of a capability, for d at most. A plugin that answers
// UNIMPLEMENTED for what it declared loses the capability until it is started
// again.
func (h *Host) call(ctx context.Context, needs discovery.Capability, d time.Duration,
	f func(context.Context, *discovery.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	s, err := h.await(ctx)
	if err != nil {
		return err
	}
	if !h.Offers(needs) {
		return discovery.Errorf(discovery.Unsupported, "the plugin does not offer it")
	}
	if err = f(ctx, s.client); err == nil {
		return nil
	}
	err = h.failed(ctx, s, err)
	h.noteError(err)
	h.withdraw(needs, err)
	return err
}

// withdraw takes a capability away that the plugin does not have after all.
func (h *Host) withdraw(c discovery.Capability, err error) {
	if discovery.ClassOf(err) != discovery.Unsupported {
		return
	}
	h.move(func(s *Status) {
		s.Capabilities = slices.DeleteFunc(slices.Clone(s.Capabilities), func(x discovery.Capability) bool { return x == c })
	})
	h.o.Logger.Warn("the plugin declares a capability and does not have it", "plugin", h.o.Strategy, "error", err)
}

// errSilent ends a watch that brings not even heartbeats.
var errSilent = errors.New("no event and no heartbeat")

// Watch calls on with each whole answer that the plugin sends, until ctx ends,
// the plugin does, or its watch falls silent: then the caller asks again. A
// plugin that does not offer it gives a discovery.Unsupported error.
func (h *Host) Watch(ctx context.Context, on func(discovery.Answer)) error {
	s, err := h.await(ctx)
	if err != nil {
		return err
	}
	if !h.Offers(discovery.CanWatch) {
		return discovery.Errorf(discovery.Unsupported, "the plugin does not offer it")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(h.o.Timers.Silence, func() { cancel(errSilent) })
	defer silence.Stop()
	defer h.move(func(st *Status) { st.Watching = false })
	err = s.client.Watch(ctx, "", func(ev discovery.Event) error {
		silence.Reset(h.o.Timers.Silence)
		h.noteEvent(ev, on)
		return nil
	})
	if errors.Is(context.Cause(ctx), errSilent) {
		err = discovery.Errorf(discovery.Timeout, "the watch is silent: %w", errSilent)
	} else if err != nil {
		err = h.failed(ctx, s, err)
	}
	h.noteError(err)
	h.withdraw(discovery.CanWatch, err)
	return err
}

func (h *Host) noteEvent(ev discovery.Event, on func(discovery.Answer)) {
	switch {
	case ev.Snapshot != nil:
		h.move(func(st *Status) { st.Watching = true })
		h.noteAnswer(*ev.Snapshot)
		on(*ev.Snapshot)
	case ev.Resync != "":
		h.o.Logger.Debug("the watch has missed something and begins anew", "plugin", h.o.Strategy, "why", ev.Resync)
	case ev.Registration != nil:
		h.noteRegistration(*ev.Registration)
	}
}

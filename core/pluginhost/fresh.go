package pluginhost

import (
	"context"
	"errors"
	"time"
)

// outcome is what the last Discover came to.
type outcome struct {
	at     time.Time // zero: there was none
	failed bool
}

// noteOutcome keeps that a Discover has failed; one that its caller cancelled
// says nothing.
func (h *Host) noteOutcome(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = outcome{at: time.Now(), failed: true}
	h.tell()
}

// Fresh returns the Status of the moment of the question. What a plugin at
// work says of its backend is asked anew; and if its last Discover has failed,
// those who wait for Woken are told, and their question is waited for, so that
// a trouble which is over is not shown for as long as they would pause. A
// plugin that does not answer is found out. It takes four times Timers.Health
// at most; who asks several hosts does it at once.
func (h *Host) Fresh(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, 4*h.o.Timers.Health)
	defer cancel()
	began := time.Now()
	h.mu.Lock()
	s, trouble := h.session, h.asked.failed
	h.mu.Unlock()
	if s == nil {
		return h.Status()
	}
	if trouble {
		poke(h.woken)
		_ = within(ctx, h.o.Timers.Health, func(ctx context.Context) error {
			h.until(ctx, func() bool { return h.session != s || h.asked.at.After(began) })
			return nil
		})
	}
	answered := make(chan bool, 1)
	select {
	case h.look <- answered:
		if <-answered { // within Timers.Health
			break
		}
		h.until(ctx, func() bool { return h.session != s })
	case <-s.proc.gone:
		h.until(ctx, func() bool { return h.session != s })
	case <-ctx.Done():
	}
	return h.Status()
}

// until returns when ok, which is called with the lock held, or ctx ends.
func (h *Host) until(ctx context.Context, ok func() bool) {
	for {
		h.mu.Lock()
		now, changed := ok(), h.changed
		h.mu.Unlock()
		if now {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

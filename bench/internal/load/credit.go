package load

import (
	"context"
	"sync/atomic"
	"time"
)

// credit bounds what of one publisher is under way: sent, and not yet seen by
// all its subscribers.
type credit struct {
	limit   int64         // messages times subscribers
	fan     int64         // subscribers of a message
	grace   time.Duration // after which what is missing is lost
	sent    int64         // times subscribers; the publisher's own
	seen    atomic.Int64
	waiting atomic.Bool
	wake    chan struct{}
	timer   *time.Timer
	stalls  uint64 // how often something was given up as lost
}

// newCredit returns nil, for no bound, when there is none in the options.
func newCredit(o Options) *credit {
	if o.Credit == 0 {
		return nil
	}
	fan := int64(o.Clients)
	if o.Own {
		fan = int64(o.Clients / o.Publishers)
	}
	timer := time.NewTimer(o.Grace)
	timer.Stop()
	return &credit{limit: int64(o.Credit) * fan, fan: fan, grace: o.Grace, wake: make(chan struct{}, 1), timer: timer}
}

// take counts one message more, and reports false when there is no room.
func (c *credit) take() bool {
	if c.sent+c.fan-c.seen.Load() > c.limit {
		return false
	}
	c.sent += c.fan
	return true
}

// wait takes when there is room again.
func (c *credit) wait(ctx context.Context) error {
	c.timer.Reset(c.grace)
	defer c.timer.Stop()
	for {
		c.waiting.Store(true)
		if c.take() {
			c.waiting.Store(false)
			return nil
		}
		before := c.seen.Load()
		select {
		case <-c.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.timer.C:
			if c.seen.Load() == before {
				c.stalls++
				c.seen.Store(c.sent)
			}
			c.timer.Reset(c.grace)
		}
	}
}

// back is called for each message that a subscriber has seen.
func (c *credit) back() {
	if c == nil {
		return
	}
	c.seen.Add(1)
	if c.waiting.Load() && c.waiting.CompareAndSwap(true, false) {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

package autocluster

import (
	"math/rand/v2"
	"time"
)

// Polls is the pace of one strategy over its polls; Pace is the one to set.
type Polls struct {
	Pace  Pace
	wait  time.Duration // base of the wait before the latest poll
	fails int           // in a row
}

// Next returns the time to wait after a poll; its Wait need not be set. One
// that failed is repeated soon, at 50, 100, 200 … ms up to the pace, but not
// before RetryAfter: a plugin that is still starting is asked again soon.
func (p *Polls) Next(got Poll, ok bool, rand *rand.Rand) time.Duration {
	got.Wait = p.wait
	wait, base := p.Pace.Next(got, rand)
	if !ok {
		p.fails++
		return max(min(doubled(p.fails), wait), got.RetryAfter)
	}
	p.fails, p.wait = 0, base
	return wait
}

// Wait is the pace before its spread, 0 until a poll has succeeded.
func (p *Polls) Wait() time.Duration { return p.wait }

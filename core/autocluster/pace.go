package autocluster

import (
	"math/rand/v2"
	"time"
)

// The pace of discovery. It never stops; it slows down.
const (
	pollFirst   = 5 * time.Second  // while nobody else has been met
	pollMax     = 60 * time.Second // the slowest
	hintMin     = time.Second      // the fastest that a hint makes it
	retryMax    = 10 * time.Minute // the longest wait that a backend may ask for
	jitterShare = 5                // ± a fifth
	probeFirst  = 50 * time.Millisecond
)

// Pace is how often a strategy is asked, out to Max while all is quiet. Zero
// fields mean the defaults, 5 s and 60 s.
type Pace struct {
	First time.Duration // while no other node has been met
	Max   time.Duration
}

// Poll is what the latest poll of a strategy brought.
type Poll struct {
	Wait       time.Duration // that preceded it; 0: it was the first
	Met        bool          // a node other than self is known; only oneself is no success
	Hint       time.Duration // the plugin's own wish, such as a TTL; 0: none
	RetryAfter time.Duration // the backend refuses to be asked earlier; 0: it does not
}

// Next returns the time to wait before the next poll, and the Poll.Wait to
// hand in then. It doubles from First to Max once others have been met; a
// hint, between 1 s and Max, takes its place. The wait itself is spread by
// ± 20 %, but is never shorter than a hint or RetryAfter (10 min at most).
func (p Pace) Next(last Poll, rand *rand.Rand) (wait, base time.Duration) {
	p = p.withDefaults()
	base = p.First
	if last.Met && last.Wait > 0 {
		base = min(max(last.Wait*2, p.First), p.Max)
	}
	if last.Hint > 0 {
		hint := min(max(last.Hint, hintMin), p.Max)
		wait = hint + spread(hint, rand)
	} else {
		wait = base - base/jitterShare + 2*spread(base, rand)
	}
	return max(wait, min(last.RetryAfter, retryMax)), base
}

// Slowest is the longest time between two polls, before its spread.
func (p Pace) Slowest() time.Duration { return p.withDefaults().Max }

// spread is a random part of up to a fifth of d.
func spread(d time.Duration, rand *rand.Rand) time.Duration {
	return time.Duration(rand.Int64N(int64(d/jitterShare) + 1))
}

func (p Pace) withDefaults() Pace {
	if p.First <= 0 {
		p.First = pollFirst
	}
	if p.Max <= 0 {
		p.Max = pollMax
	}
	p.Max = max(p.Max, p.First)
	return p
}

// NextProbe returns when a candidate is to be probed next; the zero time means
// at once. One that refused or was silent is tried again after 50, 100, 200 …
// ms, up to poll, the pace of the polls; one that answered after poll.
func NextProbe(c Candidate, poll time.Duration) time.Time {
	if c.LastTried.IsZero() {
		return time.Time{}
	}
	if c.Answered {
		return c.LastTried.Add(poll)
	}
	wait := probeFirst
	for n := 1; n < c.Tries && wait < poll; n++ {
		wait *= 2
	}
	return c.LastTried.Add(min(wait, poll))
}

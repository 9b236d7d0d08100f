package announce

import (
	"net/netip"
	"time"
)

// How many frames are looked at. The limits are far above what a cluster says
// and far below what a machine can check, on purpose: a source is an address
// that anybody can write into his packets, so that a low limit would let him
// silence the node that has it.
const (
	sourceRate = 20_000 // a second, of one source, and at once
	totalRate  = 50_000 // of all of them
	maxSources = 1024   // that have a limit of their own; the others share one
)

// bucket holds what may be spent at once and fills within a second.
type bucket struct {
	spent float64
	at    time.Time
}

// take takes one of rate, unless all are spent.
func (b *bucket) take(rate float64, now time.Time) bool {
	b.spent = max(b.spent-rate*max(now.Sub(b.at).Seconds(), 0), 0)
	b.at = now
	if b.spent+1 > rate {
		return false
	}
	b.spent++
	return true
}

// limiter bounds the frames of each source and of all. It is not safe for
// concurrent use.
type limiter struct {
	total, others bucket
	sources       map[netip.Addr]*bucket
}

func newLimiter() *limiter { return &limiter{sources: make(map[netip.Addr]*bucket)} }

// allow says whether a frame of the source may be looked at.
func (l *limiter) allow(source netip.Addr, now time.Time) bool {
	b := l.sources[source]
	if b == nil {
		b = &l.others
		if len(l.sources) < maxSources {
			b = &bucket{}
			l.sources[source] = b
		}
	}
	return b.take(sourceRate, now) && l.total.take(totalRate, now)
}

// sweep forgets the sources that have not sent for so long that their limit is
// as if they had never sent.
func (l *limiter) sweep(now time.Time) {
	for source, b := range l.sources {
		if now.Sub(b.at) >= time.Second {
			delete(l.sources, source)
		}
	}
}

package core

import (
	"errors"
	"time"
)

// Stamp is a moment in cluster time: milliseconds since the Unix epoch of the
// founder's clock in the upper 48 bits, a counter in the lower 16.
type Stamp uint64

// stampTick is one millisecond of cluster time.
const stampTick = 1 << 16

// StampAhead is how far ahead of the local cluster time a stamp may be.
const StampAhead = 5 * time.Second

// MaxStamp is further than any clock gets (the year 3084). A higher stamp is
// made up, and would make the next one wrap around.
const MaxStamp Stamp = 1 << 61

// ErrStampAhead refuses a stamp more than StampAhead in the future: the clock
// of the node that made it, or ours, is wrong.
var ErrStampAhead = errors.New("stamp is too far ahead of cluster time")

// StampAt returns the stamp of a wall clock reading.
func StampAt(t time.Time) Stamp { return Stamp(t.UnixMilli()) * stampTick }

// Time returns the cluster time of s as a time.Time.
func (s Stamp) Time() time.Time { return time.UnixMilli(int64(s / stampTick)) }

// Clock is the cluster time of one node. It starts at a stamp and advances
// with the monotonic readings that it is given, so a step of the wall clock
// changes nothing (PROTOCOL, "Clock"). The zero Clock is not usable.
type Clock struct {
	base Stamp
	at   time.Time
	last Stamp
}

// NewClock returns a clock that shows start at the moment at, which must
// carry a monotonic reading.
func NewClock(start Stamp, at time.Time) Clock {
	return Clock{base: start, at: at, last: start}
}

// Now returns the next stamp: never the same one twice, never a lower one.
func (c *Clock) Now(at time.Time) Stamp {
	c.last = max(c.reading(at), c.last+1)
	return c.last
}

// Observe takes in a stamp made elsewhere, so that later stamps of ours are
// higher. It returns ErrStampAhead, and changes nothing, when s is too far
// ahead.
func (c *Clock) Observe(s Stamp, at time.Time) error {
	if s > max(c.reading(at), c.last)+Stamp(StampAhead.Milliseconds())*stampTick {
		return ErrStampAhead
	}
	c.last = max(c.last, s)
	return nil
}

// Adopt moves the clock up to s, however far ahead that is: at a link-up both
// sides take the higher of the two cluster times of their proved hellos. A
// stamp that no clock can have is ignored.
func (c *Clock) Adopt(s Stamp, at time.Time) {
	if s > MaxStamp {
		return
	}
	if s > c.reading(at) {
		c.base, c.at = s, at
	}
	c.last = max(c.last, s)
}

func (c *Clock) reading(at time.Time) Stamp {
	return c.base + Stamp(max(at.Sub(c.at), 0).Milliseconds())*stampTick
}

// Token orders the claims on one client ID: the later stamp wins, then the
// higher uid. A state change with an older token changes nothing.
type Token struct {
	Stamp Stamp
	UID   UID // of the node that made it
}

// Compare orders two tokens; positive means that t wins over u.
func (t Token) Compare(u Token) int {
	switch {
	case t.Stamp < u.Stamp:
		return -1
	case t.Stamp > u.Stamp:
		return 1
	}
	return t.UID.Compare(u.UID)
}

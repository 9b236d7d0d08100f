package nats

import (
	"sync/atomic"
	"time"
)

// The window of a direction, in bytes: how much may be under way. The receiver
// grants it. It is firstWindow until the link is used for frames longer than a
// hello, and from then on what has come within target, so that what is sent
// waits no longer than that on a slow way: probes and the server's answers go
// the same way behind it.
//
// All windows of a node together stay below what a server holds for a client
// before it takes it for a slow one (max_pending, 64 MB by default): what they
// have grown beyond firstWindow is maxGrown at most, so that there is room for
// 500 links.
const (
	firstWindow = 64 << 10
	leastWindow = 32 << 10
	fullWindow  = 3 << 20
	maxGrown    = 24 << 20
	target      = 300 * time.Millisecond
	// packetCost is what a packet takes of a window beside its part of the
	// stream: short ones cost memory too.
	packetCost = 96
)

// window is what one link may have under way to us. It moves when half of it
// is used up.
type window struct {
	size  int64     // now
	since time.Time // of the last move
	grown int64     // of size, as taken from the node's room
	room  *atomic.Int64
}

// move sets the size anew when so many bytes have come since the last move. It
// at most doubles or halves.
func (w *window) move(now time.Time, came int64) {
	next := 2 * w.size
	if took := now.Sub(w.since); took > 0 {
		next = min(next, int64(float64(came)*float64(target)/float64(took)))
	}
	w.since = now
	w.resize(min(max(next, leastWindow, w.size/2), fullWindow))
}

// resize takes what is to be more from the node's room, and gives back what is
// less. It leaves seven times as much as it has: so there is room for the next
// link, also when those that have grown are idle, and busy ones come to equal
// shares. One that has more comes down by halves, as the peer uses up what it
// was granted.
func (w *window) resize(size int64) {
	for {
		left := w.room.Load()
		grown := min(max(size-firstWindow, 0), max((left+w.grown)/8, w.grown/2))
		if w.room.CompareAndSwap(left, left+w.grown-grown) {
			w.grown, w.size = grown, min(size, firstWindow+grown)
			return
		}
	}
}

// free gives everything back.
func (w *window) free() { w.room.Add(w.grown); w.grown = 0 }

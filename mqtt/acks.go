package mqtt

import (
	"sync"

	"github.com/muster-mqtt/muster/mqtt/internal/ring"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// acks keeps the PUBACKs of one connection in the order in which its
// PUBLISHes came [MQTT-4.6.0-2], whatever the order in which they are
// accepted, and counts the SUBACKs that are still to be sent.
type acks struct {
	out   *outbox
	limit int
	room  func() // called when full has become false

	mu      sync.Mutex
	ring    ring.Ring[ack]
	first   uint64 // number of the oldest of ring
	subacks int
}

type ack struct {
	id       uint16
	accepted bool
}

// full reports whether no more may be taken in.
func (a *acks) full() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fullLocked()
}

func (a *acks) fullLocked() bool { return a.ring.Len()+a.subacks >= a.limit }

// publish takes in a PUBLISH and returns what to call when it is accepted, on
// any goroutine; calling it again changes nothing.
func (a *acks) publish(id uint16) (accepted func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	number := a.first + uint64(a.ring.Len())
	a.ring.Push(ack{id: id})
	return func() { a.accept(number) }
}

// accept sends the PUBACKs that have no elder left to wait for.
func (a *acks) accept(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if number < a.first {
		return
	}
	full := a.fullLocked()
	a.ring.At(int(number - a.first)).accepted = true
	for a.ring.Len() > 0 && a.ring.At(0).accepted {
		var b [4]byte
		a.out.reply(packet.Ack{Type: packet.TypePuback, ID: a.ring.Pop().id}.Append(b[:0]))
		a.first++
	}
	a.freed(full)
}

// subscribe takes in a SUBSCRIBE that is answered later by suback.
func (a *acks) subscribe() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.subacks++
}

// suback sends the answer of a SUBSCRIBE.
func (a *acks) suback(s packet.Suback) {
	a.mu.Lock()
	defer a.mu.Unlock()
	full := a.fullLocked()
	a.subacks--
	a.out.reply(s.Append(nil))
	a.freed(full)
}

func (a *acks) freed(wasFull bool) {
	if wasFull && !a.fullLocked() {
		a.room()
	}
}

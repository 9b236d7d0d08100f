package mqtt

import (
	"sync"

	"github.com/muster-mqtt/muster/mqtt/internal/ring"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// acks keeps the PUBACKs and PUBRECs of one connection in the order in which
// its PUBLISHes came [MQTT-4.6.0-2, 4.6.0-3], whatever the order in which they
// are accepted, and counts what else is still to be answered.
type acks struct {
	c *conn

	mu    sync.Mutex
	ring  ring.Ring[ack]
	first uint64 // number of the oldest of ring
	later int    // SUBSCRIBEs and UNSUBSCRIBEs to be answered
	// quota counts the PUBLISHes of QoS 1 and 2 that count in our Receive
	// Maximum: those not answered by a PUBACK, a PUBCOMP or a refusal yet
	// [MQTT-4.9.0-1].
	quota int
}

type ack struct {
	id     uint16
	typ    packet.Type // TypePuback or TypePubrec
	reason packet.Reason
	ready  bool
}

// full reports whether no more may be taken in.
func (a *acks) full() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fullLocked()
}

// fullLocked does not count the PUBLISHes of a client of 5.0: one that sends
// too many is disconnected instead.
func (a *acks) fullLocked() bool {
	n := a.later
	if a.c.version != packet.Version5 {
		n += a.ring.Len()
	}
	return n >= a.c.broker.limits.ReceiveMaximum
}

// publish takes in a PUBLISH of QoS 1 or 2 and returns the number by which
// accept knows it. fits is false when the client exceeds our Receive Maximum.
func (a *acks) publish(typ packet.Type, id uint16) (number uint64, fits bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quota++
	number = a.first + uint64(a.ring.Len())
	a.ring.Push(ack{id: id, typ: typ})
	return number, a.quota <= a.c.broker.limits.ReceiveMaximum
}

// accept answers a PUBLISH, and sends the answers that have no elder left to
// wait for. The first call for a number counts; it may come on any goroutine.
func (a *acks) accept(number uint64, reason packet.Reason) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if number < a.first || a.ring.At(int(number-a.first)).ready {
		return
	}
	full := a.fullLocked()
	answer := a.ring.At(int(number - a.first))
	answer.ready, answer.reason = true, reason
	for a.ring.Len() > 0 && a.ring.At(0).ready {
		a.send(a.ring.Pop())
		a.first++
	}
	a.freed(full)
}

func (a *acks) send(k ack) {
	if k.typ == packet.TypePuback || k.reason >= 0x80 {
		a.quota--
	}
	a.c.out.ack(packet.Ack{Version: a.c.out.version, Type: k.typ, ID: k.id, Reason: k.reason})
}

// complete answers a PUBREL, which ends the exchange of a message.
func (a *acks) complete(p packet.Ack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quota = max(a.quota-1, 0)
	a.c.out.ack(p)
}

// promise counts an answer that answer sends later.
func (a *acks) promise() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.later++
}

// answer sends the answer of a SUBSCRIBE or an UNSUBSCRIBE.
func (a *acks) answer(p encoder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	full := a.fullLocked()
	a.later--
	a.c.out.reply(p)
	a.freed(full)
}

func (a *acks) freed(wasFull bool) {
	if wasFull && !a.fullLocked() {
		a.c.resume()
	}
}

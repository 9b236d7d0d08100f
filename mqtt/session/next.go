package session

import (
	"math"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// Next returns the next packet for the connection; the caller sends it. First
// come the PUBRELs that are to be sent again, which no window holds back
// [MQTT-4.9.0-3], then the messages to be sent again, with DUP [MQTT-3.3.1-1]
// and in their order [MQTT-4.6.0-1], then the queue. false means that there is
// none now: nothing waits, the window is full, or Gate is closed.
func (s *Session) Next(now time.Time) (Out, bool) {
	if !s.online {
		return Out{}, false
	}
	for {
		if id := s.nextPubrel(); id > 0 {
			return Out{Pubrel: id}, true
		}
		if s.resent >= s.inflight.Len() {
			return s.nextQueued(now)
		}
		if out, ok := s.resend(now); ok || s.resent < s.inflight.Len() && s.owed == 0 {
			return out, ok
		}
	}
}

// nextPubrel gives the oldest PUBREL that is owed, 0 for none.
func (s *Session) nextPubrel() uint16 {
	for ; s.owed > 0 && s.relAt < s.inflight.Len(); s.relAt++ {
		if m := s.inflight.At(s.relAt); m.phase == phaseReleased && !m.given {
			m.given = true
			s.owed--
			return s.idAt(s.relAt)
		}
	}
	s.owed = 0
	return 0
}

// resend gives the next message that an earlier connection was given. It stops
// at a full window, or at a PUBREL that is owed.
func (s *Session) resend(now time.Time) (Out, bool) {
	for s.owed == 0 && s.resent < s.inflight.Len() {
		m := s.inflight.At(s.resent)
		if m.phase != phasePublished {
			s.resent++
			continue
		}
		if s.active >= s.window {
			break
		}
		d := s.delivery(now, queued{message: m.message, ids: m.ids, qos: m.qos, retain: m.retain})
		d.ID, d.Dup = s.idAt(s.resent), true
		if why, bad := s.unfit(now, d, m.unsure); bad {
			s.giveUp(m, d.ID, why)
			continue
		}
		if m.unsure {
			s.logID(OpSent, d.ID)
		}
		m.given, m.unsure = true, false
		s.activate(m)
		s.resent++
		return Out{Delivery: d}, true
	}
	return Out{}, false
}

// unfit says why a delivery is not to be sent, if so. Only one whose delivery
// has not begun may expire.
func (s *Session) unfit(now time.Time, d packet.Delivery, fresh bool) (Reason, bool) {
	switch {
	case fresh && d.Message.Expired(now):
		return Expired, true
	case !s.takes(d):
		return PacketTooLarge, true
	}
	return 0, false
}

// giveUp ends a message that an earlier connection may have been given. The
// client may know the identifier of one of QoS 2 and wait for its PUBREL: it
// gets that.
func (s *Session) giveUp(m *slot, id uint16, why Reason) {
	s.drop(why)
	if m.qos != 2 {
		s.end(id, m)
		return
	}
	s.logID(OpPubrec, id)
	s.release(m)
	s.relAt = min(s.relAt, s.resent)
}

// nextQueued gives the oldest message of the queue, if it may go.
func (s *Session) nextQueued(now time.Time) (Out, bool) {
	for s.queue.Len() > 0 {
		q := s.queue.At(0)
		if q.message.Expired(now) {
			s.dropHead(Expired) // [MQTT-3.3.2-5]
			continue
		}
		if q.qos > 0 && !s.opening(q) {
			break
		}
		d := s.delivery(now, *q)
		if !s.takes(d) {
			s.dropHead(PacketTooLarge)
			continue
		}
		if q.qos > 0 {
			d.ID = s.idAt(s.inflight.Len())
			s.logID(OpSent, d.ID)
			s.send(true)
			return Out{Delivery: d}, true
		}
		s.popQueue()
		return Out{Delivery: d}, true
	}
	return Out{}, false
}

// opening reports whether window and gate are open for the head of the queue.
func (s *Session) opening(q *queued) bool {
	return s.active < s.window && s.inflight.Len() < s.maxSpan() && !s.shut(q)
}

// send moves the head of the queue into inflight.
func (s *Session) send(given bool) {
	q := s.popQueue()
	m := slot{message: q.message, ids: q.ids, qos: q.qos, retain: q.retain, phase: phasePublished, given: given}
	if given {
		s.activate(&m)
	}
	s.inflight.Push(m)
	if given {
		s.resent, s.relAt = s.inflight.Len(), s.inflight.Len()
	}
}

// Gate reports whether Next holds a message of QoS 2 back, which it does with
// Options.Gated, and until what mark. The log may still lose what fixes its
// identifier: that it was delivered, that a message before it was dropped, that
// there is a connection at all. If the message left and a kill came then, the
// client could take another message of that identifier for this one. The caller has Written called with
// the mark when everything recorded so far is in the log, and then calls Next.
func (s *Session) Gate() (mark uint64, shut bool) {
	shut = s.online && s.resent == s.inflight.Len() && s.queue.Len() > 0 && s.shut(s.queue.At(0))
	return s.gate, shut
}

// Written says that everything recorded when Gate returned mark is in the log.
func (s *Session) Written(mark uint64) { s.written = max(s.written, min(mark, s.gate)) }

// bar lets no message of QoS 2 leave before what is recorded next is in the log.
func (s *Session) bar() {
	s.gate++
	s.barrier = s.gate
}

func (s *Session) shut(q *queued) bool {
	return s.gated && q.qos == 2 && s.written < max(q.gate, s.barrier)
}

// delivery is q as this connection gets it, without an identifier.
func (s *Session) delivery(now time.Time, q queued) packet.Delivery {
	d := packet.Delivery{Message: q.message, QoS: q.qos, Retain: q.retain, IDs: q.ids, Version: s.version}
	if e := q.message.Extra; e != nil && !e.Expires.IsZero() {
		d.Expiry, d.HasExpiry = remaining(e.Expires.Sub(now)), true // [MQTT-3.3.2-6]
	}
	return d
}

// remaining is a time in whole seconds, begun ones included.
func remaining(d time.Duration) uint32 {
	n := (max(d, 0) + time.Second - 1) / time.Second
	return uint32(min(n, math.MaxUint32))
}

// takes reports whether the client takes a packet of this size
// [MQTT-3.1.2-24].
func (s *Session) takes(d packet.Delivery) bool {
	return s.maxPacket == 0 || d.Size() <= int(s.maxPacket)
}

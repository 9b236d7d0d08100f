package session

import (
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// Reason says why messages were dropped; it is the reason of a counter.
type Reason string

// The reasons of a Drop.
const (
	Offline   Reason = "qos0_offline"      // QoS 0, and no connection
	QueueFull Reason = "queue_full"        // QoS 0: the new one; else the oldest
	TooLarge  Reason = "message_too_large" // longer than the whole queue may be
)

// Drop tells of messages that the session has given up. The zero Drop is none.
type Drop struct {
	Reason Reason
	Count  int
}

func drop(r Reason, n int) Drop {
	if n == 0 {
		return Drop{}
	}
	return Drop{Reason: r, Count: n}
}

// Deliver takes in a message for a subscription of QoS granted. Call Next
// afterwards. A full queue evicts its oldest messages for one of QoS 1, so
// that a client that returns finds the most recent ones; a message of QoS 0
// evicts nothing and is dropped itself.
func (s *Session) Deliver(m *core.Message, granted core.QoS) Drop {
	q := queued{message: m, qos: min(granted, m.QoS)}
	switch {
	case q.qos == 0 && !s.online:
		return drop(Offline, 1)
	case q.size() > s.limits.QueueBytes || s.limits.Queue < 1:
		return drop(TooLarge, 1)
	case q.qos == 0 && !s.fits(q):
		return drop(QueueFull, 1)
	}
	evicted := 0
	for ; !s.fits(q); evicted++ {
		s.popQueue()
	}
	s.pushQueue(q)
	return drop(QueueFull, evicted)
}

// Waiting reports whether messages wait for their turn: a later one must not
// overtake them.
func (s *Session) Waiting() bool {
	return s.queue.Len() > 0 || s.resent < s.inflight.Len()
}

// Next returns the next PUBLISH for the connection, in order: first those to
// be sent again, with DUP [MQTT-3.3.1-1], then the queue as far as the window
// allows. The caller sends it; false means that there is none now.
func (s *Session) Next() (packet.Delivery, bool) {
	for s.resent < s.inflight.Len() {
		m := s.inflight.At(s.resent).message
		s.resent++
		if m != nil {
			return packet.Delivery{Message: m, ID: s.idAt(s.resent - 1), QoS: 1, Dup: true}, true
		}
	}
	if s.queue.Len() == 0 {
		return packet.Delivery{}, false
	}
	if s.queue.At(0).qos == 0 {
		return packet.Delivery{Message: s.popQueue().message}, true
	}
	if s.inflight.Len() >= s.limits.Inflight {
		return packet.Delivery{}, false
	}
	q := s.popQueue()
	s.inflight.Push(slot{message: q.message})
	s.resent = s.inflight.Len()
	return packet.Delivery{Message: q.message, ID: s.idAt(s.resent - 1), QoS: 1}, true
}

// Puback takes in an acknowledgement and reports whether it was waited for.
// Room in the window may follow: call Next afterwards. A client acknowledges
// in order [MQTT-4.6.0-2]; one that leaves a message out narrows its own
// window.
func (s *Session) Puback(id uint16) bool {
	pos := (int(id) - int(s.firstID) + maxIDs) % maxIDs
	if id == 0 || pos >= s.inflight.Len() || s.inflight.At(pos).message == nil {
		return false
	}
	s.inflight.At(pos).message = nil
	for s.inflight.Len() > 0 && s.inflight.At(0).message == nil {
		s.firstID = s.idAt(1)
		s.inflight.Pop()
		s.resent = max(s.resent-1, 0)
	}
	return true
}

// idAt is the packet identifier of a position of inflight.
func (s *Session) idAt(pos int) uint16 {
	return uint16((int(s.firstID)-1+pos)%maxIDs + 1)
}

func (q queued) size() int { return len(q.message.Topic) + len(q.message.Payload) }

func (s *Session) fits(q queued) bool {
	return s.queue.Len() < s.limits.Queue && s.queueBytes+q.size() <= s.limits.QueueBytes
}

func (s *Session) pushQueue(q queued) {
	s.queue.Push(q)
	s.queueBytes += q.size()
}

func (s *Session) popQueue() queued {
	q := s.queue.Pop()
	s.queueBytes -= q.size()
	return q
}

package session

import (
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// queued is a message that waits for its turn.
type queued struct {
	message *core.Message
	ids     []uint32 // subscription identifiers
	gate    uint64   // the value of Session.gate when it came
	qos     core.QoS // the effective one
	retain  bool     // the flag that it is sent with
}

func newQueued(m *core.Message, g core.Grant, retained bool) queued {
	return queued{
		message: m, ids: g.IDs, qos: min(g.QoS, m.QoS),
		retain: retained || g.RetainAsPublished && m.Retain, // [MQTT-3.3.1-12, 3.3.1-13]
	}
}

// Deliver takes in a message for a subscription with grant g; retained says
// that it is delivered because of the subscribing itself [MQTT-3.3.1-8]. Call
// Next afterwards. A full queue evicts its oldest messages for one of QoS 1 or
// 2, so that a client that returns finds the most recent ones; a message of
// QoS 0 evicts nothing and is dropped itself.
func (s *Session) Deliver(now time.Time, m *core.Message, g core.Grant, retained bool) {
	q := newQueued(m, g, retained)
	switch {
	case q.qos == 0 && !s.online:
		s.drop(Offline)
		return
	case m.Expired(now):
		s.drop(Expired)
		return
	case q.size() > s.limits.QueueBytes || s.limits.Queue < 1:
		s.drop(TooLarge)
		return
	}
	if !s.fits(q) {
		s.purge(now)
	}
	if q.qos == 0 && !s.fits(q) {
		s.drop(QueueFull)
		return
	}
	for !s.fits(q) {
		s.dropHead(QueueFull)
	}
	if q.qos > 0 {
		s.gate++
		q.gate = s.gate
		s.logDeliver(q)
	}
	s.pushQueue(q)
}

// Direct returns the delivery of a message that may be sent at once: its
// effective QoS is 0 and nothing waits, so that neither queue nor window need
// to know of it. false means that Deliver and Next are the way.
func (s *Session) Direct(now time.Time, m *core.Message, g core.Grant) (packet.Delivery, bool) {
	if !s.online || min(g.QoS, m.QoS) > 0 || s.Waiting() || m.Expired(now) {
		return packet.Delivery{}, false
	}
	d := s.delivery(now, newQueued(m, g, false))
	return d, s.takes(d)
}

// Room reports whether a message of grant g could be sent at once: there is a
// connection, nothing waits, and the window has room. Of a group that shares
// a subscription, such a session is to have it.
func (s *Session) Room(m *core.Message, g core.Grant) bool {
	if !s.online || !s.fits(newQueued(m, g, false)) {
		return false
	}
	if min(g.QoS, m.QoS) == 0 {
		return !s.Waiting()
	}
	return s.resent == s.inflight.Len() && s.active+s.queue.Len() < s.window
}

// Waiting reports whether Next may have something, now or later: a message
// must not overtake those that wait. After an acknowledgement it may report so
// until Next has been called.
func (s *Session) Waiting() bool {
	return s.queue.Len() > 0 || s.resent < s.inflight.Len() || s.owed > 0
}

// purge drops the messages of the queue whose time has passed.
func (s *Session) purge(now time.Time) {
	if s.soonest.IsZero() || now.Before(s.soonest) {
		return
	}
	s.soonest = time.Time{}
	kept := 0 // of those that are recorded
	for range s.queue.Len() {
		q := s.popQueue()
		switch {
		case q.message.Expired(now):
			s.logDrop(q, kept)
			s.drop(Expired)
			continue
		case q.qos > 0:
			kept++
		}
		s.pushQueue(q)
	}
}

// dropHead gives up the oldest message that waits.
func (s *Session) dropHead(r Reason) {
	q := s.popQueue()
	s.logDrop(q, 0)
	s.drop(r)
}

func (s *Session) logDeliver(q queued) {
	if s.record != nil {
		s.record(Op{Kind: OpDeliver, Queued: q.exported()})
	}
}

// logDrop records that q is gone, which had index in the queue, messages of
// QoS 0 not counted: those are never recorded.
func (s *Session) logDrop(q queued, index int) {
	if q.qos > 0 {
		s.bar()
		s.log(Op{Kind: OpDrop, Index: index})
	}
}

func (q queued) size() int {
	return len(q.message.Topic) + len(q.message.Payload) + len(q.message.Properties())
}

func (s *Session) fits(q queued) bool {
	return s.queue.Len() < s.limits.Queue && s.queueBytes+q.size() <= s.limits.QueueBytes
}

func (s *Session) pushQueue(q queued) {
	s.queue.Push(q)
	s.queueBytes += q.size()
	if e := q.message.Extra; e != nil && !e.Expires.IsZero() && (s.soonest.IsZero() || e.Expires.Before(s.soonest)) {
		s.soonest = e.Expires
	}
}

func (s *Session) popQueue() queued {
	q := s.queue.Pop()
	s.queueBytes -= q.size()
	return q
}

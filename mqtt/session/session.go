package session

import (
	"maps"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/internal/ring"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// maxIDs is the number of packet identifiers, 1 to 65535 [MQTT-2.3.1].
const maxIDs = 65535

// Limits bound one session.
type Limits struct {
	Inflight      int // messages sent and not acknowledged; 1 to 65535
	Queue         int // messages that wait
	QueueBytes    int // topics and payloads of those, in bytes
	Subscriptions int
	FilterBytes   int // of the filters of those
}

// Session is the state of one client ID. It is not safe for concurrent use.
type Session struct {
	limits  Limits
	expiry  time.Duration
	expires time.Time // while offline
	online  bool
	subs    map[core.Filter]core.QoS

	filterBytes int

	// inflight holds consecutive identifiers beginning with firstID, so that
	// an acknowledgement finds its slot by subtraction. A slot acknowledged
	// before its elders stays, empty, until they are.
	inflight ring.Ring[slot]
	firstID  uint16
	resent   int // slots of inflight that this connection has been given

	queue      ring.Ring[queued]
	queueBytes int
}

type slot struct{ message *core.Message } // nil: acknowledged

type queued struct {
	message *core.Message
	qos     core.QoS // the effective one
}

// New returns an empty session, offline. It ends expiry after its connection
// has ended: 0 means with it.
func New(expiry time.Duration, l Limits) *Session {
	l.Inflight = min(max(l.Inflight, 1), maxIDs)
	return &Session{limits: l, expiry: expiry, firstID: 1, subs: map[core.Filter]core.QoS{}}
}

// Persistent reports whether the session outlives its connection.
func (s *Session) Persistent() bool { return s.expiry > 0 }

// Connect begins a connection: what was sent and not acknowledged on an
// earlier one is sent again by Next, before anything else [MQTT-4.4.0-1].
func (s *Session) Connect() {
	s.online = true
	s.resent = 0
}

// Disconnect ends the connection. Messages of QoS 0 that wait are dropped: they
// are not kept for a client that is away.
func (s *Session) Disconnect(now time.Time) Drop {
	s.online = false
	s.expires = now.Add(s.expiry)
	lost := 0
	for range s.queue.Len() {
		q := s.popQueue()
		if q.qos == 0 {
			lost++
			continue
		}
		s.pushQueue(q)
	}
	return drop(Offline, lost)
}

// Over reports whether the session has ended.
func (s *Session) Over(now time.Time) bool {
	return !s.online && !now.Before(s.expires)
}

// Subscribe adds or replaces a subscription and reports whether it did: a new
// filter beyond the limit is refused.
func (s *Session) Subscribe(sub packet.Subscription) bool {
	if _, known := s.subs[sub.Filter]; !known {
		n := s.filterBytes + len(sub.Filter)
		if len(s.subs) >= s.limits.Subscriptions || n > s.limits.FilterBytes {
			return false
		}
		s.filterBytes = n
	}
	s.subs[sub.Filter] = sub.QoS
	return true
}

// Unsubscribe takes a subscription back and reports whether there was one.
func (s *Session) Unsubscribe(f core.Filter) bool {
	_, known := s.subs[f]
	if known {
		s.filterBytes -= len(f)
		delete(s.subs, f)
	}
	return known
}

// Subscriptions returns all subscriptions, sorted by filter.
func (s *Session) Subscriptions() []packet.Subscription {
	all := make([]packet.Subscription, 0, len(s.subs))
	for _, f := range slices.Sorted(maps.Keys(s.subs)) {
		all = append(all, packet.Subscription{Filter: f, QoS: s.subs[f]})
	}
	return all
}

// Size says how much a session holds.
type Size struct {
	Subscriptions int
	Inflight      int // slots of the window in use
	Queue         int // messages that wait
}

// Size returns how much the session holds.
func (s *Session) Size() Size {
	return Size{Subscriptions: len(s.subs), Inflight: s.inflight.Len(), Queue: s.queue.Len()}
}

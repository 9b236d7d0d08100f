package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// State is a session as plain data, to be moved to another node or kept on
// disk. Time in it is relative, because clocks differ.
type State struct {
	Subscriptions []packet.Subscription // sorted by filter
	Inflight      []Inflight            // in the order of sending
	NextID        uint16                // identifier of the next new message
	Queue         []Queued              // in order
	Expiry        time.Duration         // after the end of a connection
	Remaining     time.Duration         // until the end of the session; 0 while online
}

// Inflight is a message that was sent and not acknowledged.
type Inflight struct {
	ID      uint16
	Message *core.Message
}

// Queued is a message that waits.
type Queued struct {
	Message *core.Message
	QoS     core.QoS // the effective one
}

// ErrState is wrapped by every error of Restore.
var ErrState = errors.New("not the state of a session")

// State returns a copy of the session; messages are shared.
func (s *Session) State(now time.Time) State {
	st := State{Subscriptions: s.Subscriptions(), NextID: s.idAt(s.inflight.Len()), Expiry: s.expiry}
	for i := range s.inflight.Len() {
		if m := s.inflight.At(i).message; m != nil {
			st.Inflight = append(st.Inflight, Inflight{ID: s.idAt(i), Message: m})
		}
	}
	for i := range s.queue.Len() {
		q := s.queue.At(i)
		st.Queue = append(st.Queue, Queued{Message: q.message, QoS: q.qos})
	}
	if !s.online {
		st.Remaining = max(s.expires.Sub(now), 0)
	}
	return st
}

// Restore makes a session, offline, from a state. What it holds beyond the
// limits stays; nothing is added to it until there is room. The error wraps
// ErrState and names the part that is wrong.
func Restore(st State, now time.Time, l Limits) (*Session, error) {
	s := New(st.Expiry, l)
	s.expires = now.Add(st.Remaining)
	for _, sub := range st.Subscriptions {
		if _, twice := s.subs[sub.Filter]; twice || sub.QoS > 2 {
			return nil, fmt.Errorf("subscription %q: %w", sub.Filter, ErrState)
		}
		s.subs[sub.Filter] = sub.QoS
		s.filterBytes += len(sub.Filter)
	}
	if err := s.restoreInflight(st); err != nil {
		return nil, err
	}
	for i, q := range st.Queue {
		if q.Message == nil || q.QoS > 1 {
			return nil, fmt.Errorf("queue: message %d: %w", i, ErrState)
		}
		s.pushQueue(queued{message: q.Message, qos: q.QoS})
	}
	return s, nil
}

// restoreInflight fills the window; identifiers that were acknowledged before
// their elders become empty slots again.
func (s *Session) restoreInflight(st State) error {
	if st.NextID == 0 {
		return fmt.Errorf("next identifier is 0: %w", ErrState)
	}
	s.firstID = st.NextID
	for i, m := range st.Inflight {
		if i == 0 {
			s.firstID = m.ID
		}
		for s.inflight.Len() < maxIDs-1 && s.idAt(s.inflight.Len()) != m.ID {
			s.inflight.Push(slot{})
		}
		if m.ID == 0 || m.Message == nil || s.idAt(s.inflight.Len()) != m.ID {
			return fmt.Errorf("inflight: message %d: %w", i, ErrState)
		}
		s.inflight.Push(slot{message: m.Message})
	}
	for s.idAt(s.inflight.Len()) != st.NextID {
		if s.inflight.Len() >= maxIDs {
			return fmt.Errorf("next identifier %d is in use: %w", st.NextID, ErrState)
		}
		s.inflight.Push(slot{})
	}
	return nil
}

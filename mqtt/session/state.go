package session

import (
	"fmt"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// State is a session as plain data, to be moved to another node or kept on
// disk. Times in it are relative, because clocks differ; At says to what.
// Messages of QoS 0 that wait are not in it: they are not kept for a client
// that is away, and one whose session moves is.
type State struct {
	At            time.Time // when it was taken; Restore does not read it
	Online        bool      // there was a connection
	Expiry        uint32    // of the session, in seconds
	Remaining     time.Duration
	Subscriptions []core.Subscription // sorted by filter and group
	NextID        uint16              // identifier of the next new message
	Inflight      []Inflight          // in the order of sending
	Queue         []Queued            // in order
	Received      []uint16            // QoS 2 identifiers of the client, oldest first
	Will          *Will               // nil is none
	WillDue       time.Duration       // until it is published; 0 while online
}

// Inflight is a message that was sent, or given an identifier at least, and
// not acknowledged.
type Inflight struct {
	ID       uint16
	Released bool // waits for PUBCOMP; then there is no message, and QoS is 2
	Unsure   bool // perhaps never sent; see Recover
	Queued
}

// Queued is a message that waits.
type Queued struct {
	Message *core.Message
	QoS     core.QoS // the effective one, 1 or 2
	Retain  bool     // the flag that it is sent with
	IDs     []uint32 // subscription identifiers
}

func (q queued) exported() Queued {
	return Queued{Message: q.message, QoS: q.qos, Retain: q.retain, IDs: q.ids}
}

// State returns a copy of the session; messages and identifiers are shared.
func (s *Session) State(now time.Time) State {
	st := State{
		At: now, Online: s.online, Expiry: s.expiry, NextID: s.idAt(s.inflight.Len()),
		Subscriptions: s.Subscriptions(), Received: slices.Clone(s.received),
	}
	for i := range s.inflight.Len() {
		if m := s.inflight.At(i); m.phase != phaseFree {
			st.Inflight = append(st.Inflight, Inflight{
				ID: s.idAt(i), Released: m.phase == phaseReleased, Unsure: m.unsure,
				Queued: Queued{Message: m.message, QoS: m.qos, Retain: m.retain, IDs: m.ids},
			})
		}
	}
	for i := range s.queue.Len() {
		if q := s.queue.At(i); q.qos > 0 {
			st.Queue = append(st.Queue, q.exported())
		}
	}
	s.stateTimes(&st, now)
	return st
}

func (s *Session) stateTimes(st *State, now time.Time) {
	if !s.online && s.expiry != Never {
		st.Remaining = max(s.expires.Sub(now), 0)
	}
	if s.will == nil {
		return
	}
	w := s.will.Will
	st.Will = &w
	if !s.online {
		st.WillDue = max(s.will.due.Sub(now), 0)
	}
}

// Restore makes a session from a state, as of now. What it holds beyond the
// limits stays; nothing is added to it until there is room. One that was online
// is so still, without a window: Recover or Connect goes on from there. The
// error wraps ErrState and names the part that is wrong.
func Restore(st State, now time.Time, o Options) (*Session, error) {
	if st.Remaining < 0 || st.WillDue < 0 {
		return nil, fmt.Errorf("negative time: %w", ErrState)
	}
	s := New(o)
	s.online, s.expiry, s.expires = st.Online, st.Expiry, now.Add(st.Remaining)
	for _, sub := range st.Subscriptions {
		at, twice := s.findSub(keyOf(sub))
		if twice || sub.QoS > 2 {
			return nil, fmt.Errorf("subscription %q: %w", sub.Filter, ErrState)
		}
		s.setSub(at, sub)
	}
	if err := s.restoreInflight(st); err != nil {
		return nil, err
	}
	for i, q := range st.Queue {
		if err := s.restoreQueued(q); err != nil {
			return nil, fmt.Errorf("queue: message %d: %w", i, err)
		}
	}
	for _, id := range st.Received {
		if err := s.applyIncoming(Op{Kind: OpReceive, ID: id}); err != nil {
			return nil, err
		}
	}
	if err := st.Will.check(); err != nil {
		return nil, err
	}
	if st.Will != nil {
		s.will = &pendingWill{Will: *st.Will, due: now.Add(st.WillDue)}
	}
	return s, nil
}

func (s *Session) restoreQueued(q Queued) error {
	if q.Message == nil || q.QoS < 1 || q.QoS > 2 {
		return fmt.Errorf("no message, or one of QoS %d: %w", q.QoS, ErrState)
	}
	s.pushQueue(queued{message: q.Message, ids: q.IDs, qos: q.QoS, retain: q.Retain})
	return nil
}

// restoreInflight fills the window; identifiers that were free before their
// elders become free slots again.
func (s *Session) restoreInflight(st State) error {
	if st.NextID == 0 {
		return fmt.Errorf("next identifier is 0: %w", ErrState)
	}
	s.firstID = st.NextID
	for i, m := range st.Inflight {
		if i == 0 {
			s.firstID = m.ID
		}
		if err := m.check(); err != nil {
			return fmt.Errorf("inflight: message %d: %w", i, err)
		}
		for s.inflight.Len() < maxIDs-1 && s.idAt(s.inflight.Len()) != m.ID {
			s.inflight.Push(slot{})
		}
		if s.idAt(s.inflight.Len()) != m.ID || s.inflight.Len() >= maxIDs {
			return fmt.Errorf("inflight: message %d: identifier %d again: %w", i, m.ID, ErrState)
		}
		s.inflight.Push(m.slot())
	}
	for s.idAt(s.inflight.Len()) != st.NextID {
		if s.inflight.Len() >= maxIDs {
			return fmt.Errorf("next identifier %d is in use: %w", st.NextID, ErrState)
		}
		s.inflight.Push(slot{})
	}
	s.rewind()
	return nil
}

func (m Inflight) check() error {
	switch {
	case m.ID == 0:
		return fmt.Errorf("identifier 0: %w", ErrState)
	case m.QoS < 1 || m.QoS > 2:
		return fmt.Errorf("QoS %d: %w", m.QoS, ErrState)
	case m.Released != (m.Message == nil):
		return fmt.Errorf("a message after its release, or none before: %w", ErrState)
	case m.Released && (m.QoS != 2 || m.Unsure || m.Retain || len(m.IDs) > 0):
		return fmt.Errorf("released, but not as QoS 2 is: %w", ErrState)
	}
	return nil
}

func (m Inflight) slot() slot {
	sl := slot{message: m.Message, ids: m.IDs, qos: m.QoS, retain: m.Retain, unsure: m.Unsure, phase: phasePublished}
	if m.Released {
		sl.phase = phaseReleased
	}
	return sl
}

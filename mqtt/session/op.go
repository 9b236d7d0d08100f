package session

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// OpKind is what an Op does. The numbers are part of the encoding.
type OpKind uint8

// The kinds; behind each the fields of the Op that it uses.
const (
	OpConnect     OpKind = iota + 1 // a connection began: Expiry, Will
	OpDisconnect                    // it ended: At, Expiry, DiscardWill
	OpWillTaken                     // the will was given out to be published
	OpEnd                           // the session ended
	OpSubscribe                     // Subscription
	OpUnsubscribe                   // Subscription: filter and group
	OpDeliver                       // a message of QoS 1 or 2 came into the queue: Queued
	OpDrop                          // one was dropped from it: Index
	OpSent                          // the oldest of it, or one that Recover took from it, was sent: ID
	OpPubrec                        // the message of ID waits for PUBCOMP now
	OpEnded                         // the exchange of ID ended
	OpReceive                       // a QoS 2 message of the client came: ID
	OpRelease                       // its identifier is free again: ID
	OpRecover                       // Recover was called: At
	opKinds
)

// Op is a change of a session as plain data; see Options.Record. What it
// points to is shared and must not be changed.
type Op struct {
	Kind         OpKind
	ID           uint16
	DiscardWill  bool
	Expiry       uint32 // of the session, in seconds
	Index        int    // in the queue, messages of QoS 0 not counted; 0 is the oldest
	At           time.Time
	Queued       Queued
	Subscription core.Subscription
	Will         *Will // nil is none
}

// ErrState is wrapped by every error of Restore and Apply.
var ErrState = errors.New("not the state of a session")

// Apply makes a recorded change again. Neither limits nor the gate count, and
// nothing is recorded. Ops applied in their order to a session restored from a
// State taken before the first of them give the State at the last. The error,
// which wraps ErrState, tells of an Op that cannot have been next; it has done
// nothing then. Call Recover after the last one.
func (s *Session) Apply(op Op) error {
	if op.Kind == 0 || op.Kind >= opKinds {
		return fmt.Errorf("op kind %d is unknown: %w", op.Kind, ErrState)
	}
	switch op.Kind {
	case OpDeliver, OpDrop, OpSent, OpPubrec, OpEnded:
		return s.applyOutgoing(op)
	case OpSubscribe, OpUnsubscribe:
		return s.applySubscription(op)
	case OpReceive, OpRelease:
		return s.applyIncoming(op)
	}
	return s.applyConnection(op)
}

func (s *Session) applyConnection(op Op) error {
	switch op.Kind {
	case OpConnect:
		if err := op.Will.check(); err != nil {
			return err
		}
		s.connect(op.Expiry, op.Will)
		s.rewind()
	case OpDisconnect:
		if !s.online {
			return fmt.Errorf("disconnect while offline: %w", ErrState)
		}
		s.disconnect(op)
	case OpWillTaken:
		if s.will == nil {
			return fmt.Errorf("there is no will to take: %w", ErrState)
		}
		s.will = nil
	case OpEnd:
		s.online, s.ended = false, true
	case OpRecover:
		s.recover(op.At)
	}
	return nil
}

func (s *Session) applySubscription(op Op) error {
	at, known := s.findSub(keyOf(op.Subscription))
	switch {
	case op.Kind == OpSubscribe && op.Subscription.QoS > 2:
		return fmt.Errorf("subscription %q: QoS %d: %w", op.Subscription.Filter, op.Subscription.QoS, ErrState)
	case op.Kind == OpSubscribe:
		s.setSub(at, op.Subscription)
	case !known:
		return fmt.Errorf("no subscription %q to take back: %w", op.Subscription.Filter, ErrState)
	default:
		s.removeSub(at)
	}
	return nil
}

func (s *Session) applyIncoming(op Op) error {
	at := slices.Index(s.received, op.ID)
	if at >= 0 != (op.Kind == OpRelease) || op.ID == 0 {
		return fmt.Errorf("identifier %d of the client: wrong turn: %w", op.ID, ErrState)
	}
	if op.Kind == OpReceive {
		s.received = append(s.received, op.ID)
		return nil
	}
	s.forget(at)
	return nil
}

func (s *Session) applyOutgoing(op Op) error {
	switch op.Kind {
	case OpDeliver:
		return s.restoreQueued(op.Queued)
	case OpDrop:
		return s.applyDrop(op.Index)
	case OpSent:
		return s.applySent(op.ID)
	}
	m := s.find(op.ID)
	switch {
	case m == nil, op.Kind == OpPubrec && (m.qos != 2 || m.phase != phasePublished):
		return fmt.Errorf("identifier %d is not in that use: %w", op.ID, ErrState)
	case op.Kind == OpPubrec:
		s.release(m)
	default:
		s.free(m)
	}
	return nil
}

func (s *Session) applySent(id uint16) error {
	if m := s.find(id); m != nil && m.unsure {
		m.unsure = false
		return nil
	}
	if s.queue.Len() == 0 || s.inflight.Len() >= maxIDs || s.idAt(s.inflight.Len()) != id {
		return fmt.Errorf("identifier %d cannot be the next one sent: %w", id, ErrState)
	}
	s.send(false)
	return nil
}

// applyDrop takes the message at a position out of the queue.
func (s *Session) applyDrop(index int) error {
	n := s.queue.Len()
	if index < 0 || index >= n {
		return fmt.Errorf("message %d of %d in the queue cannot go: %w", index, n, ErrState)
	}
	if index == 0 {
		s.popQueue()
		return nil
	}
	for i := range n {
		if q := s.popQueue(); i != index {
			s.pushQueue(q)
		}
	}
	return nil
}

// Recover is called once after the last Apply, by a process that has taken
// over from one that was killed. If there was a connection, it ends now; the
// times of a session that was offline go on by the wall clock. A killed process
// may have sent messages of which the log knows only that they waited: all
// that wait get their identifiers here and now, so that none is dropped to
// another's benefit, and are sent again with DUP, which says no more than that
// they may have been sent. The limits of the queue do not count for them, only
// that there are 65535 identifiers.
//
// What Recover does is recorded like any other change.
func (s *Session) Recover(now time.Time) {
	s.log(Op{Kind: OpRecover, At: now})
	s.recover(now)
}

func (s *Session) recover(now time.Time) {
	if !s.online {
		s.expires = rebase(s.expires, now, s.expiry)
		if s.will != nil {
			s.will.due = rebase(s.will.due, now, min(s.will.Delay, s.expiry))
		}
		return
	}
	s.disconnect(Op{At: now, Expiry: s.expiry})
	for s.queue.Len() > 0 && s.inflight.Len() < maxIDs {
		s.send(false)
		s.inflight.At(s.inflight.Len() - 1).unsure = true
	}
}

// rebase brings a time of the past process into this one's clock. A clock that
// was set back must not make it further away than it can have been.
func rebase(t, now time.Time, most uint32) time.Time {
	return now.Add(min(max(t.Sub(now), 0), seconds(most)))
}

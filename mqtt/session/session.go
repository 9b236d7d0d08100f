package session

import (
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/internal/ring"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// Session is the state of one client ID. It is not safe for concurrent use.
type Session struct {
	limits Limits
	record func(Op)

	subs        []core.Subscription
	index       map[subKey]int // positions in subs; nil while those are few
	filterBytes int

	// inflight holds consecutive identifiers beginning with firstID, so that
	// an acknowledgement finds its slot by subtraction. A slot that is free
	// before its elders stays until they are.
	inflight ring.Ring[slot]
	queue    ring.Ring[queued]
	received []uint16 // identifiers of the client's QoS 2 messages, oldest first

	queueBytes int
	soonest    time.Time // no message of the queue expires before; zero: none does
	expires    time.Time // the end of the session, while offline
	will       *pendingWill

	// Of the Ops that fix identifiers, counted: those recorded, those in the
	// log, and the last one that concerns all messages that wait.
	gate, written, barrier uint64

	// Of the connection: slots before resent have been given to it, and those
	// before relAt too if they wait for a PUBCOMP; owed is how many PUBRELs it
	// has yet to be given; active is how many slots count in its window.
	resent, relAt, owed int
	active, window      int

	maxPacket uint32
	expiry    uint32 // seconds
	drops     Drops
	firstID   uint16
	version   packet.Version
	online    bool
	ended     bool
	gated     bool
	dropped   bool // drops is not zero
}

// New returns an empty session, offline; Connect begins its first connection.
func New(o Options) *Session {
	return &Session{limits: o.Limits.normal(), record: o.Record, gated: o.Gated, firstID: 1}
}

// Persistent reports whether the session outlives its connection.
func (s *Session) Persistent() bool { return s.expiry > 0 }

// Expiry is the session expiry in seconds.
func (s *Session) Expiry() uint32 { return s.expiry }

// Online reports whether there is a connection.
func (s *Session) Online() bool { return s.online }

// Connect begins a connection: what was sent and not acknowledged on an
// earlier one is sent again by Next, before anything else [MQTT-4.4.0-1], as
// far as the new window allows [MQTT-4.9.0-2]. A will that waits is taken back
// [MQTT-3.1.3-9]. The will that it returns, if any, is to be published now: it
// was due already, or is that of a connection which this one replaces without
// a Disconnect before it. A session that is Over must not be connected again.
func (s *Session) Connect(now time.Time, p Peer) (will *core.Message) {
	if s.online {
		s.Disconnect(now, Ending{})
	}
	will = s.TakeWill(now)
	if p.Will.check() != nil {
		p.Will = nil // nothing that could be published
	}
	s.bar()
	s.log(Op{Kind: OpConnect, Expiry: p.Expiry, Will: p.Will})
	s.connect(p.Expiry, p.Will)
	s.version, s.maxPacket = p.Version, p.MaximumPacketSize
	s.window = s.limits.Inflight
	if p.ReceiveMaximum > 0 {
		s.window = min(s.window, int(p.ReceiveMaximum))
	}
	s.rewind()
	return will
}

func (s *Session) connect(expiry uint32, w *Will) {
	s.online, s.expiry, s.expires, s.will = true, expiry, time.Time{}, nil
	if w != nil {
		s.will = &pendingWill{Will: *w}
	}
}

// rewind forgets what the last connection was given. A message whose PUBREL is
// not acknowledged counts in the window from the beginning: the client may
// count it, too.
func (s *Session) rewind() {
	s.resent, s.relAt, s.owed, s.active = 0, 0, 0, 0
	for i := range s.inflight.Len() {
		m := s.inflight.At(i)
		m.given = false
		m.active = m.phase == phaseReleased
		if m.active {
			s.active++
			s.owed++
		}
	}
}

// Disconnect ends the connection. Messages of QoS 0 that wait are dropped:
// they are not kept for a client that is away. Ask TakeWill and Over next.
func (s *Session) Disconnect(now time.Time, e Ending) {
	if !s.online {
		return
	}
	op := Op{Kind: OpDisconnect, At: now, Expiry: s.expiry, DiscardWill: e.DiscardWill}
	if e.HasExpiry && s.expiry > 0 {
		op.Expiry = e.Expiry
	}
	s.log(op)
	s.disconnect(op)
}

func (s *Session) disconnect(op Op) {
	s.online, s.expiry = false, op.Expiry
	s.expires = op.At.Add(seconds(s.expiry))
	if op.DiscardWill {
		s.will = nil
	}
	if s.will != nil {
		s.will.due = op.At.Add(seconds(min(s.will.Delay, s.expiry)))
	}
	for range s.queue.Len() {
		q := s.popQueue()
		if q.qos == 0 {
			s.drop(Offline)
			continue
		}
		s.pushQueue(q)
	}
}

// Over reports whether the session has ended: its connection is gone, and its
// expiry has passed since. Its will is due by then; End returns it.
func (s *Session) Over(now time.Time) bool {
	return s.ended || !s.online && s.expiry != Never && !now.Before(s.expires)
}

// End ends the session, for whatever reason, and returns the will that is to
// be published now [MQTT-3.1.2-8], nil for none. Nothing but Over may be
// called afterwards.
func (s *Session) End(now time.Time) *core.Message {
	if s.ended {
		return nil
	}
	m := s.takeWill(now)
	s.log(Op{Kind: OpEnd})
	s.online, s.ended = false, true
	return m
}

// NextDue returns when TakeWill or Over will next have something to say if
// nothing else happens; false means never.
func (s *Session) NextDue() (time.Time, bool) {
	switch {
	case s.online || s.ended:
		return time.Time{}, false
	case s.will != nil: // due at the end of the session at the latest
		return s.will.due, true
	}
	return s.expires, s.expiry != Never
}

// Size says how much a session holds.
type Size struct {
	Subscriptions int
	Inflight      int // messages sent, or given an identifier, and not acknowledged
	Queue         int // messages that wait
	Received      int // QoS 2 messages of the client that are not released
}

// Size returns how much the session holds.
func (s *Session) Size() Size {
	size := Size{Subscriptions: len(s.subs), Queue: s.queue.Len(), Received: len(s.received)}
	for i := range s.inflight.Len() {
		if s.inflight.At(i).phase != phaseFree {
			size.Inflight++
		}
	}
	return size
}

func (s *Session) log(op Op) {
	if s.record != nil {
		s.record(op)
	}
}

// logID makes no Op where none is recorded: it is on the way of every message.
func (s *Session) logID(kind OpKind, id uint16) {
	if s.record != nil {
		s.record(Op{Kind: kind, ID: id})
	}
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

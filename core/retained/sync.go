package retained

import (
	"errors"
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// ErrImpossible refuses a message that no honest peer sends. The link must be
// closed.
var ErrImpossible = errors.New("impossible message about retained messages")

// phase is what the leading side of a Sync waits for.
type phase uint8

const (
	idle      phase = iota // the time of the next comparison
	asking                 // the other's Digest
	listing                // nothing: the next List is to be sent
	answering              // wants, items and Done
)

// Sync is the exchange with one peer over one link. Make one at each link-up
// with Store.Link, and end it with Store.Unlink.
type Sync struct {
	s      *Store
	peer   core.UID
	lower  bool      // of the two uids: it compares first
	began  time.Time // of the link
	known  bool      // the two were in step once, before this link or on it
	closed bool

	sent, got uint64 // numbers of messages
	lost      bool   // one of the other side, since its last Digest

	phase    phase
	due      time.Time  // of the next comparison, while idle
	limit    time.Time  // until something must have come
	stamp    core.Stamp // when the comparison under way began, by our clock
	before   core.Stamp // when the one before it did, if that left suspects
	suspects []uint8    // buckets that differed then
	compared bool       // once on this link
	theirs   Digest     // the answer, or the other's own
	todo     []uint8    // buckets still to be gone through
	list     List       // under way
	wanted   []core.Topic
	answered bool // the other has sent its part of the list
	tell     core.Stamp

	heard  [2]heard // the last two comparisons of the other side
	reply  bool     // a Digest is to be answered
	answer answer

	tombDue   time.Time // when tombstones are sent, or sent again
	tombAck   uint64    // to be told
	tombAcked bool      // there is one to be told
}

// Link begins the exchange over a new link.
func (s *Store) Link(peer core.UID, now Now) *Sync {
	s.Unlink(s.links[peer])
	at := now.Time
	x := &Sync{s: s, peer: peer, lower: s.opts.Self.Compare(peer) < 0, began: at, due: at, tombDue: at}
	if !x.lower { // one after the other, or everything goes twice
		x.due = at.Add(s.opts.RepairEvery)
	}
	x.known = s.contact[peer].stamp != 0
	if len(s.links) == 0 {
		s.first, s.aware = at, len(s.contact) > 0
	}
	s.links[peer] = x
	return x
}

// Unlink ends an exchange; nil is none.
func (s *Store) Unlink(x *Sync) {
	if x == nil || x.closed {
		return
	}
	x.closed = true
	if s.links[x.peer] == x {
		delete(s.links, x.peer)
	}
}

// Waits for those that a store knows before it speaks with one that it does
// not: from the first link on, and from the link to that one on.
const (
	graceFirst = 5 * time.Second
	graceMost  = 5 * time.Minute
)

// allowed reports whether messages may be exchanged now. A store that has been
// away may hold what was deleted meanwhile; it must find out from those that
// it was in step with before it hands anything to one who cannot know.
func (x *Sync) allowed(now Now) bool {
	if x.known || !x.s.aware || now.Time.Sub(x.began) >= graceMost {
		return true
	}
	if now.Time.Sub(x.s.first) < graceFirst {
		return false
	}
	for _, o := range x.s.links {
		if o.known && !o.compared {
			return false
		}
	}
	return true
}

// Due says when Next must be called again even if nothing has come.
func (x *Sync) Due(now Now) bool {
	if x.closed {
		return false
	}
	wait := x.due
	if x.phase != idle {
		wait = x.limit
	}
	return !now.Time.Before(wait) || !now.Time.Before(x.tombDue)
}

// Next returns the next message to send, and false if there is none for now.
// Call it until then whenever Due says so and after each Receive.
func (x *Sync) Next(now Now) (Numbered, bool) {
	if x.closed {
		return Numbered{}, false
	}
	m := x.replies(now)
	if m == nil {
		m = x.lead(now)
	}
	if m == nil {
		m = x.bury(now)
	}
	if m == nil {
		return Numbered{}, false
	}
	x.sent++
	return Numbered{Number: x.sent, Message: m}, true
}

// replies returns what the other side waits for.
func (x *Sync) replies(now Now) Message {
	switch {
	case x.tombAcked:
		x.tombAcked = false
		return TombstonesAck{To: x.tombAck}
	case x.reply:
		x.reply = false
		return x.digest(now, true)
	case x.tell != 0:
		m := Synced{Stamp: x.tell}
		x.tell = 0
		return m
	case x.answer.active:
		return x.answer.next(x.s)
	}
	return nil
}

// maxExpire bounds the messages that one comparison lets expire.
const maxExpire = 10_000

func (x *Sync) digest(now Now, reply bool) Digest {
	x.s.Expire(now, maxExpire)
	return Digest{Reply: reply, Stamp: x.stamp, Floor: x.s.floor, Contact: x.s.contact[x.peer].stamp, Sums: x.s.sums}
}

// bury returns the tombstones that are due.
func (x *Sync) bury(now Now) Message {
	if now.Time.Before(x.tombDue) {
		return nil
	}
	x.tombDue = now.Time.Add(x.s.opts.RepairEvery)
	keys, to := x.s.stream.after(x.s.stream.acked[x.peer], x.s.opts.ChunkBytes)
	if len(keys) == 0 {
		return nil
	}
	return Tombstones{To: to, Keys: keys}
}

// Receive takes in a message of the other side. An error says that the peer is
// not to be trusted; it wraps ErrImpossible.
func (x *Sync) Receive(now Now, n Numbered) error {
	if x.closed {
		return nil
	}
	if n.Number <= x.got {
		return fmt.Errorf("message %d after %d: %w", n.Number, x.got, ErrImpossible)
	}
	if n.Number > x.got+1 {
		x.missed(now)
	}
	x.got = n.Number
	switch m := n.Message.(type) {
	case Digest:
		return x.digested(now, m)
	case List:
		return x.listed(now, m)
	case Wants:
		return x.wants(now, m)
	case Items:
		x.progress(now)
		for _, item := range m.Messages {
			x.s.Put(now, item, Repaired)
		}
	case Done:
		x.done(now, m)
	case Synced:
		x.synced(now, m.Stamp)
	default:
		return x.tombstones(now, m)
	}
	return nil
}

// missed gives up what a message was lost of: nobody may take the two for in
// step by it.
func (x *Sync) missed(now Now) {
	x.lost, x.answer = true, answer{}
	if x.phase != idle {
		x.s.counts.abandoned++
		x.rest(now, soon)
	}
}

// heard is when a comparison of the other side began, by its clock and by ours.
type heard struct{ theirs, ours core.Stamp }

// synced hears that the other side has finished a comparison.
func (x *Sync) synced(now Now, began core.Stamp) {
	if x.lost || x.s.partial {
		return
	}
	for _, h := range x.heard {
		if h.theirs == began {
			x.inStep(h.ours)
		}
	}
	if !x.compared && x.phase == idle {
		x.due = now.Time
	}
}

func (x *Sync) tombstones(now Now, m Message) error {
	switch m := m.(type) {
	case Tombstones:
		for _, k := range m.Keys {
			x.s.Bury(now, k, Repaired)
		}
	case TombstonesAck:
		if m.To > x.s.stream.last {
			return fmt.Errorf("tombstone %d of %d acknowledged: %w", m.To, x.s.stream.last, ErrImpossible)
		}
		x.s.stream.acked[x.peer] = max(x.s.stream.acked[x.peer], m.To)
		x.tombDue = now.Time // there may be more
	}
	return nil
}

// Kept says that the tombstones up to a number are on disk, or wherever they
// are to be kept: they may be acknowledged.
func (x *Sync) Kept(to uint64) { x.tombAck, x.tombAcked = max(x.tombAck, to), true }

// progress puts off the time when a comparison is given up.
func (x *Sync) progress(now Now) { x.limit = now.Time.Add(x.s.opts.RepairEvery) }

// digested takes the sums of the other side.
func (x *Sync) digested(now Now, d Digest) error {
	switch {
	case d.Floor > core.MaxStamp || d.Contact > core.MaxStamp:
		return fmt.Errorf("digest with floor %d, contact %d: %w", d.Floor, d.Contact, ErrImpossible)
	case !d.Reply:
		x.theirs, x.lost = d, false
		x.heard[1], x.heard[0] = x.heard[0], heard{theirs: d.Stamp, ours: now.Stamp}
		x.reply = x.allowed(now)
		x.giveWay(now)
	case x.phase == asking:
		x.theirs = d
		x.compare(now)
	}
	return nil
}

// giveWay lets the other side finish its first comparison before we begin
// ours.
func (x *Sync) giveWay(now Now) {
	if !x.lower && !x.compared && x.phase == idle {
		x.due = now.Time.Add(x.s.opts.RepairEvery)
	}
}

// outdated reports whether the other side may have deleted, without a trace,
// what e holds: the two were in step when this store had it already.
func (x *Sync) outdated(e *entry) bool {
	return e.since <= min(x.s.contact[x.peer].stamp, x.theirs.Contact) && e.token.Stamp <= x.theirs.Floor
}

// contact is when a store was last in step with a peer, and what of that is
// recorded: no more than tells whether it was before or after a change.
type contact struct{ stamp, recorded core.Stamp }

// maxContacts bounds the peers that are remembered; the one that was met
// longest ago makes room.
const maxContacts = 4096

// inStep notes that the two stores were in step at a time.
func (x *Sync) inStep(at core.Stamp) {
	x.known = true
	c := x.s.contact[x.peer]
	if at <= c.stamp || at > core.MaxStamp {
		return
	}
	c.stamp = at
	if c.recorded == 0 || c.recorded <= x.s.changed {
		c.recorded = at
		x.s.opts.Record(Change{What: Touched, Peer: x.peer, Stamp: at})
	}
	x.s.touch(x.peer, c)
}

func (s *Store) touch(peer core.UID, c contact) {
	s.contact[peer] = c
	if len(s.contact) <= maxContacts {
		return
	}
	oldest := peer
	for u, o := range s.contact { // the lowest stamp, then uid: the order does not matter
		if l := s.contact[oldest]; o.stamp < l.stamp || o.stamp == l.stamp && u.Compare(oldest) < 0 {
			oldest = u
		}
	}
	delete(s.contact, oldest)
}

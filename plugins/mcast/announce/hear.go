package announce

import (
	"errors"
	"time"

	"github.com/muster-mqtt/muster/plugins/mcast/frame"
	"github.com/muster-mqtt/muster/plugins/mcast/group"
	"github.com/muster-mqtt/muster/plugins/mcast/roster"
)

// receive takes in one packet. The group's readers call it.
func (s *strategy) receive(p group.Packet) {
	now := time.Now()
	if !s.allowed(p, now) {
		return
	}
	f, err := s.codec.Open(p.Data)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.refused(err, p, now)
		return
	}
	if s.own.has(f.Nonce) {
		s.count.own++
	} else if f.UID == s.uid {
		s.notes.add(now, noteTwin, "this node's uid is announced from %s as well: is its data directory a copy?", p.Source)
	}
	o := s.roster.Hear(f, roster.Source{Addr: p.Source, Interface: p.Interface, Local: p.Local}, now)
	s.count.outcome(o)
	s.react(f, o, p, now)
}

func (s *strategy) allowed(p group.Packet, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit.allow(p.Source, now) {
		return true
	}
	s.count.limited++
	s.notes.add(now, noteFlood, "%s sends more than %d frames a second: not all are looked at", p.Source, sourceRate)
	return false
}

// refused counts what is no frame of ours; the lock is held.
func (s *strategy) refused(err error, p group.Packet, now time.Time) {
	switch {
	case errors.Is(err, frame.ErrVersion):
		s.count.version++
	case errors.Is(err, frame.ErrCluster):
		s.count.cluster++
	case errors.Is(err, frame.ErrForged):
		s.count.forged++
		s.notes.add(now, noteKey, "%s sends frames of cluster %s under another key: a node there has another cookie, or somebody forges frames", p.Source, s.cluster)
	case errors.Is(err, frame.ErrMalformed):
		s.count.malformed++
	default:
		s.count.strange++
	}
}

// react does what a frame asks for; the lock is held.
func (s *strategy) react(f frame.Frame, o roster.Outcome, p group.Packet, now time.Time) {
	switch o {
	case roster.New, roster.Changed, roster.Gone:
		s.tell()
		s.poke() // for the end of the entry
	case roster.Skewed:
		where := "behind"
		if f.Time.After(now) {
			where = "ahead"
		}
		s.notes.add(now, noteClock, "the clock of %s at %s is %s by more than %v: set the clocks (or somebody repeats old frames)",
			nameOf(f), p.Source, where, roster.MaxSkew)
		return
	case roster.Repeated, roster.Stale, roster.Full:
		return
	}
	if f.UID != s.uid && (o == roster.New || f.Asks) {
		s.pace.Answer(s.roster.Size(), now)
		s.poke()
	}
}

func nameOf(f frame.Frame) string {
	if f.Name == "" {
		return f.UID.String()
	}
	return f.Name
}

// memory knows the last frames that we have sent. The strategy's lock guards
// it.
type memory struct {
	known map[[16]byte]bool
	order [][16]byte // a ring
	next  int
}

// maxOwn is more frames than are sent while one can come back.
const maxOwn = 512

func newMemory() *memory {
	return &memory{known: make(map[[16]byte]bool, maxOwn), order: make([][16]byte, 0, maxOwn)}
}

func (m *memory) add(nonce [16]byte) {
	m.known[nonce] = true
	if len(m.order) < maxOwn {
		m.order = append(m.order, nonce)
		return
	}
	delete(m.known, m.order[m.next])
	m.order[m.next] = nonce
	m.next = (m.next + 1) % maxOwn
}

func (m *memory) has(nonce [16]byte) bool { return m.known[nonce] }

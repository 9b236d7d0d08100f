package retained

import (
	"maps"
	"slices"

	"github.com/muster-mqtt/muster/core"
)

// Restore takes in a change that an earlier run recorded, in the order of the
// records.
func (s *Store) Restore(now Now, c Change) {
	switch c.What {
	case Wrote:
		s.Put(Now{Time: now.Time, Stamp: c.Stamp}, c.Message, Recovered)
	case Buried:
		s.Bury(now, c.Key, Recovered)
	case Forgot, Swept:
		if c.What == Swept {
			s.floor = max(s.floor, c.Key.Token.Stamp)
		}
		if e := s.order.get(c.Key.Topic); e != nil && c.Key.Token.Compare(e.token) >= 0 {
			s.order.remove(e)
			s.unset(e)
		}
	case Touched:
		if c.Stamp > s.contact[c.Peer].stamp {
			s.touch(c.Peer, contact{stamp: c.Stamp, recorded: c.Stamp})
		}
	}
}

// Dump calls yield for changes that make a store like this one, a part at a
// time: the topics from a cursor on, at most max of them. The cursor is "" at
// first, then next, as long as there is more. What is not about a topic comes
// with the first part.
func (s *Store) Dump(cursor core.Topic, max int, yield func(Change)) (next core.Topic, more bool) {
	if cursor == "" {
		s.dumpRest(yield)
	}
	p := s.order.seek(cursor)
	for range max {
		e := s.order.entry(p)
		if e == nil {
			return "", false
		}
		if e.m != nil {
			yield(Change{What: Wrote, Message: e.m, Stamp: e.since})
		} else {
			yield(Change{What: Buried, Key: Key{Topic: e.topic, Token: e.token}})
		}
		p = s.order.next(p)
	}
	if e := s.order.entry(p); e != nil {
		return e.topic, true
	}
	return "", false
}

// dumpRest yields the floor, as a sweep of no topic, and the contacts.
func (s *Store) dumpRest(yield func(Change)) {
	if s.floor > 0 {
		yield(Change{What: Swept, Key: Key{Token: core.Token{Stamp: s.floor}}})
	}
	peers := slices.SortedFunc(maps.Keys(s.contact), core.UID.Compare)
	for _, u := range peers {
		yield(Change{What: Touched, Peer: u, Stamp: s.contact[u].stamp})
	}
}

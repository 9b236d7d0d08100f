package retained

import (
	"container/heap"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Way is how a message came to a Store.
type Way uint8

// The ways.
const (
	Published Way = iota + 1 // by a client of this node
	Forwarded                // on the lane of another node
	Repaired                 // in a repair
	Recovered                // from the log of an earlier start
)

// Result is what became of a message.
type Result uint8

// The results of Put.
const (
	Taken Result = iota + 1 // it is the last one of its topic
	Older                   // one at least as late is there
	Full                    // there is no room; of its topic nothing is kept
	Late                    // it may have been deleted long ago; a repair decides
)

// entry is what is known of one topic.
type entry struct {
	topic core.Topic
	token core.Token
	m     *core.Message // nil: a tombstone
	since core.Stamp    // when this store learnt of it, of a message
	hash  uint64        // of the topic
	slot  int           // in its bucket, of a message
	heap  int           // in the expiry heap, -1 for none
	seq   uint64        // in the stream, of a tombstone
}

// Store is the merged store at one node.
type Store struct {
	opts    Options
	order   order
	buckets [Buckets][]*entry
	sums    [Buckets]uint64
	expiry  expiry
	stream  stream
	links   map[core.UID]*Sync
	contact map[core.UID]contact
	first   time.Time  // since when there has been a link
	aware   bool       // it knew some peer by then
	partial bool       // something was refused for want of room
	floor   core.Stamp // highest of a tombstone that is gone
	changed core.Stamp // when a message was last taken in
	bytes   int
	live    int
	counts  counts
}

// New returns an empty store.
func New(o Options) *Store {
	return &Store{
		opts: o.withDefaults(), links: map[core.UID]*Sync{}, contact: map[core.UID]contact{},
		stream: stream{acked: map[core.UID]uint64{}},
	}
}

// Put takes a message with its token in Extra. An empty payload deletes; a
// message that has expired by now counts as deleted [MQTT-3.3.1-10].
func (s *Store) Put(now Now, m *core.Message, way Way) Result {
	k := keyOf(m)
	if len(m.Payload) == 0 || m.Expired(now.Time) {
		return s.Bury(now, k, way)
	}
	e := s.order.get(k.Topic)
	switch {
	case e != nil && k.Token.Compare(e.token) <= 0:
		return Older
	case e == nil && s.isLate(k, way):
		return Late
	case !s.room(e, m):
		s.counts.full++
		s.partial = true
		if e != nil && e.m != nil { // rather none than one that was overwritten
			s.forget(e, Forgot)
		}
		return Full
	}
	if e == nil {
		e = s.add(k.Topic)
	}
	s.unset(e)
	e.token, e.m, e.since = k.Token, m, now.Stamp
	s.changed = max(s.changed, now.Stamp)
	s.set(e)
	s.count(way)
	s.record(way, Change{What: Wrote, Message: m, Stamp: now.Stamp})
	return Taken
}

// keyOf returns the key of a message, which must have an Extra.
func keyOf(m *core.Message) Key {
	return Key{Topic: m.Topic, Token: core.Token{Stamp: m.Extra.Stamp, UID: m.Extra.Node}}
}

// isLate counts, and reports, a message of a topic of which nothing is known,
// not even a tombstone, that is older than some tombstones that are gone.
func (s *Store) isLate(k Key, way Way) bool {
	if way != Forwarded || k.Token.Stamp > s.floor {
		return false
	}
	s.counts.late++
	return true
}

// Bury takes a deletion. It stands against a message of the same token: that
// is one that has expired elsewhere.
func (s *Store) Bury(now Now, k Key, way Way) Result {
	e := s.order.get(k.Topic)
	if e != nil {
		if c := k.Token.Compare(e.token); c < 0 || c == 0 && e.m == nil {
			return Older
		}
	} else if s.isLate(k, way) {
		return Late
	}
	if e == nil {
		e = s.add(k.Topic)
	}
	s.bury(now, e, k.Token)
	s.count(way)
	s.record(way, Change{What: Buried, Key: k})
	return Taken
}

// bury makes an entry a tombstone. Its text is copied: a slice of a message's
// buffer would keep that alive.
func (s *Store) bury(now Now, e *entry, t core.Token) {
	s.unset(e)
	if e.m != nil {
		e.topic = core.Topic(strings.Clone(string(e.topic)))
	}
	e.token, e.m = t, nil
	s.stream.push(e, now.Time)
	for s.stream.alive > s.opts.MaxTombstones {
		s.counts.tombstonesDropped++
		s.sweep(s.stream.oldest())
	}
}

// add makes an entry for a topic, neither message nor tombstone yet.
func (s *Store) add(t core.Topic) *entry {
	e := &entry{topic: t, hash: hashOf(&s.opts.Seed, t), heap: -1}
	s.order.insert(e)
	return e
}

// room reports whether m can take the place of what e holds.
func (s *Store) room(e *entry, m *core.Message) bool {
	bytes, live := s.bytes+size(m), s.live+1
	if e != nil && e.m != nil {
		bytes, live = bytes-size(e.m), live-1
	}
	return bytes <= s.opts.MaxBytes && live <= s.opts.MaxMessages
}

// overhead is what a message takes beside its texts, in bytes, roughly.
const overhead = 320

func size(m *core.Message) int {
	n := overhead + len(m.Topic) + len(m.Payload) + len(m.Publisher)
	return n + len(m.Properties())
}

// set counts the message of an entry in; unset counts out what it held.
func (s *Store) set(e *entry) {
	e.topic = e.m.Topic // one text, not two
	b := bucketOf(e.hash)
	e.slot = len(s.buckets[b])
	s.buckets[b] = append(s.buckets[b], e)
	s.sums[b] += sumOf(e.hash, e.token)
	s.bytes += size(e.m)
	s.live++
	if !e.m.Extra.Expires.IsZero() {
		heap.Push(&s.expiry, e)
	}
}

func (s *Store) unset(e *entry) {
	if e.m == nil {
		s.stream.cancel(e)
		return
	}
	b := bucketOf(e.hash)
	last := len(s.buckets[b]) - 1
	moved := s.buckets[b][last]
	s.buckets[b][e.slot], moved.slot = moved, e.slot
	s.buckets[b][last] = nil
	s.buckets[b] = s.buckets[b][:last]
	s.sums[b] -= sumOf(e.hash, e.token)
	s.bytes -= size(e.m)
	s.live--
	if e.heap >= 0 {
		heap.Remove(&s.expiry, e.heap)
	}
}

// forget removes an entry without a trace.
func (s *Store) forget(e *entry, what What) {
	s.order.remove(e)
	s.unset(e)
	s.opts.Record(Change{What: what, Key: Key{Topic: e.topic, Token: e.token}})
}

// sweep forgets a tombstone.
func (s *Store) sweep(e *entry) {
	s.floor = max(s.floor, e.token.Stamp)
	s.forget(e, Swept)
}

func (s *Store) record(way Way, c Change) {
	if way != Recovered {
		s.opts.Record(c)
	}
}

// Item returns the message of a topic, or its tombstone as a message without
// a payload; nil if there is neither.
func (s *Store) Item(t core.Topic) *core.Message {
	e := s.order.get(t)
	switch {
	case e == nil:
		return nil
	case e.m != nil:
		return e.m
	}
	return &core.Message{Topic: e.topic, Retain: true, Extra: &core.Extra{Stamp: e.token.Stamp, Node: e.token.UID}}
}

// Expire turns messages that have expired into tombstones, at most max of
// them, and returns how many. A reader never sees one that has, expired here
// or not.
func (s *Store) Expire(now Now, max int) (n int) {
	for ; n < max && len(s.expiry) > 0 && s.expiry[0].m.Expired(now.Time); n++ {
		e := s.expiry[0]
		s.bury(now, e, e.token)
		s.counts.expired++
		s.record(0, Change{What: Buried, Key: Key{Topic: e.topic, Token: e.token}})
	}
	return n
}

// expiry is a heap of the messages that expire, the soonest first.
type expiry []*entry

func (h expiry) Len() int { return len(h) }

func (h expiry) Less(i, j int) bool { return h[i].m.Extra.Expires.Before(h[j].m.Extra.Expires) }

func (h expiry) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}

// Push implements heap.Interface.
func (h *expiry) Push(x any) {
	e := x.(*entry)
	e.heap = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *expiry) Pop() any {
	old := *h
	last := len(old) - 1
	e := old[last]
	old[last] = nil
	*h = old[:last]
	e.heap = -1
	return e
}

var _ heap.Interface = (*expiry)(nil)

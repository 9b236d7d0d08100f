package membership

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// MaxEntries bounds the table of decisions. When it is full the oldest entry
// that fences nobody makes room.
const MaxEntries = 4096

// Entries returns the decisions, sorted by uid.
func (s *State) Entries() []Entry {
	out := make([]Entry, 0, len(s.entries))
	for _, e := range s.entries {
		out = append(out, e)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].UID.Compare(out[j].UID) < 0 })
	return out
}

// tellBatch is how many entries are told on at a time.
const tellBatch = 1000

// Merge takes in decisions made elsewhere; of two for a uid the later stamp
// stands, then the lower decision. What was new is told on.
func (s *State) Merge(now time.Time, entries []Entry) {
	var news []Entry
	for _, e := range entries {
		if s.stands(e) {
			news = append(news, e)
		}
	}
	for batch := range slices.Chunk(news, tellBatch) {
		s.effect(Tell{Entries: batch})
	}
	for _, e := range news {
		s.apply(e)
	}
	s.review(now)
}

// decide makes one decision of this node's own.
func (s *State) decide(e Entry) {
	if s.stands(e) {
		s.effect(Tell{Entries: []Entry{e}})
		s.apply(e)
	}
}

// stands writes an entry into the table if it is later than what is there.
func (s *State) stands(e Entry) bool {
	old, ok := s.entries[e.UID]
	if ok && (old.Stamp > e.Stamp || old.Stamp == e.Stamp && old.Decision <= e.Decision) || !s.roomFor(e, ok) {
		return false
	}
	s.entries[e.UID] = e
	return true
}

// apply brings an entry into effect. It is told on before that, so that a
// removed node still hears of it.
func (s *State) apply(e Entry) {
	s.effect(Store{})
	switch {
	case e.Decision == Admitted:
	case e.UID != s.self.UID:
		s.drop(e.UID, decisionWords[e.Decision])
	case e.Decision == Removed:
		s.effect(Expelled{Entry: e})
	}
}

var decisionWords = map[Decision]string{
	Removed: "removed from the cluster", Forgotten: "forgotten", Gone: "left the cluster",
}

func (s *State) drop(uid core.UID, why string) {
	n := s.nodes[uid]
	if n == nil {
		return
	}
	if n.linked {
		s.effect(Cut{UID: uid, Reason: why})
	}
	delete(s.nodes, uid)
	for _, o := range s.nodes {
		delete(o.rows, uid)
	}
	s.effect(EraseReach{UID: uid})
	s.effect(Changed{UID: uid, From: n.state, To: core.Left, Gone: true})
}

// roomFor makes room for one more entry; false if there is none.
func (s *State) roomFor(e Entry, replaces bool) bool {
	if replaces || len(s.entries) < MaxEntries {
		return true
	}
	oldest := Entry{}
	for _, c := range s.entries {
		older := c.Stamp < oldest.Stamp || c.Stamp == oldest.Stamp && c.UID.Compare(oldest.UID) < 0
		if c.Decision != Removed && (oldest.UID.IsZero() || older) {
			oldest = c
		}
	}
	if oldest.UID.IsZero() || e.Decision != Removed && e.Stamp <= oldest.Stamp {
		s.refused++
		return false
	}
	delete(s.entries, oldest.UID)
	return true
}

// banned reports whether a decision stands that keeps uid from being a member
// until it is met again, or admitted by an operator.
func (s *State) banned(uid core.UID) bool {
	e, ok := s.entries[uid]
	return ok && e.Decision != Admitted
}

// Fenced returns the decision that removed uid, if one stands.
func (s *State) Fenced(uid core.UID) (Entry, bool) {
	e, ok := s.entries[uid]
	return e, ok && e.Decision == Removed
}

// Admit lifts a fence: an operator asked that node to join.
func (s *State) Admit(now time.Time, stamp core.Stamp, h Hello) {
	if _, fenced := s.Fenced(h.UID); fenced {
		s.decide(Entry{UID: h.UID, Name: h.Name, Decision: Admitted, Stamp: stamp, Incarnation: h.Incarnation})
	}
}

// Forgets writes the decision that a Forget effect asked for.
func (s *State) Forgets(now time.Time, stamp core.Stamp, uid core.UID) {
	if n := s.nodes[uid]; n != nil && !n.state.Live() && (n.reach == Expired || s.replaced(n)) {
		s.decide(Entry{UID: uid, Name: n.name, Decision: Forgotten, Stamp: stamp, Incarnation: n.inc})
		s.review(now)
	}
}

// Remove takes a node out of the cluster and fences its uid (force-leave).
// name may be of a running, a stopped or a failed node.
func (s *State) Remove(now time.Time, stamp core.Stamp, name core.NodeID) error {
	if name == s.Name(s.self.UID) {
		return fmt.Errorf("%s is this node: use `muster cluster leave`", name)
	}
	found := false
	for _, n := range s.sorted() {
		if s.Name(n.uid) == name {
			found = true
			s.decide(Entry{UID: n.uid, Name: n.name, Decision: Removed, Stamp: stamp, Incarnation: n.inc})
		}
	}
	if !found {
		return fmt.Errorf("%s is not a member of this cluster: see `muster cluster status`", name)
	}
	s.review(now)
	return nil
}

// Clear forgets every node and entry: self has left the cluster.
func (s *State) Clear(self Record) {
	for _, n := range s.sorted() {
		s.drop(n.uid, "this node left the cluster")
	}
	s.entries = map[core.UID]Entry{}
	s.SetSelf(self)
}

// SetSelf changes the record of self, as when it joins a cluster.
func (s *State) SetSelf(self Record) {
	s.self = self
	s.effect(WriteRecord{Record: self})
	s.effect(Store{})
}

// NameTaken returns the live node other than uid that has the name.
func (s *State) NameTaken(name core.NodeID, uid core.UID) (core.UID, bool) {
	if name == s.self.Name && uid != s.self.UID {
		return s.self.UID, true
	}
	for _, n := range s.sorted() {
		if n.name == name && n.uid != uid && n.state.Live() {
			return n.uid, true
		}
	}
	return core.UID{}, false
}

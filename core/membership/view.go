package membership

import (
	"encoding/binary"
	"hash/fnv"
	"sort"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// review computes the view anew and tells what changed in it.
func (s *State) review(now time.Time) {
	for _, n := range s.sorted() {
		if to := s.stateOf(n); to != n.state {
			s.effect(Changed{UID: n.uid, From: n.state, To: to})
			n.state, n.since = to, now
		}
	}
	s.forgetExpired(now)
	s.forgetReplaced()
}

// stateOf is the view function: reached by self is alive; doubtful to self or
// to a node that self reaches is suspect; else failed. One step is enough: who
// would be found by two has a relayed link.
func (s *State) stateOf(n *node) core.MemberState {
	switch {
	case n.bye == ByeStop:
		return core.Left
	case n.reach == Reached:
		return core.Alive
	case n.reach == Doubtful:
		return core.Suspect
	}
	for _, o := range s.nodes {
		if o.reach == Reached && o.rows[n.uid].reach == Doubtful {
			return core.Suspect
		}
	}
	return core.Failed
}

// forgetExpired writes the decision to forget, if self leads and every node
// of the view has had the member down for long enough.
func (s *State) forgetExpired(now time.Time) {
	if s.opts.Autoclean <= 0 || s.Leader() != s.self.UID {
		return
	}
	for _, n := range s.sorted() {
		if n.reach == Expired && !n.state.Live() && s.allExpired(n.uid) {
			s.effect(Forget{UID: n.uid})
		}
	}
}

// forgetReplaced writes the decision to forget a node that is down and whose
// name another has that self reaches: a new data directory under an old name.
// The new one may have come first, while the old one was not known to be down.
func (s *State) forgetReplaced() {
	for _, n := range s.sorted() {
		if s.replaced(n) {
			s.effect(Forget{UID: n.uid})
		}
	}
}

func (s *State) replaced(n *node) bool {
	if n.linked || n.state.Live() {
		return false
	}
	for _, o := range s.nodes {
		if o != n && o.name == n.name && o.reach == Reached {
			return true
		}
	}
	return false
}

// Forget asks for a call of Forgets with a stamp of cluster time: a pure room
// makes no stamps.
type Forget struct{ UID core.UID }

func (Forget) effect() {}

func (s *State) allExpired(uid core.UID) bool {
	for _, o := range s.nodes {
		if o.state.Live() && o.uid != uid && o.rows[uid].reach != Expired {
			return false
		}
	}
	return true
}

// Leader returns the live node with the lowest founding or join stamp, then
// uid. It is a role for reports and for forgetting, never a gate.
func (s *State) Leader() core.UID {
	best := s.self
	for _, n := range s.nodes {
		if n.state != core.Alive || n.record.UID.IsZero() {
			continue
		}
		if r := n.record; r.Joined < best.Joined || r.Joined == best.Joined && r.UID.Compare(best.UID) < 0 {
			best = r
		}
	}
	return best.UID
}

// Members returns self and every known node, sorted by name, then uid.
// Nodes that left for good or were removed are not in it. Names are as Name
// returns them.
func (s *State) Members() []core.Member {
	self := s.self
	self.Name = s.nameOf(self.UID, self.Name, self.Joined)
	out := []core.Member{member(self, s.inc)}
	out[0].State = core.Alive
	for _, n := range s.nodes {
		r := n.record
		r.UID, r.Name, r.Addr = n.uid, s.nameOf(n.uid, n.name, n.record.Joined), n.addr
		m := member(r, n.inc)
		m.State, m.Since = n.state, n.since
		out = append(out, m)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Name != out[j].Name {
			return out[i].Name < out[j].Name
		}
		return out[i].UID.Compare(out[j].UID) < 0
	})
	return out
}

func member(r Record, inc core.Incarnation) core.Member {
	return core.Member{
		UID: r.UID, Incarnation: inc, Name: r.Name, Addr: r.Addr, Role: r.Role,
		Build: r.Build, Protocol: r.Protocol, Datacenter: r.Datacenter, Joined: r.Joined,
	}
}

// StateOf returns the state of one node and whether it is a member at all.
func (s *State) StateOf(uid core.UID) (core.MemberState, bool) {
	if uid == s.self.UID {
		return core.Alive, true
	}
	n := s.nodes[uid]
	if n == nil {
		return core.Failed, false
	}
	return n.state, true
}

// Addr is where a node was met last; "" if it is no member.
func (s *State) Addr(uid core.UID) string {
	if n := s.nodes[uid]; n != nil {
		return n.addr
	}
	return ""
}

// Hash is the same at every node with the same view: uids, incarnations and
// states of all members.
func (s *State) Hash() uint64 {
	h := fnv.New64a()
	ms := s.Members()
	sort.Slice(ms, func(i, j int) bool { return ms[i].UID.Compare(ms[j].UID) < 0 })
	for _, m := range ms {
		var b [25]byte
		copy(b[:], m.UID[:])
		binary.BigEndian.PutUint64(b[16:], uint64(m.Incarnation))
		b[24] = byte(m.State)
		_, _ = h.Write(b[:])
	}
	return h.Sum64()
}

// Counts returns the counters of this room.
func (s *State) Counts() []core.Count {
	return []core.Count{{Name: "membership_nodes_refused_total", Reason: "too_many", Value: s.refused}}
}

// Package roster is what a node knows of the others by listening to the group,
// and when it speaks itself. It is pure: time comes in, nothing goes out but
// return values.
package roster

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/mcast/frame"
)

const (
	// MaxSkew is how far the clock of another node may be from ours.
	MaxSkew = time.Minute
	// MaxNodes bounds the nodes that are remembered, with those whose entries
	// have ended but whose frames could still be repeated.
	MaxNodes = 4096
	// memory is how long a node is remembered after its last frame: from then
	// on no older one passes the check of the clock any more.
	memory = 2 * MaxSkew
	// maxEndpoints bounds those of one node, by whichever ways it is heard.
	maxEndpoints = 16
)

// Outcome is what became of a frame.
type Outcome uint8

// The outcomes. The first four changed something or confirmed it; nothing but
// a count came of the others.
const (
	New      Outcome = iota + 1 // there was no entry of the node
	Changed                     // its name or its endpoints are others now
	Renewed                     // its entry stands for longer
	Gone                        // a farewell has ended its entry
	Asked                       // a question, or a farewell without an entry
	Repeated                    // the frame that was heard last, once more, as by another interface
	Stale                       // not newer than one that was heard before
	Skewed                      // its time is further from ours than MaxSkew
	Full                        // a new node, for which there is no room
)

// Roster is the list of nodes. It is not safe for concurrent use.
type Roster struct {
	nodes   map[frame.UID]*node
	version uint64
}

// node is what is remembered of one node.
type node struct {
	incarnation uint64
	time        time.Time // by its own clock
	nonce       [16]byte
	forget      time.Time // when even this is forgotten

	until     time.Time // when the entry ends; zero: there is none
	name      string
	said      []discovery.Endpoint // as announced
	endpoints []discovery.Endpoint // as they can be used here
}

// NewRoster returns an empty Roster.
func NewRoster() *Roster { return &Roster{nodes: make(map[frame.UID]*node)} }

// Hear takes in a frame that is authentic. Of each node only frames that are
// newer than all before count, by its incarnation and then its time, so that
// nothing which was said once can be said again by somebody else.
func (r *Roster) Hear(f frame.Frame, from Source, now time.Time) Outcome {
	if skew := now.Sub(f.Time); skew > MaxSkew || skew < -MaxSkew {
		return Skewed
	}
	n := r.nodes[f.UID]
	switch {
	case n == nil && len(r.nodes) >= MaxNodes:
		return Full
	case n == nil:
		n = &node{}
		r.nodes[f.UID] = n
	case n.nonce == f.Nonce:
		return r.again(n, from)
	case !n.before(f):
		return Stale
	}
	n.incarnation, n.time, n.nonce, n.forget = f.Incarnation, f.Time, f.Nonce, now.Add(memory)
	switch {
	case f.Kind == frame.Announcement:
		return r.announced(n, f, from, now)
	case f.Kind == frame.Farewell && !n.until.IsZero():
		n.until = time.Time{}
		r.version++
		return Gone
	}
	return Asked
}

// before tells whether a frame is newer than all that was heard of the node.
func (n *node) before(f frame.Frame) bool {
	return cmp.Or(cmp.Compare(n.incarnation, f.Incarnation), n.time.Compare(f.Time)) < 0
}

func (r *Roster) announced(n *node, f frame.Frame, from Source, now time.Time) Outcome {
	stood := !n.until.IsZero()
	changed := n.name != f.Name || !slices.Equal(n.said, f.Endpoints)
	if changed || !stood {
		n.name, n.said, n.endpoints = f.Name, f.Endpoints, nil
	}
	changed = n.add(from.reachable(f.Endpoints)) || changed
	n.until = now.Add(f.Lifetime)
	switch {
	case !stood:
		r.version++
		return New
	case changed:
		r.version++
		return Changed
	}
	return Renewed
}

// again takes in one more copy of the frame that was heard last. On another
// link it shows another way to a link-local address. Nothing else in it counts:
// anybody can repeat a frame, from an address that he chooses.
func (r *Roster) again(n *node, from Source) Outcome {
	if !n.until.IsZero() && n.add(from.reachable(linkLocal(n.said))) {
		r.version++
		return Changed
	}
	return Repeated
}

// add puts ways to the node before those that are known, and reports whether
// there was a new one.
func (n *node) add(ways []discovery.Endpoint) bool {
	fresh := slices.DeleteFunc(ways, func(e discovery.Endpoint) bool { return slices.Contains(n.endpoints, e) })
	all := append(fresh, n.endpoints...)
	n.endpoints = all[:min(len(all), maxEndpoints)]
	return len(fresh) > 0
}

// Expire ends the entries that were not renewed and forgets who has been
// silent for long. It returns when it is to be called again; the zero time
// says that there is nothing to wait for.
func (r *Roster) Expire(now time.Time) (next time.Time) {
	for uid, n := range r.nodes {
		if !n.until.IsZero() && !now.Before(n.until) {
			n.until = time.Time{}
			r.version++
		}
		if n.until.IsZero() && !now.Before(n.forget) {
			delete(r.nodes, uid)
			continue
		}
		next = Soonest(next, n.until)
		if n.until.IsZero() {
			next = Soonest(next, n.forget)
		}
	}
	return next
}

// Soonest returns the earlier of two times, of which zero is never.
func Soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Version counts the changes of what Candidates returns.
func (r *Roster) Version() uint64 { return r.version }

// Size is how many nodes are remembered, MaxNodes at most.
func (r *Roster) Size() int { return len(r.nodes) }

// Candidates are the entries that stand, in the order of their uids.
func (r *Roster) Candidates() []discovery.Candidate {
	uids := slices.SortedFunc(maps.Keys(r.nodes), func(a, b frame.UID) int { return bytes.Compare(a[:], b[:]) })
	var out []discovery.Candidate
	for _, uid := range uids {
		if n := r.nodes[uid]; !n.until.IsZero() {
			out = append(out, discovery.Candidate{
				Endpoints: slices.Clone(n.endpoints), ClaimedName: n.name, NodeUID: uid.String(),
			})
		}
	}
	return out
}

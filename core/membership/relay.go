package membership

import (
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Where the way between two nodes is cut and a third reaches both, that one
// relays: its frames are passed on, and the two are linked (PROTOCOL.md, "Split
// and heal"). Only one node is ever between them, since a node relays to those
// alone that it reaches itself. The direct way is dialled on meanwhile.

// direct reports whether there is a link that goes through nobody.
func (n *node) direct() bool { return n.linked && !n.relayed }

// route says by which kind of way a node is linked now.
func (s *State) route(n *node, relayed bool) {
	if n.relayed != relayed {
		n.relayed = relayed
		s.writeReach(n)
	}
}

// cutOff reports whether a node is to be reached through another: it has
// neither a link nor answered the last dial, and has not said good-bye.
func (s *State) cutOff(n *node) bool {
	return !n.linked && !n.relaying && n.tries > 0 && n.bye == 0
}

// detour asks for an attempt at a relayed link, by each of the ways in turn.
func (s *State) detour(n *node, now time.Time) {
	if !s.cutOff(n) || now.Before(n.nextRelay) {
		return
	}
	if ways := s.ways(n); len(ways) > 0 {
		n.relaying = true
		s.effect(Relay{UID: n.uid, Via: ways[n.detours%len(ways)]})
		n.detours++
	}
}

// ways are the nodes that we and they reach without help, in the order of
// their uids.
func (s *State) ways(n *node) (via []core.UID) {
	for _, o := range s.sorted() {
		if row := o.rows[n.uid]; o.direct() && o.relays && o.reach == Reached && row.reach == Reached && !row.relayed {
			via = append(via, o.uid)
		}
	}
	return via
}

// Relayed tells how the attempt at a relayed link has ended.
func (s *State) Relayed(now time.Time, uid core.UID, linked bool) {
	n := s.nodes[uid]
	if n == nil {
		return
	}
	n.relaying = false
	if linked {
		n.failures = 0
	} else {
		n.failures++
		n.nextRelay = now.Add(s.pause(n.failures))
	}
	s.review(now)
}

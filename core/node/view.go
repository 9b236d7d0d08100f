package node

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/route"
)

// Routes returns every route of the cluster that this node knows, its own
// included, sorted by filter and node.
func (n *Node) Routes() []core.Route {
	n.mu.Lock()
	defer n.mu.Unlock()
	names := n.slotNames(func(core.MemberState) bool { return true })
	var out []core.Route
	for _, row := range n.routes.All() {
		out = appendRoutes(out, row, names)
	}
	for f := range n.subs.index.All() {
		out = append(out, core.Route{Filter: f, Node: n.members.Name(n.opts.Saved.UID)})
	}
	return sortRoutes(out)
}

// RoutesOf returns the routes that a message published to t here would take:
// to live nodes, by which filter.
func (n *Node) RoutesOf(t core.Topic) []core.Route {
	n.mu.Lock()
	defer n.mu.Unlock()
	names := n.slotNames(core.MemberState.Live)
	var out []core.Route
	for _, row := range n.routes.MatchFilters(t) {
		out = appendRoutes(out, row, names)
	}
	for f := range n.subs.index.All() {
		if f.Matches(t) {
			out = append(out, core.Route{Filter: f, Node: n.members.Name(n.opts.Saved.UID)})
		}
	}
	return sortRoutes(out)
}

// slotNames returns the peers in the states wanted, by slot.
func (n *Node) slotNames(want func(core.MemberState) bool) map[int]core.NodeID {
	names := map[int]core.NodeID{}
	for uid, p := range n.peers {
		if state, _ := n.members.StateOf(uid); want(state) {
			names[p.slot] = n.members.Name(uid)
		}
	}
	return names
}

func appendRoutes(out []core.Route, row route.Row, names map[int]core.NodeID) []core.Route {
	for nodes := row.Nodes; nodes != 0; nodes &= nodes - 1 {
		if name, ok := names[bits.TrailingZeros64(nodes)]; ok {
			out = append(out, core.Route{Filter: row.Filter, Node: name})
		}
	}
	return out
}

func sortRoutes(routes []core.Route) []core.Route {
	slices.SortFunc(routes, func(a, b core.Route) int {
		if c := strings.Compare(string(a.Filter), string(b.Filter)); c != 0 {
			return c
		}
		return strings.Compare(string(a.Node), string(b.Node))
	})
	return routes
}

// Unready says why the node is not ready yet, "" if it is: it must be in a
// cluster and hold the routes of every live member.
func (n *Node) Unready() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cluster.IsZero() {
		return "in no cluster yet"
	}
	for uid, p := range n.peers {
		if state, _ := n.members.StateOf(uid); state.Live() && !p.copy.Complete() {
			return "the routes of " + string(p.name) + " are not complete yet"
		}
	}
	return ""
}

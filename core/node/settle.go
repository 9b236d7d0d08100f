package node

import (
	"errors"
	"net"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/replica"
	"github.com/muster-mqtt/muster/core/wire"
)

// resolve returns the cluster that both sides of a connection are in when it
// becomes a link; zero if it must not become one.
func resolve(dialler, acceptor wire.Welcome) core.Cluster {
	return autocluster.Resolve(offer(dialler), offer(acceptor))
}

func offer(w wire.Welcome) autocluster.Offer {
	return autocluster.Offer{
		Standing: autocluster.Standing{Cluster: w.Cluster, Merged: w.Merged, Left: w.Left},
		Probe:    w.Probe, Merge: w.Merge, Operator: w.Operator,
	}
}

// standing is where this node stands.
func (n *Node) standing() autocluster.Standing {
	return autocluster.Standing{Cluster: n.cluster, Merged: n.merged, Left: n.left}
}

// errNotLinked says that two nodes have nothing to do with each other: other
// clusters, and nothing allows a merge.
var errNotLinked = errors.New("the node is in another cluster")

// errChanged says that what our welcome said is not so any more; the next
// dial goes by the new state.
var errChanged = errors.New("this node's own state has just changed")

// errNoRoom says that a node could not be made a peer.
var errNoRoom = errors.New("there is no room for the node, or its lanes do not fit")

// settleAccepted decides on an inbound connection and answers it: with our
// welcome as the first frame of the new link, with a refusal, or, to one that
// only asks, with the welcome alone.
func (n *Node) settleAccepted(c *conn, theirs wire.Welcome) {
	if theirs.Data != 0 {
		n.settleData(c, theirs)
		return
	}
	if theirs.Relay.Kind != 0 {
		n.settleRelay(c, theirs.Relay)
		return
	}
	n.mu.Lock()
	defer n.release()
	mine := n.welcomeLocked(c, intent{})
	n.observeStamp(theirs.Now)
	n.incoming(c.who, theirs)
	target := resolve(theirs, mine)
	if n.stopping || n.form.held && !theirs.Probe {
		n.answerOnly(c, wire.Refuse{Code: wire.RefuseBusy, Text: "the node is stopping or changing its cluster"})
		return
	}
	if target.IsZero() {
		n.answerOnly(c, mine)
		return
	}
	if c.tl.Info().HelloOnly {
		n.answerOnly(c, wire.Refuse{Code: wire.RefuseTransport, Text: "the node links over another transport: give all nodes the same transport.type"})
		return
	}
	if no := n.objection(c, theirs, theirs.Operator, mine.Cluster); no != nil {
		n.count.hellosRefused.Add(1)
		if !n.quiet.hush(c.tl.Info().Remote, 0, n.now()) {
			n.log.Warn("node refused", "name", c.who.Name, "remote", c.tl.Info().Remote, "reason", no.why)
		}
		n.answerOnly(c, no.frame)
		return
	}
	if l := n.install(c, theirs, target); l != nil {
		n.launch(l, mine)
	}
}

// settleDialled decides on a connection that we dialled, with the acceptor's
// welcome in hand.
func (n *Node) settleDialled(c *conn, mine, theirs wire.Welcome) (bool, error) {
	n.mu.Lock()
	defer n.release()
	n.observeStamp(theirs.Now)
	target := resolve(mine, theirs)
	err := errNotLinked
	switch {
	case n.stopping, n.form.held && !mine.Operator, n.cluster != mine.Cluster && n.cluster != target, !n.sameLane(c):
		err = errChanged
	case !target.IsZero():
		if no := n.objection(c, theirs, false, theirs.Cluster); no != nil {
			n.answerOnly(c, no.frame)
			return false, errors.New(no.why)
		}
		if l := n.install(c, theirs, target); l != nil {
			n.launch(l, nil)
			return true, nil
		}
		p := n.peers[c.who.UID]
		return p != nil && p.link != nil, errNoRoom // unless another link stays
	}
	_ = c.tl.Close()
	return false, err
}

// answerOnly sends one last frame on a connection that becomes no link.
func (n *Node) answerOnly(c *conn, f wire.Frame) {
	frame, err := c.sealer.Seal(wire.Append(nil, f))
	n.start(func() {
		if err == nil {
			_ = c.tl.Send(frame)
		}
		c.closeAfterPeer(n.opts.HelloTimeout)
	})
}

// objection is why a node must not become a peer, and what it is told.
type objection struct {
	frame wire.Frame
	why   string
}

func object(code wire.Code, why string) *objection {
	return &objection{frame: wire.Refuse{Code: code, Text: why}, why: why}
}

// objection returns nil if a node may become a peer. One that was removed is
// sent the decision itself: if it has been admitted since, it knows a later
// one and does not mind.
func (n *Node) objection(c *conn, theirs wire.Welcome, operator bool, before core.Cluster) *objection {
	h := hello(c, theirs)
	if operator {
		n.members.Admit(n.now(), n.stamp(), h)
	}
	if e, fenced := n.members.Fenced(h.UID); fenced {
		return &objection{frame: wire.Entries{Entries: []membership.Entry{e}}, why: "it was removed from the cluster; `muster cluster join` on it lets it in again"}
	}
	if n.members.Stale(h) {
		return object(wire.RefuseOld, "a later start of this data directory is known: is a copy of it running?")
	}
	// After a merge it stays, under a name of its own (membership.State.Name).
	joins := operator || before.IsZero() != theirs.Cluster.IsZero()
	if _, member := n.members.StateOf(h.UID); !member && joins && before != theirs.Cluster {
		if _, taken := n.members.NameTaken(h.Name, h.UID); taken {
			return object(wire.RefuseName, "another live node is called "+string(h.Name)+": give this one another node.name")
		}
	}
	return nil
}

// sameLane reports whether the lane to a node is still the one that our
// welcome spoke of. One that began meanwhile, on another connection, began
// where that welcome said.
func (n *Node) sameLane(c *conn) bool {
	p := n.peers[c.who.UID]
	switch {
	case c.lane != nil:
		return p != nil && p.lanes[0] == c.lane
	case p != nil:
		return p.lanes[0].out.first == c.base
	}
	return n.bases[c.who.UID] == c.base
}

func hello(c *conn, w wire.Welcome) membership.Hello {
	return membership.Hello{
		UID: c.who.UID, Name: c.who.Name, Addr: w.Addr, Incarnation: c.who.Incarnation,
		Relays: c.who.Features&wire.FeatureRelay != 0, Relayed: !c.via.IsZero(),
	}
}

// stays reports whether a link is kept although a connection of the same pair
// has come: a direct one beside a relayed one, and of two of a kind, which were
// dialled at the same time, the lower uid's.
func (l *link) stays(c *conn) bool {
	if l.inc != c.who.Incarnation {
		return false
	}
	if l.via.IsZero() != c.via.IsZero() {
		return l.via.IsZero()
	}
	return l.dialler.Compare(c.dialler) < 0
}

// ErrOutrun says that another process has begun as this one did: what the
// others hold of it was never said here. Each start counts up, so starting again
// is the cure.
var ErrOutrun = errors.New("the other nodes know more of this start of the node than it has done: " +
	"its node.data_dir is a copy, or older than it was; make sure that no other process uses it, and start the node again")

// outrun reports whether a peer holds more of our table than there is, and
// ends the node then: its rows would be taken for those that are known.
func (n *Node) outrun(by core.NodeID, have replica.Have) bool {
	if have.Incarnation != n.table.Incarnation() || have.Version <= n.table.Version() {
		return false
	}
	n.log.Error("this node cannot go on", "peer", by, "error", ErrOutrun)
	select {
	case n.broken <- ErrOutrun:
	default:
	}
	return true
}

// install makes a connection the link of its peer, unless another one stays.
func (n *Node) install(c *conn, theirs wire.Welcome, target core.Cluster) *link {
	if n.outrun(c.who.Name, theirs.Have) {
		_ = c.tl.Close()
		return nil
	}
	n.adopt(target, theirs.Merged)
	if n.left { // an operator has made it a cluster of two again, or it was never alone
		n.setLeft(false)
		n.markDirty()
	}
	p, err := n.addPeer(c.who.UID, c.who.Name, c.speaks)
	if err != nil {
		n.log.Warn("no room for another node", "name", c.who.Name, "error", err)
		n.answerOnly(c, wire.Refuse{Code: wire.RefuseFull, Text: err.Error()})
		return nil
	}
	if old := p.link; old != nil && old.stays(c) && n.members.Fresh(n.now(), c.who.UID) {
		n.answerOnly(c, wire.Refuse{Code: wire.RefuseRedundant, Text: "another link of the same pair stays"})
		n.members.Answered(n.now(), c.who.UID)
		return nil
	} else if old != nil {
		old.end()
		n.detach(p)
	}
	l := newLink(p, c, n.opts.Saved.Incarnation)
	done, err := p.begin(l, theirs)
	if err != nil {
		n.log.Error("lanes do not fit together, link refused", "peer", p.name, "error", err)
		_ = c.tl.Close()
		n.members.LinkDown(n.now(), p.uid)
		return nil
	}
	l.theirLanes = theirs.Count
	n.later = append(n.later, func() { finish(done) })
	n.routes.SetFlood(p.slot, !p.copy.Complete())
	p.feed = replica.NewFeed(n.table, theirs.Have)
	p.link = l
	n.tellWay(l)
	n.members.Met(n.now(), n.stamp(), hello(c, theirs))
	return l
}

// begin takes up the table where it stands and, by protocol 1, the lane.
func (p *peer) begin(l *link, theirs wire.Welcome) ([]*publication, error) {
	if err := p.copy.Meet(l.inc); err != nil {
		return nil, err
	}
	p.routes.follow(p.copy.Have())
	if l.speaks >= dataProtocol {
		return nil, nil
	}
	return p.lanes[0].begin(l, theirs.Lanes)
}

// launch starts the goroutines of an installed link; first is sent before
// anything else.
func (n *Node) launch(l *link, first wire.Frame) {
	if first != nil {
		l.queue(first)
	}
	l.queue(wire.Entries{Entries: n.members.Entries()})
	n.later = append(n.later, func() { n.tellClaims(l) })
	l.tables.Store(true)
	l.repairs.Store(true)
	l.peer.current.Store(l)
	l.wake()
	n.start(func() { n.write(l) })
	n.start(func() { n.read(l) })
	n.wantData(l.peer)
}

// adopt makes target our cluster. If we had another, ours has been merged
// into it, and our peers are told to follow.
func (n *Node) adopt(target core.Cluster, merged []core.UID) {
	to := n.standing()
	changed := to.Adopt(target, merged)
	n.moveTo(to, changed)
}

// moveTo makes to our standing, if it has changed.
func (n *Node) moveTo(to autocluster.Standing, changed bool) {
	if !changed {
		return
	}
	from := n.cluster
	n.merged = to.Merged
	if to.Cluster != from {
		if !from.IsZero() {
			n.count.clusterMerges.Add(1)
			n.log.Info("cluster merged into another", "from", from.UID, "to", to.Cluster.UID)
		}
		joined := n.joined
		if from.IsZero() || joined == 0 {
			joined = n.stamp()
		}
		n.setLeft(to.Left)
		n.setCluster(to.Cluster, joined)
	}
	n.markDirty()
	n.broadcast(wire.Moved{Cluster: n.cluster, Merged: n.merged})
}

// observeStamp takes the higher of two cluster times at a link-up.
func (n *Node) observeStamp(s core.Stamp) { n.clock.Adopt(s, n.now()) }

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

package node

import (
	"crypto/rand"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/wire"
)

// release does what the pure rooms have asked for, frees mu, and then calls
// what must not be called under it. Everyone who takes mu to change something
// gives it back through release.
func (n *Node) release() {
	n.act()
	later := append(n.later, n.visible.fired...)
	n.later, n.visible.fired = nil, nil
	n.mu.Unlock()
	for _, f := range later {
		f()
	}
}

// act turns the effects of membership into I/O until there are none.
func (n *Node) act() {
	for {
		effects := n.members.Effects()
		if len(effects) == 0 {
			break
		}
		for _, e := range effects {
			n.actOn(e)
		}
	}
	n.arm()
}

func (n *Node) actOn(e membership.Effect) {
	switch e := e.(type) {
	case membership.Dial:
		if !n.stopping {
			n.start(func() { n.dialMember(e.UID, e.Addr) })
		}
	case membership.Relay:
		if !n.stopping {
			n.start(func() { n.relayMember(e.UID, e.Via) })
		}
	case membership.Probe:
		n.sendTo(e.UID, wire.Probe{ID: uint64(n.stamp()), ViewHash: n.members.Hash()})
	case membership.Cut:
		n.cut(e.UID, e.Reason)
	case membership.Tell:
		n.broadcast(wire.Entries{Entries: e.Entries})
	case membership.Changed:
		n.viewChanged(e)
	case membership.Expelled:
		n.expelled(e.Entry)
	case membership.Store:
		n.markDirty()
	case membership.Forget:
		n.members.Forgets(n.now(), n.stamp(), e.UID)
	default:
		n.writeRow(e)
	}
}

// writeRow changes our own table.
func (n *Node) writeRow(e membership.Effect) {
	switch e := e.(type) {
	case membership.WriteRecord:
		n.table.Set(wire.RecordKey(), wire.AppendRecord(nil, e.Record))
	case membership.WriteReach:
		n.table.Set(wire.ReachKey(e.Row.UID), wire.AppendReach(nil, e.Row))
	case membership.EraseReach:
		n.table.Delete(wire.ReachKey(e.UID))
	}
	n.pump()
}

// sendTo queues a control frame for one peer, if it has a link. A peer that
// does not read loses its link.
func (n *Node) sendTo(uid core.UID, f wire.Frame) {
	p := n.peers[uid]
	if p == nil || p.link == nil || p.link.ended() {
		return
	}
	if !p.link.queue(f) {
		n.count.controlOverflow.Add(1)
		n.log.Warn("peer takes no control frames, its link is closed", "peer", p.name)
		p.link.end()
	}
}

func (n *Node) broadcast(f wire.Frame) {
	for uid := range n.peers {
		n.sendTo(uid, f)
	}
}

// cut closes the link to a member, after what is queued on it.
func (n *Node) cut(uid core.UID, reason string) {
	p := n.peers[uid]
	if p == nil || p.link == nil {
		return
	}
	n.log.Info("link closed", "peer", p.name, "reason", reason)
	p.link.finish()
	n.detach(p)
}

// detach takes the link away from its peer.
func (n *Node) detach(p *peer) {
	p.link, p.feed = nil, nil
	p.current.Store(nil)
	p.endData()
}

// viewChanged brings a change of the view into effect on routing.
func (n *Node) viewChanged(e membership.Changed) {
	p := n.peers[e.UID]
	if p != nil {
		n.log.Info("member changed", "peer", p.name, "uid", e.UID, "from", e.From, "to", e.To, "gone", e.Gone)
	}
	switch {
	case e.Gone:
		n.dropPeer(e.UID)
	case p != nil && e.To.Live():
		p.eachOut((*outLane).revive)
		n.setLeftNode(p.slot, false)
		n.routes.SetLive(p.slot, true)
	case p != nil:
		n.setLeftNode(p.slot, e.To == core.Left)
		n.routes.SetLive(p.slot, false)
		waiting := p.giveUp()
		n.count.incomplete.Add(uint64(len(waiting)))
		n.later = append(n.later, func() { finish(waiting) })
	}
	n.acknowledged()
}

// tellName tells the operator when another live node keeps our name, once for
// each time.
func (n *Node) tellName() {
	called := n.members.Name(n.opts.Saved.UID)
	if called == n.called {
		return
	}
	if n.called = called; called != n.opts.Saved.Name {
		n.log.Warn("another live node has this node's name: give one of them another node.name", "name", n.opts.Saved.Name, "called", called)
	}
}

// expelled makes the node a cluster of its own: an operator has removed it.
func (n *Node) expelled(e membership.Entry) {
	n.log.Warn("this node was removed from its cluster by an operator; `muster cluster join` on it lets it in again",
		"cluster", n.cluster.UID, "at", e.Stamp.Time())
	n.standAlone()
}

// standAlone gives the membership up and founds a cluster of one, marked as
// left so that nothing but an operator's word changes it.
func (n *Node) standAlone() {
	n.merged = nil
	n.setLeft(true)
	n.found(core.Cluster{})
	n.members.Clear(n.record())
	n.markDirty()
}

// found makes a cluster with self as its first member: the one named by a
// claim, or a new provisional one.
func (n *Node) found(named core.Cluster) {
	if !named.IsZero() { // by a claim: others may have adopted it before us
		n.setCluster(named, n.stamp())
		return
	}
	uid, err := core.NewUID(rand.Reader)
	if err != nil {
		n.log.Error("no cluster uid", "error", err)
		return
	}
	stamp := n.stamp()
	n.setCluster(core.Cluster{UID: uid, Founded: stamp}, stamp)
}

// setCluster makes the node a member of c.
func (n *Node) setCluster(c core.Cluster, joined core.Stamp) {
	n.cluster, n.joined = c, joined
	n.form.search.Formed()
	n.members.SetSelf(n.record())
	n.announceFormed()
	n.markDirty()
	n.form.poke()
}

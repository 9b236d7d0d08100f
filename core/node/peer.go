package node

import (
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/replica"
	"github.com/muster-mqtt/muster/core/wire"
)

// peer is another member of the cluster as this node works with it. It
// outlives its links, so that lanes resume and tables need only what was
// missed. Node.mu guards it, but for the lanes and current.
type peer struct {
	uid     core.UID
	name    core.NodeID
	slot    int // in the route table
	lanes   [wire.MaxLanes]*lanePair
	outs    outLanes      // ours of lanes; it never changes
	routes  routesAt      // how much of its table is in effect
	copy    *replica.Copy // its table, as we hold it
	feed    *replica.Feed // our table, on its way to it; nil without a link
	link    *link
	current atomic.Pointer[link] // the same as link, for the data path
	data    [wire.MaxLanes]*link // connections of the lanes
	// dialling are the lanes whose connection is being dialled.
	dialling [wire.MaxLanes]bool
	redials  [wire.MaxLanes]redial
	noLocal  bool // its copy says that it wants publishers
	relayed  bool // its last link went through another node
}

// addPeer makes room for a member that speaks a protocol; the route table
// bounds how many there are.
func (n *Node) addPeer(uid core.UID, name core.NodeID, speaks uint16) (*peer, error) {
	if p := n.peers[uid]; p != nil {
		p.name = name
		return p, nil
	}
	slot, err := n.routes.Slot(uid)
	if err != nil {
		return nil, err
	}
	p := &peer{
		uid: uid, name: name, slot: slot,
		copy: replica.NewCopy(replica.Limits{}),
	}
	p.routes.set(allRoutes)
	if state, member := n.members.StateOf(uid); member {
		n.routes.SetLive(slot, state.Live())
	}
	n.makeLanes(p, speaks)
	n.peers[uid] = p
	n.routes.SetFlood(slot, true)
	n.setWantPublishers(slot, true)
	return p, nil
}

// maxBases bounds the nodes that were told a base and became no peers yet.
const maxBases = 4096

// laneBase is where the lanes to a node that is no peer yet will start. It is
// made of cluster time, so it is above every sequence of a lane to that node
// that was dropped before; and it is chosen once, since the node may hear of it
// on a connection that is not the one that becomes the link.
func (n *Node) laneBase(uid core.UID) uint64 {
	base, ok := n.bases[uid]
	if !ok {
		if len(n.bases) >= maxBases {
			clear(n.bases)
		}
		base = uint64(n.stamp())
		n.bases[uid] = base
	}
	return base
}

// dropPeer forgets a member that is gone for good.
func (n *Node) dropPeer(uid core.UID) {
	p := n.peers[uid]
	if p == nil {
		return
	}
	n.retired.add(p.copy.Counts())
	n.routes.SetLive(p.slot, false)
	n.setWantPublishers(p.slot, false)
	for key := range p.copy.Rows() {
		if k, err := wire.ParseKey(key); err == nil && k.Kind == wire.RowRoute {
			_ = n.routes.Apply(p.slot, k.Filter, false) // it was let in
		}
	}
	if p.link != nil {
		p.link.finish()
		n.detach(p)
	}
	waiting := n.dropLanes(p)
	n.count.incomplete.Add(uint64(len(waiting)))
	n.later = append(n.later, func() { finish(waiting) })
	n.routes.Release(p.slot)
	delete(n.peers, uid)
}

// applyChanges brings the rows of a peer's table into effect.
func (n *Node) applyChanges(p *peer, changes []replica.Change) {
	for _, c := range changes {
		k, err := wire.ParseKey(c.Key)
		switch {
		case err != nil:
			n.badRow(p, err)
		case k.Kind == wire.RowRoute:
			if err := n.routes.Apply(p.slot, k.Filter, !c.Deleted); err != nil {
				n.badRow(p, err)
			}
		case k.Kind == wire.RowNoLocal:
			p.noLocal = !c.Deleted
		case k.Kind == wire.RowRecord && !c.Deleted:
			n.applyRecord(p, c.Value)
		case k.Kind == wire.RowReach:
			n.applyReach(p, k.UID, c)
		}
	}
	n.routes.SetFlood(p.slot, !p.copy.Complete())
	n.setWantPublishers(p.slot, p.noLocal || !p.copy.Complete())
	p.routes.follow(p.copy.Have())
}

// setWantPublishers says whether messages to the node of a slot name their
// publishers.
func (n *Node) setWantPublishers(slot int, on bool) {
	if bit := uint64(1) << slot; on {
		n.wantPublishers.Or(bit)
	} else {
		n.wantPublishers.And(^bit)
	}
}

func (n *Node) applyRecord(p *peer, value []byte) {
	r, err := wire.DecodeRecord(value)
	if err != nil {
		n.badRow(p, err)
		return
	}
	n.members.RecordRow(n.now(), p.uid, r)
}

func (n *Node) applyReach(p *peer, uid core.UID, c replica.Change) {
	row := membership.ReachRow{UID: uid}
	if !c.Deleted {
		var err error
		if row, err = wire.DecodeReach(c.Value); err != nil || row.UID != uid {
			n.badRow(p, err)
			return
		}
	}
	n.members.ReachRow(n.now(), p.uid, row, c.Deleted)
}

func (n *Node) badRow(p *peer, err error) {
	n.count.badFrames.Add(1)
	n.log.Warn("row of a peer is not readable", "peer", p.name, "error", err)
}

// nextTableFrame returns the next message of the table feed to the peer of
// l, or nil.
func (n *Node) nextTableFrame(l *link) wire.Frame {
	if !l.tables.Swap(false) {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.peer.link != l || l.peer.feed == nil {
		return nil
	}
	m, ok := l.peer.feed.Next(n.now())
	if !ok {
		n.arm()
		return nil
	}
	l.tables.Store(true)
	return m
}

// pump tells every writer that our table has changed.
func (n *Node) pump() {
	for _, p := range n.peers {
		if p.link != nil {
			p.link.tables.Store(true)
			p.link.wake()
		}
	}
}

// setLeftNode says that the node of a slot is gone by its own will.
func (n *Node) setLeftNode(slot int, on bool) {
	if bit := uint64(1) << slot; on {
		n.leftNodes.Or(bit)
	} else {
		n.leftNodes.And(^bit)
	}
}

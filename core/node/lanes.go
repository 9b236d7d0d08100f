package node

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/lane"
	"github.com/muster-mqtt/muster/core/wire"
)

// firstLane is the number of the first data lane, and of the only one by
// protocol 1.
const firstLane = 1

// lanePair is the two lanes of one number between us and a peer, and the link
// that carries both. It outlives its links.
type lanePair struct {
	number uint8
	out    *outLane // nil: we have fewer lanes than the peer may have
	in     *inLane
	link   atomic.Pointer[link] // nil without one
}

// wake wakes the writer of the link that carries the lanes.
func (p *lanePair) wake() {
	if l := p.link.Load(); l != nil {
		l.wake()
	}
}

// probe asks the peer how far it has got.
func (p *lanePair) probe(id uint64) {
	if l := p.link.Load(); l != nil {
		l.queue(wire.Probe{ID: id})
	}
}

// outLanes are our lanes to one peer: each publisher has its own.
type outLanes []*outLane

// of returns the lane of a publisher, by the hash of its client ID.
func (l outLanes) of(publisher uint64) *outLane { return l[publisher%uint64(len(l))] }

// laneKey names a lane from a node.
type laneKey struct {
	uid    core.UID
	number uint8
}

// speaks is the highest protocol that this node speaks.
func (n *Node) speaks() uint16 {
	if p := n.opts.Protocol; p > 0 && p < wire.Protocol {
		return p
	}
	return wire.Protocol
}

// publisherOf returns the hash of a client ID, by which its lane is chosen.
func (n *Node) publisherOf(m *core.Message) uint64 { return maphash.String(n.seed, m.Publisher) }

// makeLanes gives a new peer its lanes. Their sequences start where every
// welcome to it has said.
func (n *Node) makeLanes(p *peer, speaks uint16) {
	o := n.opts.Lane
	o.After = n.laneBase(p.uid) - 1
	delete(n.bases, p.uid)
	outs := outLanes{}
	for i := range p.lanes {
		pair := &lanePair{number: uint8(firstLane + i), in: newInLane(n.takeRecovered(laneKey{p.uid, uint8(firstLane + i)}))}
		if i < n.laneCount(speaks) {
			pair.out = newOutLane(o, pair)
			pair.out.began, pair.out.speaks = n.began, speaks
			outs = append(outs, pair.out)
		}
		p.lanes[i] = pair
	}
	p.outs = outs
	n.lanes[p.slot].Store(&p.outs)
}

// laneCount is how many lanes there are to a peer: as many data connections as
// this node wants, one by protocol 1.
func (n *Node) laneCount(speaks uint16) int {
	if speaks < dataProtocol {
		return 1
	}
	return n.opts.DataLanes
}

// takeRecovered returns how far a lane had got in an earlier run, or before its
// peer was dropped.
func (n *Node) takeRecovered(k laneKey) core.LaneSeq {
	at := n.recovered[k]
	delete(n.recovered, k)
	return at
}

// eachOut calls f for each of our lanes to a peer.
func (p *peer) eachOut(f func(*outLane)) {
	for _, l := range p.outs {
		f(l)
	}
}

// flushed reports whether the peer has acknowledged everything.
func (p *peer) flushed() bool {
	busy := 0
	p.eachOut(func(l *outLane) { busy += l.held() })
	return busy == 0
}

// giveUp takes the publishes that wait for any lane to a peer, to be finished
// by the caller.
func (p *peer) giveUp() (waiting []*publication) {
	p.eachOut(func(l *outLane) { waiting = append(waiting, l.giveUp()...) })
	return waiting
}

// dropLanes forgets all that lanes hold, because the peer is gone for good.
func (n *Node) dropLanes(p *peer) (waiting []*publication) {
	p.eachOut(func(l *outLane) {
		w, lost := l.drop()
		waiting = append(waiting, w...)
		n.count.droppedSpool.Add(lost)
	})
	for _, pair := range p.lanes {
		pair.link.Store(nil)
		inc, seq := pair.in.accepted()
		if inc != 0 && len(n.recovered) < maxBases { // it may return with the same lane
			n.recovered[laneKey{p.uid, pair.number}] = core.LaneSeq{Node: p.uid, Incarnation: inc, Lane: pair.number, Seq: seq}
		}
	}
	n.lanes[p.slot].CompareAndSwap(&p.outs, nil)
	return waiting
}

// position is what a welcome says of a lane: how far it has got in both
// directions.
func (p *lanePair) position(peer core.Incarnation) wire.LanePosition {
	pos := wire.LanePosition{Lane: p.number, Base: 1}
	if p.out != nil {
		pos.Base = p.out.base()
	}
	if inc, accepted := p.in.accepted(); inc == peer {
		pos.Incarnation, pos.Received = inc, accepted
	}
	return pos
}

// begin takes up a lane on a link where it stands, by what the peer's welcome
// says. It returns the publishes that this completes.
func (p *lanePair) begin(l *link, theirs []wire.LanePosition) ([]*publication, error) {
	have, base := uint64(0), uint64(1)
	for _, pos := range theirs {
		if pos.Lane == p.number {
			base = pos.Base
			if pos.Incarnation == l.self {
				have = pos.Received
			}
		}
	}
	if err := p.in.begin(l.inc, base); err != nil {
		return nil, err
	}
	l.lanes = p
	if p.out == nil {
		p.link.Store(l)
		return nil, nil
	}
	return p.out.resume(have, l)
}

// windowOf is how many bytes a lane to us may hold without an acknowledgement.
func windowOf(o lane.Options) uint64 {
	if o.MaxBytes <= 0 {
		return 16 << 20
	}
	return uint64(o.MaxBytes)
}

package node

import (
	"bytes"
	"context"
	"errors"
	"math/bits"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/retained"
	"github.com/muster-mqtt/muster/core/route"
	"github.com/muster-mqtt/muster/core/wire"
)

// ErrNoRoom refuses a message after publishWait: a node that it must go to
// takes nothing.
var ErrNoRoom = errors.New("a node that the message must go to has no room for it")

// ErrTooLarge refuses a message that is longer than MQTT lets any be or, if it
// is to be retained or a node that it must go to is of an older build, than a
// frame between nodes.
var ErrTooLarge = errors.New("the message is too large to be forwarded between nodes")

// Publish routes m to every matching session of the cluster. See
// mqtt.Cluster for its promises.
func (n *Node) Publish(ctx context.Context, m *core.Message, on core.Outcome) error {
	n.count.published.Add(1)
	if m.Retain {
		m = n.stamped(m)
	}
	t := n.targets(m)
	if t.nodes == 0 {
		n.countAway(t)
		matched := n.deliverHere(m, on.Admitted) || t.matched
		if on.Accepted == nil || m.QoS == 0 {
			return nil
		}
		if n.opts.Journal == nil {
			on.Accepted(matched)
			return nil
		}
		n.opts.Journal.Written(func() { on.Accepted(matched) })
		return nil
	}
	p := &publishing{m: m, on: on, targets: t, publisher: n.publisherOf(m), version: n.changes.of(m.Publisher)}
	return n.forward(ctx, p)
}

// targets are the nodes that a message goes to.
type targets struct {
	nodes   uint64 // live ones
	away    uint64 // that have a subscription and are not live
	matched bool   // a subscription of a live node matches
}

// targets returns where m goes: a message to be retained goes to every live
// node.
func (n *Node) targets(m *core.Message) targets {
	nodes, away := n.routes.MatchAll(m.Topic)
	t := targets{nodes: nodes, away: away, matched: nodes != 0}
	if m.Retain {
		t.nodes = n.routes.Live()
	}
	return t
}

// countAway counts a message as dropped for each node that wants it and is
// failed, or has left.
func (n *Node) countAway(t targets) {
	if t.away == 0 {
		return
	}
	gone := bits.OnesCount64(t.away & n.leftNodes.Load())
	n.count.droppedLeft.Add(uint64(gone))
	n.count.droppedFailed.Add(uint64(bits.OnesCount64(t.away) - gone))
	n.count.routed.Add(uint64(bits.OnesCount64(t.away)))
}

// publishing is one message on its way to the lanes.
type publishing struct {
	targets
	m         *core.Message
	on        core.Outcome
	publisher uint64 // its hash
	version   uint64 // of our routes, with the publisher's last change; 0: all have it
	named     bool   // the encoding has the publisher
	long      bool   // it goes in parts; encoded is nobody else's then
	encoded   []byte
	pub       *publication // nil: nobody waits for acknowledgements
	queue     queueing     // for room
}

// encode encodes the message for the nodes that it goes to.
func (n *Node) encode(p *publishing) error {
	named := p.m.Retain || p.nodes&n.wantPublishers.Load() != 0
	if len(p.encoded) > 0 && named == p.named {
		return nil
	}
	p.named = named
	dst := p.encoded[:0]
	if p.long || len(p.m.Topic)+len(p.m.Payload)+len(p.m.Properties()) > wire.MaxWhole {
		dst = nil // lanes keep it
	}
	p.encoded = wire.AppendMessage(dst, p.m, wire.MessageOptions{Began: n.began, Publisher: named})
	p.long = len(p.encoded) > wire.MaxWhole
	if p.long && dst != nil {
		p.encoded = bytes.Clone(p.encoded)
	}
	limit := wire.MaxMessage
	if p.m.Retain {
		limit = wire.MaxBody // so that a repair can bring it
	}
	if len(p.encoded) > limit {
		n.count.tooLarge.Add(1)
		return ErrTooLarge
	}
	return nil
}

// forward admits a message to the lanes of all its nodes in one step, and
// repeats the whole step, match included, while one of them has no room.
func (n *Node) forward(ctx context.Context, p *publishing) error {
	buf := n.encodeBufs.Get().(*[]byte)
	p.encoded = (*buf)[:0]
	defer func() {
		if !p.long { // else lanes have it
			*buf = p.encoded
		}
		n.encodeBufs.Put(buf)
		p.queue.end()
	}()
	if p.m.QoS > 0 {
		p.pub = &publication{accepted: p.on.Accepted}
		p.pub.left.Store(1) // the admission itself
	}
	for {
		if err := n.encode(p); err != nil {
			return err
		}
		turn, err := n.admit(p)
		if turn == nil {
			return err
		}
		if p.queue.refused == nil {
			n.count.paused.Add(1)
		}
		p.queue.move(turn)
		if err := p.queue.wait(ctx); err != nil {
			n.count.refusedPublish.Add(1)
			return err
		}
		p.targets = n.targets(p.m)
	}
}

// admit is the one step: take room on every lane, number, deliver locally. It
// returns a turn to wait for, and has done nothing, when a lane has no room
// for a message of QoS 1 or 2; and an error, when a node cannot take it at all.
func (n *Node) admit(p *publishing) (*turn, error) {
	var held [route.MaxSlots]*outLane
	lanes := held[:0]
	for rest := p.nodes; rest != 0; rest &= rest - 1 {
		if l := n.lanes[bits.TrailingZeros64(rest)].Load(); l != nil {
			out := l.of(p.publisher)
			out.mu.Lock()
			lanes = append(lanes, out)
		}
	}
	wait, err := n.obstacle(lanes, p)
	if wait == nil && err == nil {
		n.number(lanes, p)
	}
	for _, l := range lanes {
		l.mu.Unlock()
	}
	if wait != nil || err != nil {
		return wait, err
	}
	p.queue.end() // before the local delivery, which may take its time
	for _, l := range lanes {
		l.wake()
	}
	n.countAway(p.targets)
	n.finishAdmission(p, n.deliverHere(p.m, p.on.Admitted))
	return nil, nil
}

// obstacle is why a message of QoS 1 or 2 cannot be admitted: a lane to wait
// for, or an error. The caller holds the lanes.
func (n *Node) obstacle(lanes []*outLane, p *publishing) (*turn, error) {
	if p.m.QoS == 0 {
		return nil, nil
	}
	for _, l := range lanes {
		if !l.gone && !l.failed && !l.fits(p) {
			n.count.tooLarge.Add(1)
			return nil, ErrTooLarge
		}
		if l.blocked(p) {
			if p.queue.ticket == 0 {
				p.queue.ticket = n.tickets.Add(1)
			}
			return l.await(&p.queue, l.size(p)), nil
		}
	}
	return nil, nil
}

// finishAdmission ends the wait for this node itself: what it has to keep must
// be in the log.
func (n *Node) finishAdmission(p *publishing, matched bool) {
	if p.pub == nil {
		return
	}
	p.pub.matched = p.matched || matched
	if n.opts.Journal == nil {
		p.pub.done()
		return
	}
	n.opts.Journal.Written(p.pub.done)
}

// deliverHere hands a message to the sessions of this node and keeps it if it
// is to be retained: it is kept first, so that a new subscriber finds it or
// gets it. What the log gets of one QoS 2 message stays together.
func (n *Node) deliverHere(m *core.Message, admitted func()) (matched bool) {
	if m.QoS == 2 && n.opts.Journal != nil {
		n.opts.Journal.Hold()
		defer n.opts.Journal.Release()
	}
	if m.Retain {
		n.retain(m, retained.Published)
	}
	delivered, matched := n.subs.deliver(m)
	if delivered > 0 { // a counter that all publishers share is not free
		n.count.delivered.Add(uint64(delivered))
	}
	if admitted != nil {
		admitted()
	}
	return matched
}

// number appends the message to each lane. Where there is no room it is
// dropped and counted: at QoS 0, and for a peer that failed since the match.
// Nobody waits for such a peer; what it gets of the message is a courtesy.
func (n *Node) number(lanes []*outLane, p *publishing) {
	expires := p.m.Extra != nil && !p.m.Extra.Expires.IsZero()
	n.count.routed.Add(uint64(len(lanes)))
	for _, l := range lanes {
		switch l.judge(p) {
		case fits:
			if p.m.QoS > 0 {
				l.turns.pass(p.queue.place())
			}
			l.append(p, laneWait{pub: n.waitsFor(l, p.pub), expires: expires, version: p.version})
			n.count.forwarded.Add(1)
		case peerFailed:
			n.count.droppedFailed.Add(1)
		case tooLong:
			n.count.droppedLong.Add(1)
		case noCredit:
			n.count.droppedCredit.Add(1)
		default:
			n.count.droppedLane.Add(1)
		}
	}
}

// waitsFor returns pub if its acknowledgement is to wait for the lane.
func (n *Node) waitsFor(l *outLane, pub *publication) *publication {
	switch {
	case pub == nil || n.opts.AckLocal:
		return nil
	case l.failed:
		n.count.incomplete.Add(1)
		return nil
	}
	pub.left.Add(1)
	return pub
}

package node

import (
	"context"
	"errors"
	"math/bits"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/retained"
	"github.com/muster-mqtt/muster/core/route"
	"github.com/muster-mqtt/muster/core/wire"
)

// publishWait is how long a publisher is paused for want of room on a lane
// before its message is refused.
const publishWait = 10 * time.Second

// ErrNoRoom refuses a message after publishWait: a node that it must go to
// takes nothing.
var ErrNoRoom = errors.New("a node that the message must go to has no room for it")

// ErrTooLarge refuses a message that does not fit into a frame between nodes.
var ErrTooLarge = errors.New("the message is too large to be forwarded between nodes")

// Publish routes m to every matching session of the cluster. See
// mqtt.Cluster for its promises.
func (n *Node) Publish(ctx context.Context, m *core.Message, on core.Outcome) error {
	n.count.published.Add(1)
	if m.Retain {
		m = n.stamped(m)
	}
	nodes, matched := n.targets(m)
	if nodes == 0 {
		matched = n.deliverHere(m, on.Admitted)
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
	p := &publishing{m: m, on: on, nodes: nodes, matched: matched}
	return n.forward(ctx, p)
}

// targets returns the nodes that m goes to, and whether a subscription of one
// of them matches: a message to be retained goes to every live one.
func (n *Node) targets(m *core.Message) (nodes uint64, matched bool) {
	nodes = n.routes.Match(m.Topic)
	if m.Retain {
		return n.routes.Live(), nodes != 0
	}
	return nodes, nodes != 0
}

// publishing is one message on its way to the lanes.
type publishing struct {
	m       *core.Message
	on      core.Outcome
	nodes   uint64
	matched bool
	named   bool // the encoding has the publisher
	encoded []byte
	pub     *publication // nil: nobody waits for acknowledgements
}

// encode encodes the message for the nodes that it goes to.
func (n *Node) encode(p *publishing) error {
	named := p.m.Retain || p.nodes&n.wantPublishers.Load() != 0
	if len(p.encoded) > 0 && named == p.named {
		return nil
	}
	p.named = named
	p.encoded = wire.AppendMessage(p.encoded[:0], p.m, wire.MessageOptions{Began: n.began, Publisher: named})
	if len(p.encoded) > wire.MaxBody {
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
	defer func() { *buf = p.encoded; n.encodeBufs.Put(buf) }()
	if p.m.QoS > 0 {
		p.pub = &publication{accepted: p.on.Accepted}
		p.pub.left.Store(1) // the admission itself
	}
	var deadline <-chan time.Time
	for {
		if err := n.encode(p); err != nil {
			return err
		}
		room := n.admit(p)
		if room == nil {
			return nil
		}
		if deadline == nil {
			t := time.NewTimer(publishWait)
			defer t.Stop()
			deadline = t.C
		}
		select {
		case <-room:
		case <-ctx.Done():
			n.count.refusedPublish.Add(1)
			return ctx.Err()
		case <-deadline:
			n.count.refusedPublish.Add(1)
			return ErrNoRoom
		}
		p.nodes, p.matched = n.targets(p.m)
	}
}

// admit is the one step: take room on every lane, number, deliver locally. It
// returns a channel to wait on, and has done nothing, when a lane has no room
// for a message of QoS 1.
func (n *Node) admit(p *publishing) <-chan struct{} {
	var held [route.MaxSlots]*outLane
	lanes := held[:0]
	for rest := p.nodes; rest != 0; rest &= rest - 1 {
		if l := n.lanes[bits.TrailingZeros64(rest)].Load(); l != nil {
			l.mu.Lock()
			lanes = append(lanes, l)
		}
	}
	var wait <-chan struct{}
	if p.m.QoS > 0 {
		wait = fullLane(lanes, len(p.encoded), p.m.QoS)
	}
	if wait == nil {
		n.number(lanes, p)
	}
	for _, l := range lanes {
		l.mu.Unlock()
	}
	if wait != nil {
		return wait
	}
	for _, l := range lanes {
		l.wake()
	}
	n.finishAdmission(p, n.deliverHere(p.m, p.on.Admitted))
	return nil
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
	n.count.delivered.Add(uint64(delivered))
	if admitted != nil {
		admitted()
	}
	return matched
}

func fullLane(lanes []*outLane, size int, qos core.QoS) <-chan struct{} {
	for _, l := range lanes {
		if !l.gone && !l.failed && !l.sender.Room(size, qos) {
			return l.waitRoom()
		}
	}
	return nil
}

// number appends the message to each lane. Where there is no room it is
// dropped and counted: at QoS 0, and for a peer that failed since the match.
// Nobody waits for such a peer; what it gets of the message is a courtesy.
func (n *Node) number(lanes []*outLane, p *publishing) {
	expires := p.m.Extra != nil && !p.m.Extra.Expires.IsZero()
	for _, l := range lanes {
		switch room := l.sender.Room(len(p.encoded), p.m.QoS); {
		case l.gone, l.failed && !room:
			n.count.droppedFailed.Add(1)
		case !room:
			n.count.droppedLane.Add(1)
		default:
			seq := l.append(p.encoded, p.m.QoS, n.waitsFor(l, p.pub))
			if expires {
				l.expiring = seq
			}
			n.count.forwarded.Add(1)
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

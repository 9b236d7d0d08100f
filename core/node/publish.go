package node

import (
	"context"
	"errors"
	"math/bits"
	"time"
	"unsafe"

	"github.com/muster-mqtt/muster/core"
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
func (n *Node) Publish(ctx context.Context, m *core.Message, accepted func()) error {
	n.count.published.Add(1)
	nodes := n.routes.Match(m.Topic)
	if nodes == 0 {
		n.count.delivered.Add(uint64(n.subs.deliver(m)))
		if accepted != nil && m.QoS > 0 {
			accepted()
		}
		return nil
	}
	return n.forward(ctx, m, accepted)
}

// forward admits m to the lanes of all matching nodes in one step, and
// repeats the whole step, match included, while one of them has no room.
func (n *Node) forward(ctx context.Context, m *core.Message, accepted func()) error {
	buf := n.encodeBufs.Get().(*[]byte)
	defer n.encodeBufs.Put(buf)
	*buf = wire.AppendMessage((*buf)[:0], m)
	if len(*buf) > wire.MaxBody {
		n.count.tooLarge.Add(1)
		return ErrTooLarge
	}
	var pub *publication
	if m.QoS > 0 {
		pub = &publication{accepted: accepted}
		pub.left.Store(1) // the admission itself
	}
	var deadline <-chan time.Time
	for {
		room := n.admit(m, *buf, pub)
		if room == nil {
			n.finishAdmission(pub)
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
	}
}

func (n *Node) finishAdmission(pub *publication) {
	if pub == nil {
		return
	}
	if n.opts.AckLocal {
		if accepted := pub.accepted; accepted != nil {
			accepted()
		}
		return
	}
	pub.done()
}

// admit is the one step: match, take room on every lane, number, deliver
// locally. It returns a channel to wait on, and has done nothing, when a lane
// has no room for a message of QoS 1.
func (n *Node) admit(m *core.Message, encoded []byte, pub *publication) <-chan struct{} {
	nodes := n.routes.Match(m.Topic)
	var held [route.MaxSlots]*outLane
	lanes := held[:0]
	for rest := nodes; rest != 0; rest &= rest - 1 {
		if l := n.lanes[bits.TrailingZeros64(rest)].Load(); l != nil {
			l.mu.Lock()
			lanes = append(lanes, l)
		}
	}
	var wait <-chan struct{}
	if m.QoS > 0 {
		wait = fullLane(lanes, len(encoded), m.QoS)
	}
	if wait == nil {
		n.number(lanes, encoded, m.QoS, pub)
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
	n.count.delivered.Add(uint64(n.subs.deliver(m)))
	return nil
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
func (n *Node) number(lanes []*outLane, encoded []byte, qos core.QoS, pub *publication) {
	for _, l := range lanes {
		switch room := l.sender.Room(len(encoded), qos); {
		case l.gone, l.failed && !room:
			n.count.droppedFailed.Add(1)
		case !room:
			n.count.droppedLane.Add(1)
		default:
			l.append(encoded, qos, n.waitsFor(l, pub))
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

// receiveLane takes a frame of the data lane: what is new in it is delivered
// to our own sessions, and never forwarded again.
func (n *Node) receiveLane(l *link, frame []byte) error {
	h, body, err := wire.DecodeLane(frame)
	if err != nil {
		return err
	}
	in := l.peer.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if h.Incarnation != in.inc || h.PeerIncarnation != l.self || h.Lane != theLane {
		return errors.New("lane frame of another incarnation")
	}
	skip, gap := in.receiver.Frame(h.First, int(h.Count))
	if gap {
		n.count.laneGaps.Add(1)
		l.queue(wire.LaneNak{Lane: theLane, Incarnation: in.inc, From: in.receiver.Accepted() + 1})
		return nil
	}
	if err := n.receiveMessages(body, int(h.Count), skip); err != nil {
		return err
	}
	in.ackDue.Store(true)
	l.wake()
	return nil
}

func (n *Node) receiveMessages(body []byte, count, skip int) error {
	received, delivered := 0, 0
	for i := range count {
		view, rest, err := wire.NextMessage(body)
		if err != nil {
			return err
		}
		body = rest
		if i < skip {
			continue
		}
		received++
		delivered += n.subs.deliver(messageOf(view))
	}
	n.count.received.Add(uint64(received))
	n.count.delivered.Add(uint64(delivered))
	return nil
}

// messageOf copies a message out of its frame: sessions keep it for as long
// as they like, and one small message must not pin a whole frame. Topic and
// payload share one allocation that nobody writes to again; a topic has at
// least one byte.
func messageOf(v wire.MessageView) *core.Message {
	buf := make([]byte, len(v.Topic)+len(v.Payload))
	copy(buf, v.Topic)
	copy(buf[len(v.Topic):], v.Payload)
	return &core.Message{
		Topic: core.Topic(unsafe.String(&buf[0], len(v.Topic))), Payload: buf[len(v.Topic):],
		QoS: v.QoS, Retain: v.Retain,
	}
}

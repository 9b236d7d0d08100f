package node

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/lane"
	"github.com/muster-mqtt/muster/core/retained"
	"github.com/muster-mqtt/muster/core/wire"
)

// inLane is the receiving end of the lane from one peer. mu is held while the
// messages of a frame are delivered, so that the frames of an old link and of
// its successor cannot overtake each other.
type inLane struct {
	mu       sync.Mutex
	receiver *lane.Receiver
	inc      core.Incarnation // whose sequences receiver counts
	ackDue   atomic.Bool
	kept     keptUpTo
}

// keptUpTo is how far what a lane brought is in the log: that much is
// acknowledged. Its lock is taken last.
type keptUpTo struct {
	mu  sync.Mutex
	inc core.Incarnation
	seq uint64
}

// begin starts an incarnation of the sender, or goes on with it, at least
// behind what the sender has dropped.
func (k *keptUpTo) begin(inc core.Incarnation, dropped uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.inc != inc {
		k.inc, k.seq = inc, 0
	}
	k.seq = max(k.seq, dropped)
}

// reached notes that everything up to seq is kept.
func (k *keptUpTo) reached(inc core.Incarnation, seq uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.inc == inc {
		k.seq = max(k.seq, seq)
	}
}

// accepted returns how far the lane may be acknowledged, and of which
// incarnation.
func (l *inLane) accepted() (core.Incarnation, uint64) {
	l.kept.mu.Lock()
	defer l.kept.mu.Unlock()
	return l.kept.inc, l.kept.seq
}

// begin takes up the lane on a link with an incarnation of the sender, whose
// first unacknowledged message is base.
func (l *inLane) begin(inc core.Incarnation, base uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.receiver.Begin(inc, base); err != nil {
		return err
	}
	l.inc = inc
	l.kept.begin(inc, base-1)
	return nil
}

// newInLane returns the receiving end of a lane that was accepted up to a
// position by an earlier start; the zero position is none.
func newInLane(at core.LaneSeq) *inLane {
	l := &inLane{receiver: lane.NewReceiver()}
	if at.Incarnation != 0 && l.begin(at.Incarnation, at.Seq+1) != nil {
		return &inLane{receiver: lane.NewReceiver()} // no position that a lane can have
	}
	return l
}

// receiveLane takes a frame of the data lane: what is new in it is delivered
// to our own sessions, and never forwarded again.
func (n *Node) receiveLane(l *link, frame []byte) error {
	h, body, err := wire.DecodeLane(frame)
	if err != nil {
		return err
	}
	if n.crowded() {
		return nil
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
	r := receiving{from: core.LaneSeq{Node: l.peer.uid, Incarnation: h.Incarnation, Lane: h.Lane, Seq: h.First}, clock: h.Clock}
	if err := n.receiveMessages(&r, body, int(h.Count), skip); err != nil {
		return err
	}
	n.keep(l.peer)
	return nil
}

// keep acknowledges what the lane has brought when all of it is in the log.
// The caller holds p.in.mu.
func (n *Node) keep(p *peer) {
	in := p.in
	inc, seq := in.inc, in.receiver.Accepted()
	n.written(func() {
		in.kept.reached(inc, seq)
		in.ackDue.Store(true)
		p.wake() // the link may be another one by now
	})
}

// receiving is a lane frame that is being taken in.
type receiving struct {
	from  core.LaneSeq // of the next message
	clock uint64       // of the sender
	now   time.Time    // when a message of it was first looked at that expires
}

func (n *Node) receiveMessages(r *receiving, body []byte, count, skip int) error {
	received, delivered := 0, 0
	for i := range count {
		view, rest, err := wire.NextMessage(body)
		if err != nil {
			return err
		}
		body = rest
		if view.Expires != 0 && r.clock == 0 {
			return errors.New("a message that expires in a lane frame without a clock")
		}
		if i >= skip {
			received++
			delivered += n.receiveMessage(r, view)
		}
		r.from.Seq++
	}
	n.count.received.Add(uint64(received))
	n.count.delivered.Add(uint64(delivered))
	return nil
}

// receiveMessage delivers one message of a lane. What the log gets of it stays
// together: its records say how far the lane has got.
func (n *Node) receiveMessage(r *receiving, v wire.MessageView) (delivered int) {
	logged := n.opts.Journal != nil && (v.QoS > 0 || v.Retain)
	m := messageOf(v, logged)
	if logged {
		m.Extra.From = r.from
		n.opts.Journal.Hold()
		defer n.opts.Journal.Release()
	}
	if v.Expires != 0 {
		if r.now.IsZero() {
			r.now = n.now()
		}
		m.Extra.Expires = expiryOf(v.Expires, r.clock, r.now)
		if m.Expired(r.now) && !v.Retain { // an expired one overwrites what was retained
			n.count.droppedExpired.Add(1)
			return 0
		}
	}
	if v.Retain && v.Stamp != 0 {
		n.retain(m, retained.Forwarded)
	}
	if m.Expired(r.now) {
		n.count.droppedExpired.Add(1)
		return 0
	}
	delivered, _ = n.subs.deliver(m)
	return delivered
}

// expiryOf is when a message expires here that expires at a time of the clock
// of its sender, which shows clock now.
func expiryOf(expires, clock uint64, now time.Time) time.Time {
	return now.Add(time.Duration(int64(expires)-int64(clock)) * time.Millisecond)
}

// messageOf copies a message out of its frame: sessions keep it for as long
// as they like, and one small message must not pin a whole frame. All its
// texts share one allocation that nobody writes to again; a topic has at
// least one byte. It has an Extra if it needs one, or if extra is wanted.
func messageOf(v wire.MessageView, extra bool) *core.Message {
	topic, payload := len(v.Topic), len(v.Topic)+len(v.Payload)
	publisher := payload + len(v.Publisher)
	buf := make([]byte, publisher+len(v.Properties))
	copy(buf, v.Topic)
	copy(buf[topic:], v.Payload)
	copy(buf[payload:], v.Publisher)
	copy(buf[publisher:], v.Properties)
	var m *core.Message
	if extra || v.Properties != nil || v.Expires != 0 || v.Stamp != 0 {
		both := new(struct {
			m core.Message
			x core.Extra
		})
		m = &both.m
		m.Extra = &both.x
		m.Extra.Stamp, m.Extra.Node = v.Stamp, v.Node
		if v.Properties != nil {
			m.Extra.Properties = buf[publisher:]
		}
	} else {
		m = new(core.Message)
	}
	m.Topic, m.Payload = core.Topic(unsafe.String(&buf[0], topic)), buf[topic:payload:payload]
	if publisher > payload {
		m.Publisher = unsafe.String(&buf[payload], publisher-payload)
	}
	m.QoS, m.Retain = v.QoS, v.Retain
	return m
}

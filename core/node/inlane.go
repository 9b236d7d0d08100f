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

// inLane is the receiving end of a lane from one peer. mu is held while the
// messages of a frame are delivered, so that the frames of an old link and of
// its successor cannot overtake each other.
type inLane struct {
	mu       sync.Mutex
	receiver *lane.Receiver
	inc      core.Incarnation // whose sequences receiver counts
	naked    uint64           // the gap that the peer was told of on this link
	received uint64           // messages
	untold   int              // bytes accepted since an acknowledgement was due
	// lag is the version of the peer's routes that the lane has waited for in
	// vain: it does not wait again before that has come, so that a storm of
	// subscriptions stalls nobody.
	lag atomic.Uint64

	missed atomic.Bool // something was passed over, since the journal was full
	ackDue atomic.Bool
	told   atomic.Int64 // the window that the peer was told on this link; -1: none
	kept   keptUpTo
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
	if l.inc != inc {
		l.lag.Store(0)
	}
	l.inc, l.naked = inc, 0
	l.told.Store(-1)
	l.kept.begin(inc, base-1)
	return nil
}

// maxParts bounds the long messages of one lane of which not everything has
// come, in bytes: the longest message of MQTT, and a window of others.
const maxParts = 256<<20 + 32<<20

// newInLane returns the receiving end of a lane that was accepted up to a
// position by an earlier start; the zero position is none.
func newInLane(at core.LaneSeq) *inLane {
	l := &inLane{receiver: lane.NewReceiver(maxParts)}
	if at.Incarnation != 0 && l.begin(at.Incarnation, at.Seq+1) != nil {
		return &inLane{receiver: lane.NewReceiver(maxParts)} // no position that a lane can have
	}
	return l
}

// receiveLane takes a frame of a data lane: what is new in it is delivered to
// our own sessions, and never forwarded again.
func (n *Node) receiveLane(l *link, frame []byte) error {
	h, body, err := wire.DecodeLane(frame)
	if err != nil {
		return err
	}
	if n.passedOver(l) {
		return nil
	}
	if h.RouteVersion != 0 {
		n.hold(l, h.RouteVersion)
	}
	in := l.lanes.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if h.Incarnation != in.inc || h.PeerIncarnation != l.self || h.Lane != l.lanes.number {
		return errOther
	}
	whole, ready, err := in.refer(h, body)
	if err != nil {
		return err
	}
	skip, gap := 0, !ready
	if ready {
		skip, gap = in.receiver.Frame(h.First, int(h.Count))
	}
	if gap {
		n.count.laneGaps.Add(1)
		in.nak(l)
		return nil
	}
	if whole != nil {
		body = whole
	}
	r := receiving{from: core.LaneSeq{Node: l.peer.uid, Incarnation: h.Incarnation, Lane: h.Lane, Seq: h.First}, clock: h.Clock}
	if err := n.receiveMessages(&r, body, int(h.Count), skip); err != nil {
		return err
	}
	in.received += uint64(int(h.Count) - skip)
	in.untold += len(frame)
	n.keep(l.lanes, r.awaited || skip > 0 || in.untold >= untoldMost)
	return nil
}

// untoldMost bounds the bytes at QoS 0 that are accepted and not acknowledged:
// nobody waits for it, and it would cost a frame for each. It is told with the
// next probe at the latest.
const untoldMost = 16 << 10

// errOther refuses a frame that belongs to another link.
var errOther = errors.New("lane frame of another incarnation, or of another lane")

// passedOver reports whether the journal takes nothing in for now. What comes
// then is not waited with: the link must go on echoing. The peer is told to
// stop, and what it has sent is asked for again when the journal goes on.
func (n *Node) passedOver(l *link) bool {
	if !n.crowded() {
		return false
	}
	if in := l.lanes.in; !in.missed.Swap(true) {
		in.ackDue.Store(true) // with a window of nothing
		l.wake()
		n.written(func() {
			in.ackDue.Store(true)
			l.wake()
		})
	}
	return true
}

// refer returns the long message that a frame refers to, if it does and it is
// next: ready reports whether that has come.
func (l *inLane) refer(h wire.LaneHeader, body []byte) (whole []byte, ready bool, err error) {
	if h.Count == 0 {
		return nil, true, nil
	}
	v, _, err := wire.NextMessage(body)
	switch {
	case err != nil:
		return nil, false, err
	case !v.Reference:
		return nil, true, nil
	case h.Count != 1:
		return nil, false, errReference
	case h.First <= l.receiver.Accepted():
		l.receiver.Forget(v.Long)
		return nil, true, nil
	case h.First > l.receiver.Accepted()+1:
		return nil, true, nil
	}
	whole, ready = l.receiver.Whole(v.Long)
	return whole, ready, nil
}

// errReference refuses a reference to a long message that is not alone.
var errReference = errors.New("a reference to a message in parts beside other messages")

// nak tells the peer what is missing, once on a link until the next probe.
func (l *inLane) nak(on *link) {
	from := l.receiver.Accepted() + 1
	if l.naked == from {
		return
	}
	l.naked = from
	on.queue(wire.LaneNak{Lane: on.lanes.number, Incarnation: l.inc, From: from})
}

// receivePart takes in a piece of a long message. It is kept in memory, and
// acknowledged by nothing: it comes again if we are started anew.
func (n *Node) receivePart(l *link, frame []byte) error {
	h, body, err := wire.DecodePart(frame)
	if err != nil {
		return err
	}
	if n.passedOver(l) {
		return nil
	}
	in := l.lanes.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if h.Incarnation != in.inc || h.PeerIncarnation != l.self || h.Lane != l.lanes.number {
		return errOther
	}
	return in.receiver.Part(lane.Part{ID: h.ID, Offset: int(h.Offset), Total: int(h.Total)}, body)
}

// probedLane is told of every probe of the peer: what it was told may be lost.
func (n *Node) probedLane(l *link) {
	in := l.lanes.in
	in.ackDue.Store(true)
	in.told.Store(-1)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.naked = 0
}

// keep acknowledges what the lane has brought when all of it is in the log; at
// once, or when there is something to be said anyway. The caller holds p.in.mu.
func (n *Node) keep(p *lanePair, atOnce bool) {
	in := p.in
	inc, seq := in.inc, in.receiver.Accepted()
	if atOnce {
		in.untold = 0
	}
	n.written(func() {
		in.kept.reached(inc, seq)
		if atOnce {
			in.ackDue.Store(true)
			p.wake() // the link may be another one by now
		}
	})
}

// tellLane returns what the peer of a link has to be told of our end of its
// lane: how far it has got, how much more may come, and what has to come again.
func (n *Node) tellLane(l *link) (frames []wire.Frame) {
	in := l.lanes.in
	inc, accepted := in.accepted()
	frames = append(frames, wire.LaneAck{Lane: l.lanes.number, Incarnation: inc, Seq: accepted})
	full := n.full()
	if !full && in.missed.Swap(false) {
		frames = append(frames, in.missing(l.lanes.number))
	}
	window := int64(windowOf(n.opts.Lane))
	if full {
		window = 0
	}
	if l.speaks >= dataProtocol && in.told.Swap(window) != window {
		frames = append(frames, wire.LaneGrant{Lane: l.lanes.number, Incarnation: inc, Window: uint64(window)})
	}
	return frames
}

// missing asks for everything that has not been accepted.
func (l *inLane) missing(number uint8) wire.LaneNak {
	l.mu.Lock()
	defer l.mu.Unlock()
	return wire.LaneNak{Lane: number, Incarnation: l.inc, From: l.receiver.Accepted() + 1}
}

// receiving is a lane frame that is being taken in.
type receiving struct {
	from  core.LaneSeq // of the next message
	clock uint64       // of the sender
	now   time.Time    // when a message of it was first looked at that expires
	// awaited: its acknowledgement, by a publisher or for what is retained.
	awaited bool
}

// errBehind refuses a frame with more than its header says.
var errBehind = errors.New("bytes behind the last message of a lane frame")

func (n *Node) receiveMessages(r *receiving, body []byte, count, skip int) error {
	received, delivered := 0, 0
	for i := range count {
		view, rest, err := wire.NextMessage(body)
		if err != nil {
			return err
		}
		body = rest
		if view.Reference && i >= skip { // a message in parts has none inside
			return errReference
		}
		if view.Expires != 0 && r.clock == 0 {
			return errors.New("a message that expires in a lane frame without a clock")
		}
		if i >= skip {
			received++
			r.awaited = r.awaited || view.QoS > 0 || view.Retain
			delivered += n.receiveMessage(r, view)
		}
		r.from.Seq++
	}
	if len(body) > 0 {
		return errBehind
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

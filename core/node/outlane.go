package node

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/lane"
	"github.com/muster-mqtt/muster/core/wire"
)

// theLane is the number of the one data lane between two nodes.
const theLane = 1

// outLane is the sending end of the lane to one peer, with the publishers
// that wait for its acknowledgements.
type outLane struct {
	mu     sync.Mutex
	sender *lane.Sender
	waits  []laneWait    // in the order of seq
	room   chan struct{} // closed when room is made; nil while nobody waits
	gone   bool          // the peer is no member any more
	failed bool          // the peer is not live: nobody is to wait for it
	quiet  int           // echoes in a row without an acknowledgement of what is under way
	first  uint64        // the sequence that the lane began with
	// expiring is the last message that expires: a batch up to it shows our
	// clock.
	expiring uint64
	began    time.Time // when our clock was zero
	stuck    uint64    // the base at the last echo
	link     *link     // whose writer may take frames: never that of a former link
	wake     func()
}

// laneWait is one publish that waits for the acknowledgement of seq.
type laneWait struct {
	seq uint64
	pub *publication
}

// publication is one QoS 1 publish on its way: left counts the lanes that
// have not acknowledged it, and the admission itself.
type publication struct {
	left     atomic.Int32
	matched  bool // written before the admission is done
	accepted func(matched bool)
}

func (p *publication) done() {
	if p.left.Add(-1) == 0 && p.accepted != nil {
		p.accepted(p.matched)
	}
}

func newOutLane(o lane.Options, began time.Time, wake func()) *outLane {
	return &outLane{sender: lane.NewSender(o), first: o.After + 1, began: began, wake: wake}
}

// waitRoom returns a channel that is closed when the lane has made room. The
// caller holds mu.
func (l *outLane) waitRoom() <-chan struct{} {
	if l.room == nil {
		l.room = make(chan struct{})
	}
	return l.room
}

// append numbers one encoded message. The caller holds mu and has asked for
// room.
func (l *outLane) append(encoded []byte, qos core.QoS, pub *publication) (seq uint64) {
	seq = l.sender.Append(encoded, qos)
	if pub != nil {
		l.waits = append(l.waits, laneWait{seq: seq, pub: pub})
	}
	return seq
}

// next appends the next frame of the lane to dst for the writer of a link, or
// returns it unchanged.
func (l *outLane) next(dst []byte, to *link) ([]byte, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.link != to {
		return dst, false
	}
	b, ok := l.sender.Next()
	if !ok {
		return dst, false
	}
	h := wire.LaneHeader{
		Lane: theLane, Incarnation: to.self, PeerIncarnation: to.inc, First: b.First, Count: uint32(b.Count),
	}
	if b.First <= l.expiring {
		h.Clock = wire.MessageOptions{Began: l.began}.Clock(time.Now())
	}
	return wire.AppendLane(dst, h, b.Body), true
}

// ack takes a cumulative acknowledgement; an error says that the peer
// acknowledges what it was never sent.
func (l *outLane) ack(seq uint64) error {
	l.mu.Lock()
	if err := l.sender.Ack(seq); err != nil {
		l.mu.Unlock()
		return err
	}
	done := l.take(func(w laneWait) bool { return w.seq <= seq })
	l.makeRoom()
	l.mu.Unlock()
	finish(done)
	return nil
}

// nak sends again from a message that the peer misses.
func (l *outLane) nak(from uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.wake()
	return l.sender.Nak(from)
}

// stallEchoes is how many echoes without progress mean that a frame, or its
// acknowledgement, was lost on the way: a transport may lose either.
const stallEchoes = 4

// echoed is told of every echo of the peer; a lane that does not get on
// although the link echoes is sent again from the first unacknowledged message.
func (l *outLane) echoed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	base := l.sender.Base()
	if base > l.sender.Last() || base != l.stuck {
		l.stuck, l.quiet = base, 0
		return
	}
	if l.quiet++; l.quiet >= stallEchoes {
		l.quiet = 0
		_ = l.sender.Resume(base - 1) // its own position cannot be wrong
		l.wake()
	}
}

// resume starts the lane over on a new link, after what the peer has; it
// returns the publishes that this completes.
func (l *outLane) resume(have uint64, on *link) ([]*publication, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link = on
	if err := l.sender.Resume(have); err != nil {
		return nil, err
	}
	l.makeRoom()
	return l.take(func(w laneWait) bool { return w.seq <= have }), nil
}

// giveUp takes every publish that waits for this lane, to be finished by the
// caller: its peer has failed. The messages stay, for when it returns.
func (l *outLane) giveUp() []*publication {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = true
	l.makeRoom()
	return l.take(func(laneWait) bool { return true })
}

// revive lets publishers wait for the peer again.
func (l *outLane) revive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = false
}

// drop forgets everything for good; it returns the publishes that wait and
// how many messages of QoS 1 are dropped.
func (l *outLane) drop() (waiting []*publication, dropped int) {
	l.mu.Lock()
	dropped = l.sender.Drop()
	l.gone = true
	l.mu.Unlock()
	return l.giveUp(), dropped
}

// take removes the leading waits that match and returns them. The caller
// holds mu.
func (l *outLane) take(match func(laneWait) bool) []*publication {
	n := 0
	for n < len(l.waits) && match(l.waits[n]) {
		n++
	}
	if n == 0 {
		return nil
	}
	out := make([]*publication, n)
	for i, w := range l.waits[:n] {
		out[i] = w.pub
	}
	rest := copy(l.waits, l.waits[n:])
	clear(l.waits[rest:])
	l.waits = l.waits[:rest]
	return out
}

func (l *outLane) makeRoom() {
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

func finish(pubs []*publication) {
	for _, p := range pubs {
		p.done()
	}
}

// base returns the first unacknowledged sequence.
func (l *outLane) base() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sender.Base()
}

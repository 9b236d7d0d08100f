package node

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/retained"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// Bounds of one link.
const (
	maxControlFrames = 4096
	maxControlBytes  = 8 << 20
	closeGrace       = time.Second // for what is queued when a link is closed in order
)

// link is one proved connection to a peer. A reader and a writer goroutine
// serve it; whoever has something to say queues it and wakes the writer.
type link struct {
	peer    *peer
	tl      transport.Link
	sealer  *wire.Sealer
	opener  *wire.Opener
	dialler core.UID
	inc     core.Incarnation // of the peer, as its hello said
	self    core.Incarnation
	speaks  uint16    // the protocol of both sides
	addr    string    // that we dialled; "" if the peer did
	via     core.UID  // the node that it goes through; zero: none
	relays  bool      // the peer understands relayed connections
	lanes   *lanePair // that it carries; nil: none
	data    bool      // it is a data connection: lanes and nothing else
	// theirLanes is how many data lanes the peer has; of the link itself.
	theirLanes uint8
	lastHeard  atomic.Int64 // nanoseconds since began
	came       uint64       // as counting said last
	began      time.Time    // when the link was made

	mu      sync.Mutex
	control [][]byte
	bytes   int
	claims  []wire.Claims // who is connected here, told once
	closing bool
	grace   *time.Timer

	tables  atomic.Bool    // the table feed may have something to send
	sync    *retained.Sync // guarded by keeper.mu; nil until it is used
	repairs atomic.Bool    // it may have something to send
	wakeup  chan struct{}
	done    chan struct{}
	endOnce sync.Once
}

func newLink(p *peer, c *conn, self core.Incarnation) *link {
	return &link{
		began: time.Now(),
		peer:  p, tl: c.tl, sealer: c.sealer, opener: c.opener, dialler: c.dialler, inc: c.who.Incarnation, self: self,
		speaks: c.speaks, addr: c.addr, via: c.via, relays: c.who.Features&wire.FeatureRelay != 0,
		wakeup: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// wake tells the writer that there is something to write.
func (l *link) wake() {
	select {
	case l.wakeup <- struct{}{}:
	default:
	}
}

// queue adds a control frame; false when the queue is full, and the link must
// go: its peer has stopped reading.
func (l *link) queue(f wire.Frame) bool {
	b := wire.Append(nil, f)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return true
	}
	if len(l.control) >= maxControlFrames || l.bytes+len(b) > maxControlBytes {
		return false
	}
	l.control = append(l.control, b)
	l.bytes += len(b)
	l.wake()
	return true
}

// tell queues the claims of all clients that are connected here; the writer
// sends them one by one when nothing else waits.
func (l *link) tell(claims []wire.Claims) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claims = claims
	l.wake()
}

func (l *link) nextClaims() (wire.Claims, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.claims) == 0 {
		return wire.Claims{}, false
	}
	next := l.claims[0]
	l.claims = l.claims[1:]
	return next, true
}

// takeControl returns the queued control frames and whether the link is to be
// closed after them.
func (l *link) takeControl() ([][]byte, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.control
	l.control, l.bytes = nil, 0
	return out, l.closing
}

// end closes the link at once.
func (l *link) end() {
	l.endOnce.Do(func() {
		close(l.done)
		_ = l.tl.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.grace != nil {
			l.grace.Stop()
		}
	})
}

// hear takes note of a sign of life.
func (l *link) hear(now time.Time) { l.lastHeard.Store(int64(now.Sub(l.began))) }

// heard returns when the last frame came.
func (l *link) heard() time.Time { return l.began.Add(time.Duration(l.lastHeard.Load())) }

// counting is a transport's link that counts the bytes that have come, those of
// a frame of which more is to come included.
type counting interface{ Came() uint64 }

// lives reports whether the link was heard lately. On a slow way a long frame
// takes longer than that, and probes wait behind it: its bytes are life too.
// One goroutine asks.
func (l *link) lives(now time.Time, lately time.Duration) bool {
	if c, ok := l.tl.(counting); ok {
		if came := c.Came(); came != l.came {
			l.came = came
			l.hear(now)
		}
	}
	return now.Sub(l.heard()) <= lately
}

// ended reports whether the link is closed.
func (l *link) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// finish closes the link once the peer has read what is queued, or after a
// grace.
func (l *link) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closing {
		l.closing = true
		l.grace = time.AfterFunc(closeGrace, l.end)
		l.wake()
	}
}

// errFinished says that the last frame of a link is written.
var errFinished = errors.New("the link is finished")

// write is the writer goroutine: control frames first, then tables, then the
// lane, the acknowledgement of what was received, and repairs in turn. A link that is finished
// stays open for the peer to read the last frame, and to close it.
func (n *Node) write(l *link) {
	scratch := make([]byte, 0, 80<<10)
	for {
		select {
		case <-l.done:
			return
		case <-l.wakeup:
		}
		for more := true; more; {
			var err error
			if scratch, more, err = n.writeOnce(l, scratch); err != nil {
				if !errors.Is(err, errFinished) {
					l.end()
				}
				return
			}
		}
	}
}

// writeOnce writes what is ready now; more tells whether there may be more.
func (n *Node) writeOnce(l *link, scratch []byte) (_ []byte, more bool, err error) {
	control, closing := l.takeControl()
	for _, f := range control {
		if scratch, err = l.send(append(scratch[:0], f...)); err != nil {
			return scratch, false, err
		}
	}
	if closing {
		return scratch, false, errFinished
	}
	if l.data {
		return n.sendLane(l, scratch)
	}
	if claims, ok := l.nextClaims(); ok {
		scratch, err = l.send(wire.Append(scratch[:0], claims))
		return scratch, true, err
	}
	if frame := n.nextTableFrame(l); frame != nil {
		scratch, err = l.send(wire.Append(scratch[:0], frame))
		return scratch, true, err
	}
	scratch, lane, err := n.sendLane(l, scratch)
	if err != nil {
		return scratch, false, err
	}
	scratch, repair, err := n.sendRetained(l, scratch) // in turns: neither waits for all of the other
	return scratch, lane || repair, err
}

// sendLane writes the next frame of the data lane that the link carries, and
// before it what is to be told of the other direction.
func (n *Node) sendLane(l *link, scratch []byte) (_ []byte, more bool, err error) {
	if l.lanes == nil {
		return scratch, false, nil
	}
	if l.lanes.in.ackDue.Swap(false) {
		for _, f := range n.tellLane(l) {
			if scratch, err = l.send(wire.Append(scratch[:0], f)); err != nil {
				return scratch, false, err
			}
		}
	}
	if l.lanes.out == nil {
		return scratch, false, nil
	}
	frame, more := l.lanes.out.next(scratch[:0], l)
	if more {
		frame, err = l.send(frame)
	}
	return frame, more, err
}

// send seals and sends one frame built in place; it returns the buffer for
// the next.
func (l *link) send(frame []byte) ([]byte, error) {
	sealed, err := l.sealer.Seal(frame)
	if err != nil {
		return frame, err
	}
	return sealed, l.tl.Send(sealed)
}

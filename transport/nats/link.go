package nats

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// linkKey finds the link of a packet.
type linkKey struct {
	peer    uid
	id      uint64
	dialled bool // by us
}

// link is one end. The stream of a direction is the frames, each with its
// length before it, cut into packets anywhere.
type link struct {
	t       *Transport
	key     linkKey
	info    transport.Info
	subject string // of the peer, for data
	done    chan struct{}
	opened  chan struct{} // closed when the peer has accepted our dial
	answer  chan kind     // kindRefuse, or 0: the server says that nobody hears

	out  writer // only Send touches it
	in   reader // only Receive touches it
	room chan struct{}
	news chan struct{} // something has arrived, or the peer has ended

	mu      sync.Mutex
	cause   error // why it is closed; nil while it is open
	ended   error // why the peer sends no more; nil while it may
	limit   int   // of frames received, in bytes
	queue   [][]byte
	got     uint64 // packets, in order
	arrived uint64 // what they cost, as all below
	taken   uint64 // by Receive
	granted uint64 // that the peer may have sent
	window  window // of granted beyond taken
	moved   uint64 // of taken, when the window was last set
	allowed uint64 // that we may have sent
	sent    uint64
	numbers uint64 // packets sent
	opening bool   // dialled, and not accepted yet
}

var _ transport.Link = (*link)(nil)

// Why links end. Each wraps ErrClosed.
var (
	errHere       = fmt.Errorf("%w on this side", transport.ErrClosed)
	errPeer       = fmt.Errorf("%w by the other side", transport.ErrClosed)
	errConnection = fmt.Errorf("%w: the connection to the NATS server was lost", transport.ErrClosed)
	errLost       = fmt.Errorf("%w: frames were lost on the way", transport.ErrClosed)
	errOverrun    = fmt.Errorf("%w: the other side sends more than it may", transport.ErrClosed)
)

func newLink(t *Transport, k linkKey) *link {
	l := &link{
		t: t, key: k, subject: t.base + k.peer.String() + "." + strconv.Itoa(int(k.id%laneTokens)),
		info: transport.Info{Local: t.Addr(), Remote: k.peer.String()},
		done: make(chan struct{}), opened: make(chan struct{}), answer: make(chan kind, 1),
		room: make(chan struct{}, 1), news: make(chan struct{}, 1),
		limit: transport.MaxFrame, granted: firstWindow, allowed: firstWindow, opening: k.dialled,
	}
	l.out.l, l.in.l = l, l
	l.window = window{size: firstWindow, since: time.Now(), room: &t.room}
	return l
}

// Info describes the link.
func (l *link) Info() transport.Info { return l.info }

// Came counts the bytes received, whole frames or not, and packetCost for each
// packet.
func (l *link) Came() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrived
}

// SetLimit bounds received frames, in bytes; values beyond 0 and MaxFrame
// count as the nearer of the two.
func (l *link) SetLimit(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = max(0, min(bytes, transport.MaxFrame))
}

// Close ends the link. Frames that Send took still arrive.
func (l *link) Close() error {
	if l.fail(errHere) {
		l.tell(kindClose, 0)
	}
	return nil
}

// fail ends this side, and reports whether it was open.
func (l *link) fail(cause error) bool {
	l.mu.Lock()
	first := l.cause == nil
	if first {
		l.cause, l.queue = cause, nil
		l.window.free()
		close(l.done)
	}
	l.mu.Unlock()
	if first {
		l.t.forget(l)
	}
	return first
}

// lose ends the link because a packet is missing, and tells the peer.
func (l *link) lose(cause error) {
	if l.fail(cause) {
		l.tell(kindReset, 0)
	}
}

// tell queues a packet without a body for the peer.
func (l *link) tell(k kind, number uint64) {
	p := packet{kind: k, dialler: l.key.dialled, from: l.t.uid, link: l.key.id, number: number}
	l.t.note(l.key.peer, p, "")
}

// failed returns the error of a call that found the link closed.
func (l *link) failed(op string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	cause := l.cause
	if cause == nil {
		cause = l.ended
	}
	return fmt.Errorf("%s, link with %s: %w", op, l.info.Remote, cause)
}

// isEnded reports whether nothing may be sent any more.
func (l *link) isEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause != nil || l.ended != nil
}

// finish notes that the peer sends no more; what has arrived is still
// received.
func (l *link) finish(why error) {
	l.mu.Lock()
	if l.ended == nil {
		l.ended = why
	}
	l.mu.Unlock()
	wake(l.news)
	wake(l.room)
}

// allow takes in how much the peer lets us send in all.
func (l *link) allow(bytes uint64) {
	l.mu.Lock()
	l.allowed = max(l.allowed, bytes)
	l.mu.Unlock()
	wake(l.room)
}

// arrive takes in a data packet. One that the link cannot have ends it; one
// that came before is passed over.
func (l *link) arrive(p packet) {
	err := l.append(p)
	if err != nil {
		l.t.bad(err) // counted before anybody can see the end
	}
	if err == errLost || err == errOverrun {
		l.lose(err)
	}
	wake(l.news)
}

func (l *link) append(p packet) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := uint64(len(p.body) + packetCost)
	switch {
	case l.cause != nil || l.ended != nil:
		return nil
	case p.number <= l.got:
		return errDoubled
	case p.number != l.got+1:
		return errLost
	case l.arrived+size > l.granted:
		return errOverrun
	}
	l.got++
	l.arrived += size
	l.queue = append(l.queue, p.body)
	return nil
}

// asked answers a peer that waits for credit. It says how much it has sent, so
// that a lost packet is found out although nothing follows it.
func (l *link) asked(sent uint64) {
	l.mu.Lock()
	lost, granted := sent > l.got, l.granted
	l.mu.Unlock()
	if lost {
		l.t.bad(errLost)
		l.lose(errLost)
		return
	}
	l.tell(kindCredit, granted)
}

// tooLong names both lengths, in bytes.
func tooLong(length, limit int) error {
	return fmt.Errorf("%w: %d bytes, the limit is %d", transport.ErrFrameTooLong, length, limit)
}

// errOver says that nothing more is received, errDoubled that a packet came
// twice.
var (
	errOver    = errors.New("the link has ended")
	errDoubled = errors.New("packet came twice")
)

// wake leaves a mark for the one goroutine that may wait on c.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package mem

import (
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// conn is a link seen from outside: its two ends.
type conn struct {
	id     uint64
	ends   [2]*link // the dialler's, the acceptor's
	broken bool     // it lost frames in a breaking cut
}

// link is one end. Its state is guarded by the network's mu, except for
// handed, which only Receive touches.
type link struct {
	conn    *conn
	owner   *endpoint
	addr    string // of this end
	info    transport.Info
	in, out *pipe
	limit   int
	closed  bool
	done    chan struct{} // closed with closed
	handed  []byte        // what Receive returned last
}

var _ transport.Link = (*link)(nil)

// newConn joins two endpoints. The caller holds mu.
func newConn(n *Network, from, to *endpoint) *conn {
	n.lastConn++
	c := &conn{id: n.lastConn}
	c.ends[0], c.ends[1] = newLink(c, from, to), newLink(c, to, from)
	a, b := c.ends[0], c.ends[1]
	a.out, b.out = newPipe(a, b), newPipe(b, a)
	a.in, b.in = b.out, a.out
	n.conns[c.id] = c
	return c
}

func newLink(c *conn, own, other *endpoint) *link {
	return &link{
		conn: c, owner: own, addr: own.addr,
		info:  transport.Info{Local: own.addr, Remote: other.addr},
		limit: transport.MaxFrame,
		done:  make(chan struct{}),
	}
}

// pipes returns both directions.
func (c *conn) pipes() [2]*pipe { return [2]*pipe{c.ends[0].out, c.ends[1].out} }

// reset ends both sides at once; what they had not yet received is gone.
func (c *conn) reset() {
	for _, l := range c.ends {
		l.finish()
	}
}

// Info describes the link.
func (l *link) Info() transport.Info { return l.info }

// SetLimit bounds received frames, in bytes; values beyond 0 and MaxFrame
// count as the nearer of the two.
func (l *link) SetLimit(bytes int) {
	l.owner.net.mu.Lock()
	defer l.owner.net.mu.Unlock()
	l.limit = max(0, min(bytes, transport.MaxFrame))
}

// Send puts frames on their way, and waits where the queue is full.
func (l *link) Send(frames ...[]byte) error {
	for _, f := range frames {
		if len(f) > transport.MaxFrame {
			_ = l.Close()
			return l.failed("send", tooLong(len(f), transport.MaxFrame))
		}
	}
	for _, f := range frames {
		if err := l.sendOne(f); err != nil {
			return l.failed("send", err)
		}
	}
	if len(frames) == 0 && isClosed(l.done) {
		return l.failed("send", transport.ErrClosed)
	}
	return nil
}

func (l *link) sendOne(frame []byte) error {
	for {
		taken, wait, err := l.trySend(frame, time.Now())
		if err != nil || taken {
			return err
		}
		l.sleep(wait, l.out.room)
	}
}

// trySend takes frame, or says how long to wait for the next change.
func (l *link) trySend(frame []byte, now time.Time) (taken bool, wait time.Duration, err error) {
	l.owner.net.mu.Lock()
	defer l.owner.net.mu.Unlock()
	wait = l.in.untilEnd(now)
	if l.closed || wait == 0 {
		return false, 0, transport.ErrClosed
	}
	if l.out.full(len(frame)) {
		return false, wait, nil
	}
	l.out.carry(frame, now)
	return true, 0, nil
}

// Receive returns the next frame that has arrived. It overwrites what the
// call before returned, so that a caller who keeps those bytes is found out.
func (l *link) Receive() ([]byte, error) {
	for i := range l.handed {
		l.handed[i] = 0xdb
	}
	l.handed = nil
	for {
		frame, ok, wait, err := l.tryReceive(time.Now())
		if err != nil {
			return nil, l.failed("receive", err)
		}
		if ok {
			l.handed = frame
			return frame, nil
		}
		l.sleep(wait, l.in.arrival)
	}
}

func (l *link) tryReceive(now time.Time) ([]byte, bool, time.Duration, error) {
	l.owner.net.mu.Lock()
	defer l.owner.net.mu.Unlock()
	if l.closed {
		return nil, false, 0, transport.ErrClosed
	}
	frame, ok, wait := l.in.take(now)
	switch {
	case ok && len(frame) > l.limit:
		l.closeLocked()
		return nil, false, 0, tooLong(len(frame), l.limit)
	case !ok && wait == 0: // the peer closed
		l.closeLocked()
		return nil, false, 0, transport.ErrClosed
	}
	return frame, ok, wait, nil
}

// sleep waits for a mark, for the link's end, or for the time, if it is not
// negative.
func (l *link) sleep(wait time.Duration, mark <-chan struct{}) {
	var timer <-chan time.Time
	if wait >= 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-mark:
	case <-l.done:
	case <-timer:
	}
}

// Close ends the link. Frames that Send took still arrive.
func (l *link) Close() error {
	l.owner.net.mu.Lock()
	defer l.owner.net.mu.Unlock()
	l.closeLocked()
	return nil
}

func (l *link) closeLocked() {
	if !l.closed {
		l.finish()
		l.out.sayEnd(time.Now())
	}
}

// finish ends this side. The caller holds mu.
func (l *link) finish() {
	if l.closed {
		return
	}
	l.closed = true
	close(l.done)
	l.in.queue = nil
	if l.conn.ends[0].closed && l.conn.ends[1].closed {
		delete(l.owner.net.conns, l.conn.id)
	}
}

// failed adds whom the link was with.
func (l *link) failed(op string, why error) error {
	return fmt.Errorf("%s, link with %s: %w", op, l.info.Remote, why)
}

// tooLong names both lengths, in bytes.
func tooLong(length, limit int) error {
	return fmt.Errorf("%w: %d bytes, the limit is %d", transport.ErrFrameTooLong, length, limit)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

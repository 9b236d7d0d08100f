package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// readBuffer is the memory of an open connection's reader, in bytes.
const readBuffer = 4 << 10

var readBuffers = sync.Pool{New: func() any { return new([readBuffer]byte) }}

// conn is one connection. run, in a goroutine of its own, reads and handles
// its packets in order; outbox writes.
type conn struct {
	broker   *Broker
	listener *listener
	nc       net.Conn
	in       *packet.Reader
	source   source
	out      outbox
	acks     acks
	client   *client // set by run before the CONNACK; nil before
	wake     chan struct{}

	// ctx ends when the connection is closed, so that a publish that waits
	// for room gives up.
	ctx    context.Context
	cancel context.CancelFunc
	reason atomic.Int32 // a count; the first one stands
}

func newConn(ctx context.Context, l *listener, nc net.Conn) *conn {
	b := l.broker
	c := &conn{broker: b, listener: l, nc: nc, wake: make(chan struct{}, 1)}
	// Ended by close alone, so that the reason is always known.
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.source.nc = nc
	c.out = outbox{nc: nc, limit: b.limits.OutBuffer, timeout: b.limits.WriteTimeout,
		room: c.roomInOut, failed: func(err error) { c.end(err, endWrite) }}
	c.acks = acks{out: &c.out, limit: b.limits.MaxPending, room: c.resume}
	return c
}

// close ends the connection for a reason; the first call counts. It does not
// block.
func (c *conn) close(reason count) {
	if c.reason.CompareAndSwap(int32(none), int32(reason)) {
		c.broker.counters.add(reason, 0, 1)
		c.cancel()
		c.nc.Close()
		c.out.close()
	}
}

// closed reports whether close was called.
func (c *conn) closed() bool { return c.reason.Load() != int32(none) }

// run serves the connection from beginning to end.
func (c *conn) run() {
	buf := readBuffers.Get().(*[readBuffer]byte)
	c.in = packet.NewReader(&c.source, buf[:], c.broker.limits.MaxPacket)
	defer readBuffers.Put(buf)
	c.guard(c.serve)
	c.guard(func() { c.broker.detach(c) })
	c.out.close() // whoever called c.close may not have come so far
	c.out.flushers.Wait()
}

// guard runs f; a panic in it costs this connection and no other.
func (c *conn) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			c.end(newPanicError(p), endInternal)
		}
	}()
	f()
}

func (c *conn) serve() {
	err := c.connect()
	for err == nil {
		err = c.step()
	}
	c.end(err, reasonOf(err))
}

// end closes the connection because of err and says so.
func (c *conn) end(err error, reason count) {
	var crash *panicError
	if errors.As(err, &crash) {
		reason = endInternal
		c.broker.counters.add(panics, 0, 1)
		c.broker.log.Error("a connection was closed after a panic", "remote", c.nc.RemoteAddr(),
			"panic", crash.value, "stack", string(crash.stack))
	}
	c.close(reason)
	c.broker.log.Debug("connection closed", "listener", c.listener.name, "remote", c.nc.RemoteAddr(),
		"reason", countNames[c.reason.Load()].reason, "error", err)
}

// step waits until the connection may go on, then reads and handles a packet.
func (c *conn) step() error {
	if err := c.pause(); err != nil {
		return err
	}
	p, err := c.in.Next()
	if err != nil {
		return err
	}
	c.source.fresh = true
	return c.handle(p)
}

// pause waits while too much of what was read is unanswered. Keep-alive does
// not run meanwhile: it is measured in source, while reading.
func (c *conn) pause() error {
	counted := false
	for c.acks.full() || c.out.crowded() {
		if !counted {
			counted = true
			c.broker.counters.add(readsPaused, 0, 1)
		}
		select {
		case <-c.wake:
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
	return nil
}

// resume ends a pause; it does not block.
func (c *conn) resume() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// roomInOut lets the reader and the session go on when the outbox has room.
func (c *conn) roomInOut() {
	c.resume()
	c.client.pump(c)
}

// source reads from the connection and times its silence.
type source struct {
	nc       net.Conn
	interval time.Duration // 1.5 times the keep-alive; 0: none
	fresh    bool          // a packet has come since the deadline was set
	progress int           // bytes since then
}

// progressBytes of one packet count as a sign of life, so that a long packet
// may take longer than the keep-alive on a slow line.
const progressBytes = 4 << 10

// Read implements io.Reader. The deadline moves at most once a read, and only
// after a whole packet [MQTT-3.1.2-24].
func (s *source) Read(b []byte) (int, error) {
	if s.interval > 0 && (s.fresh || s.progress >= progressBytes) {
		if err := s.nc.SetReadDeadline(time.Now().Add(s.interval)); err != nil {
			return 0, err
		}
		s.fresh, s.progress = false, 0
	}
	n, err := s.nc.Read(b)
	s.progress += n
	return n, err
}

// panicError is a panic that was caught in a goroutine of a connection.
type panicError struct {
	value any
	stack []byte
}

func newPanicError(value any) *panicError {
	return &panicError{value: value, stack: debug.Stack()}
}

// Error implements error.
func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

var _ error = (*panicError)(nil)

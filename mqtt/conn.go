package mqtt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// conn is one connection. enter and then run, in a goroutine of its own, reads
// and handles its packets in order; outbox sends.
type conn struct {
	broker   *Broker
	listener *listener
	nc       net.Conn
	number   uint64
	in       *packet.Reader
	source   source
	out      outbox
	acks     acks
	wake     chan struct{}
	rates    *rates // nil: no limit
	resumeAt time.Time

	// Of the CONNECT; not changed once the connection is welcome.
	version   packet.Version
	problem   bool   // reason strings are wanted
	maxPacket int    // that the client takes, in bytes; 0: no limit
	keepAlive uint16 // in seconds; 0: none
	willDelay uint32 // in seconds
	expires   uint32 // session expiry that was granted, in seconds
	method    string // of enhanced authentication; "": none
	who       *Identity
	client    *client // nil before the CONNACK

	ahead      *ahead     // nil: nothing is kept
	publish    publishing // the ctx of publishes
	aliases    inAliases
	reauth     AuthExchange   // under way; nil: none
	authRounds int            // of reauth
	ending     session.Ending // what the client's DISCONNECT says

	// ctx ends when the connection is closed, so that what waits gives up.
	ctx     context.Context
	cancel  context.CancelFunc
	login   atomic.Pointer[context.CancelFunc] // of the one under way; nil: none
	welcome atomic.Bool                        // the CONNACK has been sent
	moved   atomic.Bool                        // the client has connected to another node
	ended   atomic.Uint32                      // a count; the first one stands
	parting sync.Mutex                         // held by close, until the DISCONNECT is in out
}

func newConn(l *listener, nc net.Conn) *conn {
	b := l.broker
	c := &conn{broker: b, listener: l, nc: nc, number: b.conns.Add(1), wake: make(chan struct{}, 1), rates: newRates(l.opts, time.Now())}
	// Ended by close alone, so that the reason is always known.
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.source.init(nc, &c.ended)
	c.in = packet.NewReader(&c.source, nil, b.limits.MaxPacket)
	c.publish = publishing{c.ctx, c}
	c.out.c, c.acks.c = c, c
	return c
}

// closed reports whether close was called.
func (c *conn) closed() bool { return c.ended.Load() != uint32(none) }

// enter handles the CONNECT. What follows gets a goroutine of its own: an idle
// one needs a stack of 2 KB, and a CONNECT leaves one of 8 KB behind.
func (c *conn) enter() {
	c.guard(func() {
		if err := c.connect(); err != nil {
			c.end(err, reasonOf(err))
		}
	})
	go c.run()
}

// run serves the connection to its end.
func (c *conn) run() {
	defer c.listener.forget(c)
	c.guard(c.serve)
	c.stopAhead()
	c.guard(func() { c.broker.detach(c) })
	c.source.release()
	c.hangUp()
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
	var err error
	for err == nil {
		if err = c.pause(); err == nil && c.idle() {
			// From here, and not from deep below: the less of a stack is in use
			// while a connection is idle, the smaller it is made.
			err = c.source.await(c.in)
		}
		if err == nil {
			err = c.step()
		}
	}
	c.end(err, reasonOf(err))
}

// idle reports whether there is nothing to handle.
func (c *conn) idle() bool {
	if c.ahead != nil {
		c.stopAhead()
		if len(c.ahead.kept) > 0 || c.ahead.err != nil {
			return false
		}
		c.ahead = nil
		c.source.waiting.Store(false)
		c.source.behind.Store(false)
	}
	return c.empty()
}

// empty reports whether everything that was read has been handed out.
func (c *conn) empty() bool { return c.in.Buffered() == 0 && c.source.n == 0 && c.source.err == nil }

// step handles a packet; there is one, or a part of one.
func (c *conn) step() error {
	p, err := c.next()
	if err != nil {
		return err
	}
	if c.rates != nil {
		c.throttle(p)
	}
	return c.handle(p)
}

// read returns the next packet.
func (c *conn) read() (packet.Packet, error) {
	if c.empty() {
		if err := c.source.await(c.in); err != nil {
			return packet.Packet{}, err
		}
	}
	p, err := c.in.Next()
	c.source.fresh = true
	return p, err
}

// throttle sets the time before which nothing more is read.
func (c *conn) throttle(p packet.Packet) {
	messages := 0
	switch p.Type {
	case packet.TypePublish, packet.TypeSubscribe, packet.TypeUnsubscribe:
		messages = 1
	}
	now := time.Now()
	if wait := c.rates.take(now, messages, len(p.Body)+2); wait > 0 {
		c.resumeAt = now.Add(wait)
		c.broker.counters.add(readsThrottled, 0, 1)
	}
}

// pause waits while too much of what was read is unanswered, or the client has
// sent too much. Keep-alive does not run meanwhile: it is measured in source,
// while reading.
func (c *conn) pause() error {
	if !c.resumeAt.IsZero() {
		wait(c.ctx, time.Until(c.resumeAt))
		c.resumeAt = time.Time{}
	}
	counted := false
	for c.acks.full() || c.out.crowded() {
		if !counted {
			counted = true
			c.broker.counters.add(readsPaused, 0, 1)
		}
		c.readAhead()
		select {
		case <-c.wake:
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
	if c.closed() {
		return net.ErrClosed
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
	if c.welcome.Load() {
		c.client.pump(c)
	}
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

// end closes the connection because of err and says so.
func (c *conn) end(err error, why count) {
	var crash *panicError
	if errors.As(err, &crash) {
		why = endInternal
		c.broker.counters.add(panics, 0, 1)
		c.broker.log.Error("a connection was closed after a panic", "remote", c.nc.RemoteAddr(),
			"panic", crash.value, "stack", string(crash.stack))
	}
	c.close(bye{why: why, code: codeOf(err, why), text: textOf(err, why), half: errors.Is(err, io.EOF)})
	c.broker.log.Debug("connection closed", "listener", c.listener.opts.ID, "remote", c.nc.RemoteAddr(),
		"reason", countNames[c.ended.Load()].reason, "error", err)
}

package listen

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

// Options are what a listener needs; the zero Options are those of plain TCP.
type Options struct {
	TLS       *TLS       // nil: none
	WebSocket *WebSocket // nil: none
	// Timeout bounds the handshakes of one connection together; 0 is 15 s.
	Timeout time.Duration
	// MaxHandshakes is how many connections are in one at a time; 0 is 256.
	// While there are so many, one that has been in its handshake for Grace
	// makes way for the next one.
	MaxHandshakes int
	Grace         time.Duration // 0 is 2 s
	Counters      *Counters     // nil: not counted
	Logger        *slog.Logger  // nil: nothing is logged
}

// Listen opens a listener on a TCP address.
func Listen(addr string, o Options) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil || o.TLS == nil && o.WebSocket == nil {
		return ln, err
	}
	return Wrap(ln, o), nil
}

// Wrap puts the handshakes on top of a listener.
func Wrap(ln net.Listener, o Options) net.Listener {
	o.Timeout = cmp.Or(o.Timeout, 15*time.Second)
	o.Grace = cmp.Or(o.Grace, 2*time.Second)
	o.Counters = cmp.Or(o.Counters, &Counters{})
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	l := &listener{Listener: ln, opts: o, ready: make(chan net.Conn), failed: make(chan error),
		slots: make(chan struct{}, cmp.Or(o.MaxHandshakes, 256))}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.tasks.Go(l.accept)
	return l
}

// listener is a listener whose connections go through handshakes.
type listener struct {
	net.Listener
	opts   Options
	ready  chan net.Conn
	failed chan error

	ctx   context.Context // until Close
	stop  context.CancelFunc
	tasks sync.WaitGroup
	once  sync.Once
	err   error // of closing

	slots  chan struct{} // one for each handshake
	mu     sync.Mutex
	open   list.List // of *handshake, the oldest first
	closed bool
}

// handshake is a connection that is in one.
type handshake struct {
	nc    net.Conn
	since time.Time
}

var _ net.Listener = (*listener)(nil)

// Accept returns the next connection that is past its handshakes.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.ready:
		return nc, nil
	case err := <-l.failed:
		return nil, err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close ends the listener and every handshake, and returns when their
// goroutines have ended. Connections that were accepted go on.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.stop()
		l.err = l.Listener.Close()
		l.mu.Lock()
		l.closed = true
		for e := l.open.Front(); e != nil; e = e.Next() {
			_ = e.Value.(*handshake).nc.Close()
		}
		l.mu.Unlock()
		l.tasks.Wait()
	})
	return l.err
}

// accept takes connections into their handshakes. An error is for the caller
// of Accept, who knows whether to go on.
func (l *listener) accept() {
	for l.ctx.Err() == nil {
		nc, err := l.Listener.Accept()
		if err != nil {
			select {
			case l.failed <- err:
				continue
			case <-l.ctx.Done():
				return
			}
		}
		if !l.takeSlot() {
			_ = nc.Close()
			return
		}
		if e := l.enter(nc); e != nil {
			l.tasks.Go(func() { l.shake(nc, e) })
		}
	}
}

// takeSlot waits until one more handshake may begin; false means that the
// listener was closed. The wait ends, since the oldest handshake is made to
// end when it has had its time.
func (l *listener) takeSlot() bool {
	for {
		select {
		case l.slots <- struct{}{}:
			return true
		default:
		}
		again := time.NewTimer(l.evict())
		select {
		case l.slots <- struct{}{}:
			again.Stop()
			return true
		case <-l.ctx.Done():
			again.Stop()
			return false
		case <-again.C:
		}
	}
}

// evict ends the oldest handshake if it has had its time, and returns how long
// to wait until the next one may have had it.
func (l *listener) evict() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.open.Front()
	if e == nil {
		return l.opts.Grace
	}
	h := e.Value.(*handshake)
	if left := l.opts.Grace - time.Since(h.since); left > 0 {
		return left
	}
	l.open.Remove(e)
	_ = h.nc.Close()
	l.opts.Counters.evicted.Add(1)
	return l.opts.Grace
}

func (l *listener) enter(nc net.Conn) *list.Element {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = nc.Close()
		return nil
	}
	return l.open.PushBack(&handshake{nc, time.Now()})
}

// shake takes one connection through its handshakes.
func (l *listener) shake(nc net.Conn, e *list.Element) {
	defer func() { <-l.slots }()
	_ = nc.SetDeadline(time.Now().Add(l.opts.Timeout))
	c, err := l.guarded(nc)
	l.mu.Lock()
	l.open.Remove(e) // harmless if evict was first
	l.mu.Unlock()
	l.opts.Counters.count(err)
	if err != nil {
		l.opts.Logger.Debug("a handshake failed", "remote", nc.RemoteAddr(), "err", err)
		_ = nc.Close()
		return
	}
	select {
	case l.ready <- c:
	case <-l.ctx.Done():
		_ = c.Close()
	}
}

// guarded is the handshake; a panic in it costs this connection and no other.
func (l *listener) guarded(nc net.Conn) (c net.Conn, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			l.opts.Logger.Error("a handshake ended in a panic", "remote", nc.RemoteAddr(), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if c, err = l.opts.handshake(nc); err == nil {
		err = c.SetDeadline(time.Time{})
	}
	return c, err
}

// handshake makes of a TCP connection one on which MQTT is spoken.
func (o *Options) handshake(nc net.Conn) (net.Conn, error) {
	last := &lastWords{Conn: nc}
	var c net.Conn = last
	name := ""
	if o.TLS != nil {
		t, err := o.TLS.handshake(last)
		if err != nil {
			return nil, errors.Join(errTLS, err)
		}
		c, name = t, o.TLS.name(t)
	}
	if o.WebSocket != nil {
		rest, err := o.WebSocket.upgrade(c)
		if err != nil {
			return nil, errors.Join(errHTTP, err)
		}
		return newFrames(c, frameOptions{last: last, rest: rest, max: o.WebSocket.maxFrame(), name: name}), nil
	}
	return &secured{Conn: c, last: last, name: name}, nil
}

// timedOut reports whether an error is that of a deadline.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

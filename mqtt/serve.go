package mqtt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// listener is one call of Serve.
type listener struct {
	broker *Broker
	opts   ListenerOptions
	rate   bucket // of new connections

	conns sync.WaitGroup
	mu    sync.Mutex
	open  map[*conn]struct{}
}

// Serve accepts clients until ctx ends (nil), the Broker is closed (ErrClosed)
// or accepting fails for good. It closes ln, and returns when all connections
// of this listener have ended.
func (b *Broker) Serve(ctx context.Context, ln net.Listener, o ListenerOptions) error {
	defer ln.Close()
	o.MaxConnections = cmp.Or(o.MaxConnections, defaultMaxConnections)
	l := &listener{broker: b, opts: o, rate: newBucket(o.ConnectRate, time.Now()), open: map[*conn]struct{}{}}
	if !b.enter() {
		return ErrClosed
	}
	defer b.tasks.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.ctx, cancel)()
	closing := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(closing)
		ln.Close()
	})
	err := l.accept(ctx, ln)
	cancel()
	<-closing
	l.closeAll()
	l.conns.Wait()
	if b.ctx.Err() != nil {
		return ErrClosed
	}
	return err
}

// enter counts the caller among the tasks that Close waits for.
func (b *Broker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.tasks.Add(1)
	}
	return !b.closed
}

// accept takes connections until ctx ends. What passes by itself, such as a
// lack of file descriptors, is waited out.
func (l *listener) accept(ctx context.Context, ln net.Listener) error {
	pause := time.Duration(0)
	for {
		nc, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				nc.Close()
			}
			return nil
		case err == nil:
			pause = 0
			l.take(nc)
			l.delay(ctx)
		case passing(err):
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			l.broker.warnOnce(acceptErrors, "accepting a connection failed", "listener", l.opts.ID, "error", err)
			wait(ctx, pause)
		default:
			return fmt.Errorf("listener %s: %w", l.opts.ID, err)
		}
	}
}

// passing reports whether accepting may work again a little later.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// delay waits while connections come faster than the listener may take them.
func (l *listener) delay(ctx context.Context) {
	if d := l.rate.take(time.Now(), 1); d > 0 {
		l.broker.counters.add(acceptsDelayed, 0, 1)
		wait(ctx, d)
	}
}

// take starts a connection, or closes it at once when there are too many.
func (l *listener) take(nc net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.opts.MaxConnections {
		l.broker.warnOnce(refusedConnections, "connection closed: the listener is full",
			"listener", l.opts.ID, "max_connections", l.opts.MaxConnections)
		nc.Close()
		return
	}
	l.broker.counters.add(connectionsOpened, 0, 1)
	c := newConn(l, nc)
	l.open[c] = struct{}{}
	l.conns.Add(1)
	go c.enter()
}

// forget is called when nothing of a connection is left.
func (l *listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	l.conns.Done()
}

func (l *listener) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.close(bye{why: endShutdown, code: packet.ServerShuttingDown})
	}
}

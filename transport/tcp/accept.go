package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// The pause after a failed accept doubles between these, so that a process
// out of descriptors does not also burn a processor.
const minPause, maxPause = 5 * time.Millisecond, time.Second

// Accept returns the next link opened from outside.
func (t *Transport) Accept(ctx context.Context) (transport.Link, error) {
	if t.life.Err() != nil {
		return nil, fmt.Errorf("accept: %w", transport.ErrClosed)
	}
	select {
	case l := <-t.pending:
		t.release(l)
		return l, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("accept: %w", ctx.Err())
	case <-t.life.Done():
		return nil, fmt.Errorf("accept: %w", transport.ErrClosed)
	}
}

// release makes room for another waiting link of l's source.
func (t *Transport) release(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting[l.source]--; t.waiting[l.source] == 0 {
		delete(t.waiting, l.source)
	}
}

// acceptAll moves connections from the kernel to pending until Close.
func (t *Transport) acceptAll() {
	pause := minPause
	for {
		conn, err := t.listener.Accept()
		if err == nil {
			t.take(conn)
			pause = minPause
			continue
		}
		if errors.Is(err, net.ErrClosed) || t.life.Err() != nil {
			return
		}
		t.acceptFailed(err)
		select {
		case <-time.After(pause):
		case <-t.life.Done():
		}
		pause = min(2*pause, maxPause)
	}
}

func (t *Transport) acceptFailed(err error) {
	t.mu.Lock()
	t.stats.AcceptErrors++
	t.mu.Unlock()
	t.opts.Logger.Warn("cannot accept connections", "address", t.Addr(), "error", err)
}

// take makes a connection a link, with TLS after its handshake.
func (t *Transport) take(conn net.Conn) {
	if t.opts.TLS == nil {
		t.admit(newLink(t, conn))
		return
	}
	h := &shake{conn: conn, source: sourceOf(conn)}
	t.shaking.enter(h, t.opts.MaxPending, t.opts.MaxPerSource)
	t.acceptor.Go(func() { t.shakeHands(h) })
}

// admit queues a link for Accept, or resets it when too many wait.
func (t *Transport) admit(l *link) {
	l.inbound = true
	why := t.reserve(l)
	if why == "" {
		why = t.enqueue(l, l.greet())
	}
	if why != "" {
		t.opts.Logger.Debug("connection refused", "remote", l.info.Remote, "reason", why)
		if c, ok := l.conn.(*net.TCPConn); ok {
			_ = c.SetLinger(0) // a reset, not an orderly end: nobody heard it
		}
		_ = l.Close()
	}
}

// enqueue puts l into pending, where it has a place, unless greeting it failed.
func (t *Transport) enqueue(l *link, failed error) (refused string) {
	t.mu.Lock()
	t.reserved--
	if failed == nil {
		t.pending <- l // never blocks: its place is reserved
	}
	t.mu.Unlock()
	if failed == nil {
		return ""
	}
	t.release(l)
	return "it has gone"
}

// reserve keeps a place for l in pending, or says why not and counts it.
func (t *Transport) reserve(l *link) (refused string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(t.pending)+t.reserved >= cap(t.pending):
		t.stats.RefusedFull++
		return "too many links wait"
	case t.waiting[l.source] >= t.opts.MaxPerSource:
		t.stats.RefusedSource++
		return "too many links of this address wait"
	case !t.adopt(l):
		return "transport closed"
	}
	t.waiting[l.source]++
	t.reserved++
	return ""
}

// sourceOf is the remote IP address that MaxPerSource counts by.
func sourceOf(conn net.Conn) netip.Addr {
	a, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return a.AddrPort().Addr().Unmap().WithZone("")
}

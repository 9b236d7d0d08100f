package mem

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// endpoint is one address of a Network.
type endpoint struct {
	net     *Network
	addr    string
	pending chan *link
	done    chan struct{} // closed by Close
	closed  bool          // guarded by net.mu
}

var _ transport.Transport = (*endpoint)(nil)

// Addr returns the address that the endpoint was opened at.
func (e *endpoint) Addr() string { return e.addr }

// Dial opens a link. It takes one round trip, and waits while the network is
// cut in either direction.
func (e *endpoint) Dial(ctx context.Context, addr string) (transport.Link, error) {
	for {
		trip, healed := e.net.roundTrip(e.addr, addr)
		if err := e.await(ctx, trip, healed); err != nil {
			return nil, fmt.Errorf("dial %s: %w", addr, err)
		}
		if healed != nil {
			continue
		}
		l, err := e.net.connect(e, addr)
		switch {
		case errors.Is(err, errCut): // cut on the way: the answer is lost
			continue
		case err != nil:
			return nil, fmt.Errorf("dial %s: %w", addr, err)
		}
		return l, nil
	}
}

// errCut says that a connect met a cut.
var errCut = errors.New("cut")

// await waits for trip to pass, or for healed instead unless it is nil.
func (e *endpoint) await(ctx context.Context, trip time.Duration, healed <-chan struct{}) error {
	passed := healed
	var timer <-chan time.Time
	if healed == nil {
		t := time.NewTimer(trip)
		defer t.Stop()
		timer = t.C
	}
	if ctx.Err() != nil {
		return ended(ctx)
	}
	select {
	case <-timer:
	case <-passed:
	case <-ctx.Done():
		return ended(ctx)
	case <-e.done:
		return transport.ErrClosed
	}
	return nil
}

// ended tells a caller that gave up from an address that did not answer.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", transport.ErrUnreachable, ctx.Err())
}

// roundTrip draws how long there and back takes. On a cut it returns instead
// a channel that is closed when a path heals.
func (n *Network) roundTrip(from, to string) (time.Duration, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.isOpen(from, to) {
		return 0, n.changed
	}
	return n.path(from, to).travel() + n.path(to, from).travel(), nil
}

// connect makes a link from e to addr and queues its other end for Accept.
func (n *Network) connect(e *endpoint, addr string) (*link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	peer := n.endpoints[addr]
	switch {
	case e.closed:
		return nil, transport.ErrClosed
	case !n.isOpen(e.addr, addr):
		return nil, errCut
	case peer == nil:
		return nil, transport.ErrRefused
	case len(peer.pending) == cap(peer.pending):
		n.stats.Refused++
		return nil, fmt.Errorf("%w: too many links wait there", transport.ErrUnreachable)
	}
	c := newConn(n, e, peer)
	peer.pending <- c.ends[1] // never blocks: only filled here, under mu
	return c.ends[0], nil
}

// Accept returns the next link opened from elsewhere.
func (e *endpoint) Accept(ctx context.Context) (transport.Link, error) {
	select {
	case <-e.done: // before pending: nothing is accepted after Close
		return nil, fmt.Errorf("accept: %w", transport.ErrClosed)
	default:
	}
	select {
	case l := <-e.pending:
		return l, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("accept: %w", ctx.Err())
	case <-e.done:
		return nil, fmt.Errorf("accept: %w", transport.ErrClosed)
	}
}

// Close frees the address and ends every link of the endpoint. The error is
// always nil.
func (e *endpoint) Close() error {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	e.closeLocked()
	return nil
}

func (e *endpoint) closeLocked() {
	if e.closed {
		return
	}
	e.closed = true
	close(e.done)
	delete(e.net.endpoints, e.addr)
	for _, c := range e.net.sorted() {
		for _, l := range c.ends {
			if l.owner == e {
				l.closeLocked()
			}
		}
	}
}

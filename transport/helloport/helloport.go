// Package helloport joins two transports: one whose links carry everything,
// and one that keeps a port open for hello and probes. Nodes that name one
// another by host and port meet at the port and go on over the links.
package helloport

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/muster-mqtt/muster/transport"
)

// Transport is the two as one. Its address is that of the links.
type Transport struct {
	opts   Options
	life   context.Context // ends with Close
	end    context.CancelFunc
	accept sync.WaitGroup
	next   chan transport.Link
	gone   chan struct{} // the links' transport accepts no more
}

// Options of a Transport; all are required.
type Options struct {
	Links transport.Transport
	Port  transport.Transport
	// IsLink reports whether an address is one of Links.
	IsLink func(addr string) bool
}

var _ transport.Transport = (*Transport)(nil)

// New joins two transports, which are closed with it.
func New(o Options) *Transport {
	t := &Transport{opts: o, next: make(chan transport.Link), gone: make(chan struct{})}
	t.life, t.end = context.WithCancel(context.Background())
	t.accept.Go(func() {
		defer close(t.gone)
		t.acceptAll(o.Links, func(l transport.Link) transport.Link { return l })
	})
	t.accept.Go(func() { t.acceptAll(o.Port, forHello) })
	return t
}

// acceptAll hands on the links of one of the two. One that nobody accepts
// waits here, and the others at their transport, within its bound.
func (t *Transport) acceptAll(from transport.Transport, as func(transport.Link) transport.Link) {
	for {
		l, err := from.Accept(t.life)
		if err != nil {
			return
		}
		select {
		case t.next <- as(l):
		case <-t.life.Done():
			_ = l.Close()
		}
	}
}

// Dial opens a link, or one for a hello only where addr is of the port.
func (t *Transport) Dial(ctx context.Context, addr string) (transport.Link, error) {
	if t.opts.IsLink(addr) {
		return t.opts.Links.Dial(ctx, addr)
	}
	l, err := t.opts.Port.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return forHello(l), nil
}

// Accept returns the next link of either. It ends when that of the links has
// been closed.
func (t *Transport) Accept(ctx context.Context) (transport.Link, error) {
	select {
	case <-t.gone: // first: nothing is accepted after Close
		return nil, fmt.Errorf("accept: %w", transport.ErrClosed)
	default:
	}
	select {
	case l := <-t.next:
		return l, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("accept: %w", ctx.Err())
	case <-t.gone:
		return nil, fmt.Errorf("accept: %w", transport.ErrClosed)
	}
}

// Addr is the address at which others become peers.
func (t *Transport) Addr() string { return t.opts.Links.Addr() }

// Close closes both.
func (t *Transport) Close() error {
	t.end()
	err := errors.Join(t.opts.Links.Close(), t.opts.Port.Close())
	t.accept.Wait()
	return err
}

// helloLink is a link that says what it is for.
type helloLink struct{ transport.Link }

var _ transport.Link = helloLink{}

func forHello(l transport.Link) transport.Link { return helloLink{l} }

// Info describes the link.
func (l helloLink) Info() transport.Info {
	info := l.Link.Info()
	info.HelloOnly = true
	return info
}

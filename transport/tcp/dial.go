package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/muster-mqtt/muster/transport"
)

// Dial opens a link to host:port; a name may stand for several addresses,
// which are tried in turn. Besides the errors of the contract, one that ends
// with ctx wraps ctx's own error.
func (t *Transport) Dial(ctx context.Context, addr string) (transport.Link, error) {
	dialing, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.life, cancel)()
	if t.life.Err() != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, transport.ErrClosed)
	}
	l, err := t.open(dialing, addr)
	switch {
	case err == nil:
		return t.dialled(l, addr)
	case t.life.Err() != nil:
		return nil, fmt.Errorf("dial %s: %w", addr, transport.ErrClosed)
	case errors.Is(err, transport.ErrUntrusted), errors.Is(err, transport.ErrUnreachable):
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return nil, dialError(addr, err, ctx.Err())
}

// open connects, and takes the dialling side of the TLS handshake.
func (t *Transport) open(ctx context.Context, addr string) (*link, error) {
	conn, err := t.dialer.DialContext(ctx, t.opts.resolve(), addr)
	if err != nil {
		return nil, err
	}
	l := newLink(t, conn)
	if t.opts.TLS == nil {
		return l, nil
	}
	c, err := t.opts.TLS.client(ctx, conn)
	if err == nil {
		err = l.upgrade(c)
	}
	if err == nil {
		return l, nil
	}
	_ = conn.Close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, t.refuse(l, err)
}

// dialled hands a link over, unless Close came first.
func (t *Transport) dialled(l *link, addr string) (transport.Link, error) {
	t.mu.Lock()
	ok := t.adopt(l)
	t.mu.Unlock()
	if !ok {
		_ = l.Close()
		return nil, fmt.Errorf("dial %s: %w", addr, transport.ErrClosed)
	}
	return l, nil
}

// dialError sorts what the network said into the contract's kinds. ended is
// the error of the caller's context, if it ended.
func dialError(addr string, err, ended error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("dial %s: %w", addr, transport.ErrRefused)
	case errors.Is(ended, context.Canceled):
		return fmt.Errorf("dial %s: %w", addr, ended)
	case ended != nil:
		return fmt.Errorf("dial %s: %w: %w", addr, transport.ErrUnreachable, ended)
	default: // a reset too: somebody listens there, but had no room for us
		return fmt.Errorf("dial %s: %w: %w", addr, transport.ErrUnreachable, cause(err))
	}
}

// cause strips the operation and addresses that net puts before an error,
// because ours say them already.
func cause(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Err
	}
	return err
}

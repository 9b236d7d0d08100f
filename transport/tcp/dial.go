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
	conn, err := t.dialer.DialContext(dialing, "tcp", addr)
	if err != nil && t.life.Err() == nil {
		return nil, dialError(addr, err, ctx.Err())
	}
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, transport.ErrClosed)
	}
	return t.dialled(conn, addr)
}

// dialled turns a connection into a link, unless Close came first.
func (t *Transport) dialled(conn net.Conn, addr string) (transport.Link, error) {
	l := newLink(t, conn)
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

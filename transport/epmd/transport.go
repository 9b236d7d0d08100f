package epmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/muster-mqtt/muster/transport"
)

// mapped is a transport that asks a mapper for ports.
type mapped struct {
	transport.Transport
	client Client
	self   string
}

var _ transport.Transport = (*mapped)(nil)

// Wrap returns t with addresses of two more forms: name@host asks the mapper of
// the host for the node of that name, and @host for any node of ours there.
// self is the own name, which is tried last. What has no @ goes to t as it is.
// That the mapper knows no such node is ErrRefused, that it does not answer
// ErrUnreachable.
func Wrap(t transport.Transport, c Client, self string) transport.Transport {
	return &mapped{t, c, self}
}

// Dial opens a link to an address of t's or of these forms.
func (m *mapped) Dial(ctx context.Context, addr string) (transport.Link, error) {
	name, host, asked := strings.Cut(addr, "@")
	if !asked {
		return m.Transport.Dial(ctx, addr)
	}
	nodes, err := m.find(ctx, host, name)
	if err != nil {
		return nil, dialError(addr, err, ctx.Err())
	}
	var failed error
	for _, n := range nodes {
		l, err := m.Transport.Dial(ctx, net.JoinHostPort(host, strconv.Itoa(n.Port)))
		if err == nil {
			return l, nil
		}
		failed = errors.Join(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("dial %s: %w", addr, failed)
}

// maxTried bounds the nodes that are asked about where no name is known.
const maxTried = 16

// find returns whom to dial at a host, in turn.
func (m *mapped) find(ctx context.Context, host, name string) ([]Node, error) {
	if name != "" {
		n, err := m.client.Lookup(ctx, host, name)
		return []Node{n}, err
	}
	all, err := m.client.Names(ctx, host)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Node) int { return rank(a, m.self) - rank(b, m.self) })
	var out []Node
	var failed error
	for _, n := range all[:min(maxTried, len(all))] {
		switch n, err := m.client.Lookup(ctx, host, n.Name); {
		case err == nil && n.Ours:
			out = append(out, n)
		case err != nil && !errors.Is(err, ErrUnknown): // not: gone meanwhile
			failed = err
		}
	}
	switch {
	case len(out) == 0 && failed != nil:
		return nil, failed
	case len(out) == 0:
		return nil, fmt.Errorf("port mapper of %s: %w", m.client.addr(host), ErrUnknown)
	}
	return out, nil
}

func rank(n Node, self string) int {
	if n.Name == self {
		return 1
	}
	return 0
}

// dialError sorts what a mapper said into the kinds of the contract.
func dialError(addr string, err, ended error) error {
	switch {
	case errors.Is(ended, context.Canceled):
		return fmt.Errorf("dial %s: %w", addr, ended)
	case ended == nil && errors.Is(err, ErrUnknown):
		return fmt.Errorf("dial %s: %w: %w", addr, transport.ErrRefused, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("dial %s: %w: no port mapper runs there: %w", addr, transport.ErrUnreachable, err)
	}
	return fmt.Errorf("dial %s: %w: %w", addr, transport.ErrUnreachable, err)
}

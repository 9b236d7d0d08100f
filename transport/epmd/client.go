package epmd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Client asks mappers. The zero Client asks them on Port.
type Client struct {
	Port int    // of the mappers; 0 means Port
	Host string // of the own one, which Register tells; "" means 127.0.0.1
}

func (c Client) addr(host string) string {
	port := c.Port
	if port == 0 {
		port = Port
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// Lookup asks the mapper of a host for a node by the part of its name before
// @. The error wraps ErrUnknown, ErrProtocol or that of the network.
func (c Client) Lookup(ctx context.Context, host, name string) (Node, error) {
	body, err := c.ask(ctx, host, append([]byte{portReq}, name...))
	if err != nil {
		return Node{}, err
	}
	switch {
	case len(body) < 2 || body[0] != portResp:
		return Node{}, fmt.Errorf("%w at %s", ErrProtocol, c.addr(host))
	case body[1] != 0:
		return Node{}, fmt.Errorf("%s at the port mapper of %s: %w", name, c.addr(host), ErrUnknown)
	}
	r, err := parseRecord(body[2:])
	if err != nil {
		return Node{}, fmt.Errorf("port mapper of %s: %w", c.addr(host), err)
	}
	return r.node, nil
}

// Names asks the mapper of a host for all its nodes, 1000 at most, in its own
// order.
func (c Client) Names(ctx context.Context, host string) ([]Node, error) {
	body, err := c.ask(ctx, host, []byte{namesReq})
	if err != nil {
		return nil, err
	}
	if len(body) < 4 {
		return nil, fmt.Errorf("%w at %s", ErrProtocol, c.addr(host))
	}
	return parseNames(string(body[4:])), nil
}

// ask sends a request and returns all of the answer.
func (c Client) ask(ctx context.Context, host string, body []byte) ([]byte, error) {
	conn, err := c.dial(ctx, host)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := conn.Write(request(body)); err != nil {
		return nil, c.failed(host, ctx, err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, maxAnswer))
	if err != nil {
		return nil, c.failed(host, ctx, err)
	}
	return answer, nil
}

func (c Client) dial(ctx context.Context, host string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.addr(host))
	if err != nil {
		return nil, c.failed(host, ctx, err)
	}
	return conn, nil
}

func (c Client) failed(host string, ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("port mapper of %s: %w", c.addr(host), err)
}

// Registration is a node's entry at the mapper of its host. Close ends it.
type Registration struct {
	conn  net.Conn
	ended chan struct{}
}

// registerTime bounds the answer to a registration.
const registerTime = 5 * time.Second

// Register enters a node at the mapper of this host, until Close, or until the
// mapper ends: Ended tells. The error wraps ErrTaken, ErrProtocol or that of the
// network.
func (c Client) Register(ctx context.Context, n Node) (*Registration, error) {
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	conn, err := c.dial(ctx, c.Host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err = c.enter(conn, n)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, c.failed(c.Host, ctx, err)
	}
	r := &Registration{conn: conn, ended: make(chan struct{})}
	go r.wait()
	return r, nil
}

func (c Client) enter(conn net.Conn, n Node) error {
	if _, err := conn.Write(request(own(n).append([]byte{alive2Req}))); err != nil {
		return err
	}
	var head [2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	creation := 2
	switch head[0] {
	case alive2XResp:
		creation = 4
	case alive2Resp:
	default:
		return ErrProtocol
	}
	if head[1] != 0 {
		return fmt.Errorf("%s: %w", n.Name, ErrTaken)
	}
	_, err := io.ReadFull(conn, binary.BigEndian.AppendUint64(nil, 0)[:creation])
	return err
}

// wait is the goroutine that notices the mapper's end.
func (r *Registration) wait() {
	_, _ = io.Copy(io.Discard, r.conn)
	_ = r.conn.Close()
	close(r.ended)
}

// Ended is closed when the registration has ended.
func (r *Registration) Ended() <-chan struct{} { return r.ended }

// Close takes the node out of the mapper.
func (r *Registration) Close() error {
	_ = r.conn.Close()
	<-r.ended
	return nil
}

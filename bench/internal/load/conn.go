package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/wire"
)

// handshake bounds the time from dialling to the answer of each request that
// precedes the load.
const handshake = 10 * time.Second

// overhead bounds a packet, in bytes, beyond its payload.
const overhead = 1 << 10

// ErrRefused: the broker answered, and said no.
var ErrRefused = errors.New("the broker refused")

// client is one MQTT connection.
type client struct {
	net.Conn
	in   *wire.Reader
	stop func() bool // takes the watch on the context back
}

// connect dials and waits for a CONNACK that accepts. The connection is closed
// when ctx ends, which ends whatever waits for it.
func connect(ctx context.Context, addr, clientID string, size int) (*client, error) {
	d := net.Dialer{Timeout: handshake}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &client{Conn: conn, in: wire.NewReader(conn, size+overhead)}
	c.stop = context.AfterFunc(ctx, c.hangUp)
	p, err := c.ask(wire.AppendConnect(nil, clientID), wire.Connack)
	if err == nil && (len(p.Body) != 2 || p.Body[1] != 0) {
		err = fmt.Errorf("CONNECT: %w: % x", ErrRefused, p.Body)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// ask writes a packet and waits for one of the type that answers it.
func (c *client) ask(packet []byte, answer byte) (wire.Packet, error) {
	if err := c.SetDeadline(time.Now().Add(handshake)); err != nil {
		return wire.Packet{}, err
	}
	if _, err := c.Write(packet); err != nil {
		return wire.Packet{}, err
	}
	p, err := c.in.Next()
	if err != nil {
		return wire.Packet{}, fmt.Errorf("waiting for a packet of type %d: %w", answer, err)
	}
	if p.Type != answer {
		return wire.Packet{}, fmt.Errorf("%w: a packet of type %d where %d was due", wire.ErrMalformed, p.Type, answer)
	}
	return p, c.SetDeadline(time.Time{})
}

// subscribe waits for a SUBACK that grants the QoS asked for.
func (c *client) subscribe(filter string, qos byte) error {
	p, err := c.ask(wire.AppendSubscribe(nil, 1, filter, qos), wire.Suback)
	if err != nil {
		return err
	}
	if len(p.Body) != 3 || p.Body[2] != qos {
		return fmt.Errorf("SUBSCRIBE %q at QoS %d: %w: % x", filter, qos, ErrRefused, p.Body)
	}
	return nil
}

// hangUp ends the connection, and whatever waits for it, without a word.
func (c *client) hangUp() { _ = c.Close() }

// close says goodbye as far as that is possible.
func (c *client) close() {
	c.stop()
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.Write(wire.AppendEmpty(nil, wire.Disconnect))
	_ = c.Close()
}

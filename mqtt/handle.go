package mqtt

import (
	"fmt"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// handle does what one packet after the CONNECT asks for. An error ends the
// connection.
func (c *conn) handle(p packet.Packet) error {
	switch p.Type {
	case packet.TypePublish:
		return c.handlePublish(p)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubcomp:
		ack, err := p.Ack()
		if err == nil {
			c.client.acknowledged(c, ack)
		}
		return err
	case packet.TypePubrel:
		return c.handlePubrel(p)
	case packet.TypeSubscribe:
		return c.handleSubscribe(p)
	case packet.TypeUnsubscribe:
		return c.handleUnsubscribe(p)
	case packet.TypePingreq:
		if err := p.Empty(); err != nil {
			return err
		}
		c.out.reply(pingresp{})
		return nil
	case packet.TypeDisconnect:
		return c.handleDisconnect(p)
	case packet.TypeAuth:
		return c.handleAuth(p)
	}
	return fmt.Errorf("%w: unexpected %v", packet.ErrProtocol, p.Type)
}

// encoder is a packet that can be sent.
type encoder interface{ Append(dst []byte) []byte }

type pingresp struct{}

// Append implements encoder.
func (pingresp) Append(dst []byte) []byte { return packet.AppendEmpty(dst, packet.TypePingresp) }

var _ encoder = pingresp{}

// handleDisconnect takes note of how the client leaves: only the normal way
// removes its will [MQTT-3.14.4-3].
func (c *conn) handleDisconnect(p packet.Packet) error {
	d, err := p.Disconnect()
	if err != nil {
		return err
	}
	if d.SessionExpiry != nil {
		if *d.SessionExpiry > 0 && c.expires == 0 { // [MQTT 5.0, 3.14.2.2.2]
			return fmt.Errorf("%w: DISCONNECT with a session expiry, and the CONNECT had none", packet.ErrProtocol)
		}
		c.ending.Expiry, c.ending.HasExpiry = c.broker.limits.expiry(*d.SessionExpiry), true
	}
	c.ending.DiscardWill = d.Reason == packet.Success
	return errDisconnect
}

// handlePubrel ends the exchange of a QoS 2 message of the client
// [MQTT-4.3.3-11].
func (c *conn) handlePubrel(p packet.Packet) error {
	in, err := p.Ack()
	if err != nil {
		return err
	}
	answer := packet.Ack{Version: c.version, Type: packet.TypePubcomp, ID: in.ID}
	if !c.client.release(c, in.ID) {
		c.broker.counters.add(acksUnknown, c.client.number, 1)
		answer.Reason = packet.PacketIdentifierNotFound
	}
	c.written(func() { c.acks.complete(answer) })
	return nil
}

// release frees the identifier of a QoS 2 message of the client.
func (cl *client) release(c *conn, id uint16) (known bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.conn == c && cl.session.Release(id)
}

package mqtt

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// refusal is a CONNECT that is answered by a CONNACK with a failure.
type refusal struct {
	why  count
	code packet.Reason
	text string
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("refused: %s (%v)", r.text, r.code) }

// Is makes it an errRefused.
func (r *refusal) Is(target error) bool { return target == errRefused }

var _ error = (*refusal)(nil)

// connect handles the first packet, which must be a CONNECT [MQTT-3.1.0-1],
// and returns when the CONNACK has been sent.
func (c *conn) connect() error {
	if err := c.source.deadline(time.Now().Add(c.broker.limits.ConnectTimeout)); err != nil {
		return err
	}
	req, err := c.readConnect()
	if err == nil {
		err = c.admit(req)
	}
	if err != nil {
		c.refuse(err)
		return err
	}
	c.source.interval = time.Duration(c.keepAlive) * time.Second * 3 / 2
	c.source.fresh = true
	return c.source.deadline(time.Time{})
}

func (c *conn) readConnect() (packet.Connect, error) {
	p, err := c.read()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return packet.Connect{}, errTimeout
	case err != nil:
		return packet.Connect{}, err
	case p.Type != packet.TypeConnect:
		return packet.Connect{}, fmt.Errorf("%w: %v before CONNECT [MQTT-3.1.0-1]", packet.ErrProtocol, p.Type)
	}
	req, err := p.Connect()
	c.version = req.Version
	switch {
	case errors.Is(err, packet.ErrVersion): // [MQTT-3.1.2-2]
		return req, &refusal{refusedVersion, packet.UnsupportedProtocolVersion, err.Error()}
	case errors.Is(err, packet.ErrClientID): // [MQTT-3.1.3-8]
		return req, &refusal{refusedClientID, packet.ClientIdentifierNotValid, err.Error()}
	}
	return req, err
}

// admit decides whether the client may come in, and ties it to its session.
func (c *conn) admit(req packet.Connect) error {
	c.in.SetVersion(req.Version)
	c.problem, c.maxPacket = req.RequestProblem, int(req.MaximumPacketSize)
	if err := c.checkConnect(req); err != nil {
		return err
	}
	in := entry{req: req}
	if req.ClientID == "" {
		in.req.ClientID, in.assigned = "auto-"+rand.Text(), true // [MQTT-3.1.3-6]
	}
	if err := c.identify(&in); err != nil {
		return err
	}
	if w := req.Will; w != nil && !c.broker.allows(c.who, Access{Publish: true, Topic: string(w.Topic), QoS: byte(w.QoS), Retain: w.Retain}) {
		return &refusal{refusedWill, packet.NotAuthorized, "the topic of the will"}
	}
	c.prepare(in)
	if !c.fits(c.connack(&attachment{conn: c, in: in}, false)) {
		return &refusal{refusedTooSmall, packet.PacketTooLarge, "the CONNACK is larger than the Maximum Packet Size of the client [MQTT-3.1.2-24]"}
	}
	return c.broker.attach(c, in)
}

// entry is a CONNECT on its way in.
type entry struct {
	req      packet.Connect // with the client ID that counts
	assigned bool           // which is one of ours
	authData []byte         // for the CONNACK
}

// checkConnect checks what does not depend on who the client is.
func (c *conn) checkConnect(req packet.Connect) error {
	l := &c.broker.limits
	switch w := req.Will; {
	case len(req.ClientID) > l.MaxClientID: // [MQTT-3.1.3-9]
		return &refusal{refusedClientID, packet.ClientIdentifierNotValid, fmt.Sprintf("the client ID is longer than %d bytes", l.MaxClientID)}
	case w == nil:
		return nil
	case int(w.QoS) > l.MaxQoS: // [MQTT-3.2.2-12]
		return &refusal{refusedWill, packet.QoSNotSupported, "the QoS of the will"}
	case w.Retain && l.NoRetain: // [MQTT-3.2.2-13]
		return &refusal{refusedWill, packet.RetainNotSupported, "a retained will"}
	}
	return nil
}

// prepare sets what the connection remembers of its CONNECT.
func (c *conn) prepare(in entry) {
	req, l := &in.req, &c.broker.limits
	c.keepAlive, c.expires = req.KeepAlive, c.broker.expiry(req)
	if longest := uint16(l.KeepAlive / time.Second); req.Version == packet.Version5 && longest > 0 && (req.KeepAlive == 0 || req.KeepAlive > longest) {
		c.keepAlive = longest // [MQTT-3.2.2-21]
	}
	if req.Will != nil {
		c.willDelay = req.Will.Delay
	}
	if req.AuthMethod != nil {
		c.method = *req.AuthMethod
	}
	c.out.setClient(*req)
}

// refuse answers a CONNECT that did not succeed, if its version is known and
// has an answer for that. Nothing else has been sent.
func (c *conn) refuse(err error) {
	code := packet.ReasonOf(err)
	var r *refusal
	switch {
	case errors.As(err, &r):
		c.broker.counters.add(r.why, 0, 1)
		code = r.code
	case c.version == 0, code == packet.UnspecifiedError:
		return
	}
	if answer, ok := code.ConnackCode(c.version); ok {
		if p := (packet.Connack{Version: c.version, Code: answer}); c.fits(p) {
			c.out.finish(p)
		}
	}
}

// remote is the address of the client, the zero one if it has none.
func (c *conn) remote() netip.AddrPort {
	if a, ok := c.nc.RemoteAddr().(interface{ AddrPort() netip.AddrPort }); ok {
		at := a.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	at, _ := netip.ParseAddrPort(c.nc.RemoteAddr().String())
	return at
}

package mqtt

import "github.com/muster-mqtt/muster/mqtt/packet"

// connack is the answer to a CONNECT that succeeded. What a client of 5.0
// takes for granted is left out.
func (c *conn) connack(a *attachment, present bool) packet.Connack {
	req, l := &a.in.req, &c.broker.limits
	p := packet.Connack{Version: req.Version, SessionPresent: present}
	if req.Version != packet.Version5 {
		return p
	}
	p.ReceiveMaximum = uint16(l.ReceiveMaximum)
	p.TopicAliasMaximum = uint16(l.MaxTopicAlias)
	p.AuthMethod, p.AuthData = req.AuthMethod, a.in.authData
	if l.MaxPacket < packet.MaxPacket {
		p.MaximumPacketSize = uint32(l.MaxPacket)
	}
	if c.expires != req.SessionExpiry { // [MQTT 5.0, 3.2.2.3.2]
		p.SessionExpiry = &c.expires
	}
	if c.keepAlive != req.KeepAlive { // [MQTT-3.2.2-21]
		p.ServerKeepAlive = &c.keepAlive
	}
	if a.in.assigned { // [MQTT-3.2.2-16]
		p.AssignedClientID = req.ClientID
	}
	if req.RequestResponse { // [MQTT-3.1.2-28]
		p.ResponseInformation = l.ResponseInformation
	}
	restrict(&p, l)
	c.shorten(&p)
	return p
}

// shorten leaves out what the client need not know, as far as its Maximum
// Packet Size demands [MQTT-3.1.2-24]: without an alias maximum it uses none.
func (c *conn) shorten(p *packet.Connack) {
	if !c.fits(*p) {
		p.ResponseInformation = ""
	}
	if !c.fits(*p) {
		p.TopicAliasMaximum = 0
	}
}

// fits reports whether a packet is no larger than the client takes.
func (c *conn) fits(p encoder) bool {
	return c.maxPacket == 0 || len(p.Append(nil)) <= c.maxPacket
}

// restrict names what this broker does not do.
func restrict(p *packet.Connack, l *Limits) {
	no := false
	if l.MaxQoS < 2 { // [MQTT-3.2.2-9]
		highest := byte(l.MaxQoS)
		p.MaximumQoS = &highest
	}
	if l.NoRetain {
		p.RetainAvailable = &no
	}
	if l.NoWildcards {
		p.WildcardAvailable = &no
	}
	if l.NoShared {
		p.SharedAvailable = &no
	}
}

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
	return p
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

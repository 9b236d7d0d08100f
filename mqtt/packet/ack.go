package packet

import "encoding/binary"

// Ack is a packet that holds a packet identifier and nothing else: PUBACK,
// PUBREC, PUBREL, PUBCOMP or UNSUBACK.
type Ack struct {
	Type Type
	ID   uint16
}

// Ack decodes a PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK.
func (p Packet) Ack() (Ack, error) {
	c := p.cursor()
	a := Ack{Type: p.Type, ID: c.id()}
	return a, c.done()
}

// Append appends the packet to dst.
func (a Ack) Append(dst []byte) []byte {
	dst = appendHeader(dst, first(a.Type, a.Type.flags()), 2)
	return binary.BigEndian.AppendUint16(dst, a.ID)
}

// SubackFailure is the return code of a filter that was not subscribed
// [MQTT-3.9.3]; the others are the QoS granted.
const SubackFailure = 0x80

// Suback answers a SUBSCRIBE with one return code a filter, in its order.
type Suback struct {
	ID    uint16
	Codes []byte
}

// Suback decodes a SUBACK. Codes shares memory with the body.
func (p Packet) Suback() (Suback, error) {
	c := p.cursor()
	s := Suback{ID: c.id()}
	first := c.at
	s.Codes = c.take(len(c.body)-c.at, "return codes")
	if len(s.Codes) == 0 {
		c.fail(Error{Field: "return codes", Offset: first, Reason: "there is none"})
	}
	for i, code := range s.Codes {
		if code > 2 && code != SubackFailure {
			c.fail(Error{Field: "return code", Offset: first + i, Reason: "is reserved", Clause: "MQTT-3.9.3-2"})
		}
	}
	return s, c.done()
}

// Append appends the packet to dst.
func (s Suback) Append(dst []byte) []byte {
	dst = appendHeader(dst, first(TypeSuback, 0), 2+len(s.Codes))
	return append(binary.BigEndian.AppendUint16(dst, s.ID), s.Codes...)
}

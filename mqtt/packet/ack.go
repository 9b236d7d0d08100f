package packet

import "encoding/binary"

// Ack is a PUBACK, PUBREC, PUBREL or PUBCOMP, or the UNSUBACK of 3.1.1, which
// has the same form.
type Ack struct {
	Version Version
	Type    Type
	ID      uint16
	// What follows is left out in 3.1.1.

	Reason         Reason // Success when the packet does not say
	ReasonString   string
	UserProperties []byte // encoded, see Properties; shares memory with the body
}

// Ack decodes a PUBACK, PUBREC, PUBREL or PUBCOMP. After the identifier of
// 5.0 the reason may be missing, and after it the properties [5.0 MQTT
// 3.4.2.1, 3.4.2.2.1].
func (p Packet) Ack() (Ack, error) {
	c := p.cursor()
	a := Ack{Version: p.Version, Type: p.Type, ID: c.id()}
	if p.Version.five() && c.more() {
		a.Reason = c.reason()
	}
	if p.Version.five() && c.more() {
		a.ReasonString, a.UserProperties = c.explanation()
	}
	if err := c.done(); err != nil {
		return Ack{}, err
	}
	return a, nil
}

// explanation reads the properties of a packet that has a reason string and
// user properties only.
func (c *cursor) explanation() (reason string, user []byte) {
	var kept run
	w := c.properties(c.typ)
	for w.next() {
		if w.id == propReasonString {
			reason = w.text()
			continue
		}
		w.pass()
		kept.keep(&w)
	}
	return reason, kept.bytes(c.body)
}

// Append appends the packet to dst, as short as it can be.
func (a Ack) Append(dst []byte) []byte {
	flags := first(a.Type, a.Type.flags())
	switch {
	case !a.Version.five() || a.Reason == Success && a.plain():
		return binary.BigEndian.AppendUint16(append(dst, flags, 2), a.ID)
	case a.plain():
		return append(binary.BigEndian.AppendUint16(append(dst, flags, 3), a.ID), byte(a.Reason))
	}
	body := append(binary.BigEndian.AppendUint16(nil, a.ID), byte(a.Reason))
	return appendPacket(dst, a.Type, appendExplanation(body, a.ReasonString, a.UserProperties))
}

func (a Ack) plain() bool { return a.ReasonString == "" && len(a.UserProperties) == 0 }

func appendExplanation(body []byte, reason string, user []byte) []byte {
	var e encoder
	e.text(propReasonString, reason)
	return e.appendTo(body, user)
}

package packet

import "encoding/binary"

// SubackFailure is the return code of 3.1.1 for a filter that was not
// subscribed [3.1.1 MQTT 3.9.3]; the others are the QoS granted.
const SubackFailure = 0x80

// Suback answers a SUBSCRIBE with one code a filter, in its order
// [MQTT-3.9.3-1].
type Suback struct {
	Version Version
	ID      uint16
	// Codes are Reasons: QoS granted or failure. In 3.1.1 every failure is
	// written as SubackFailure.
	Codes          []byte
	ReasonString   string // left out in 3.1.1, as are
	UserProperties []byte // these; encoded, see Properties
}

// Unsuback answers an UNSUBSCRIBE with one code a filter, in its order
// [5.0 MQTT-3.11.3-1]. That of 3.1.1 has an identifier only.
type Unsuback struct {
	Version        Version
	ID             uint16
	Codes          []byte // Reasons; left out in 3.1.1, as is what follows
	ReasonString   string
	UserProperties []byte // encoded, see Properties
}

// Suback decodes a SUBACK. Its slices share memory with the body.
func (p Packet) Suback() (Suback, error) {
	c := p.cursor()
	s := Suback{Version: p.Version, ID: c.id()}
	s.ReasonString, s.UserProperties = c.explanation()
	s.Codes = c.codes()
	if err := c.done(); err != nil {
		return Suback{}, err
	}
	return s, nil
}

// Unsuback decodes an UNSUBACK. Its slices share memory with the body.
func (p Packet) Unsuback() (Unsuback, error) {
	c := p.cursor()
	u := Unsuback{Version: p.Version, ID: c.id()}
	if c.version.five() {
		u.ReasonString, u.UserProperties = c.explanation()
		u.Codes = c.codes()
	}
	if err := c.done(); err != nil {
		return Unsuback{}, err
	}
	return u, nil
}

// codes reads the payload, one code a filter.
func (c *cursor) codes() []byte {
	c.fromServer = true // only servers send these packets
	from := c.at
	for c.more() {
		c.code()
	}
	if c.err != nil {
		return nil
	}
	if c.at == from {
		clause := "MQTT 3.9.3"
		if c.typ == TypeUnsuback {
			clause = "MQTT 3.11.3"
		}
		c.fail(Error{Field: "reason codes", Offset: from, Reason: "there is none", Clause: clause})
	}
	return c.body[from:c.at:c.at]
}

// code reads one; 3.1.1 reserves what 5.0 made use of.
func (c *cursor) code() {
	if c.version.five() {
		c.reason()
		return
	}
	at := c.at
	if code := c.byte("return code"); code > 2 && code != SubackFailure {
		c.fail(Error{Field: "return code", Offset: at, Reason: "is reserved", Clause: "MQTT-3.9.3-2"})
	}
}

// Append appends the packet to dst.
func (s Suback) Append(dst []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, s.ID)
	if s.Version.five() {
		body = append(appendExplanation(body, s.ReasonString, s.UserProperties), s.Codes...)
		return appendPacket(dst, TypeSuback, body)
	}
	for _, code := range s.Codes {
		body = append(body, min(code, SubackFailure)) // [3.1.1 MQTT-3.9.3-2]
	}
	return appendPacket(dst, TypeSuback, body)
}

// Append appends the packet to dst.
func (u Unsuback) Append(dst []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, u.ID)
	if u.Version.five() {
		body = append(appendExplanation(body, u.ReasonString, u.UserProperties), u.Codes...)
	}
	return appendPacket(dst, TypeUnsuback, body)
}

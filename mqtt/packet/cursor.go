package packet

import "encoding/binary"

// cursor walks through the body of one packet. After the first error it stays
// where it is and returns zero values, so that callers check once at the end.
type cursor struct {
	body []byte
	at   int
	// end is where the part being read ends: that of the properties while
	// those are read, else that of the body.
	end        int
	typ        Type
	version    Version
	fromServer bool
	err        *Error
}

func (p Packet) cursor() cursor {
	return cursor{body: p.Body, end: len(p.Body), typ: p.Type, version: p.Version, fromServer: p.FromServer}
}

// fail keeps the first error; field began at byte at.
func (c *cursor) fail(e Error) {
	if c.err == nil {
		if e.Kind == nil {
			e.Kind = ErrMalformed
		}
		e.Type, e.Version = c.typ, c.version
		c.err = &e
	}
}

// take returns the next n bytes.
func (c *cursor) take(n int, field string) []byte {
	if c.err != nil {
		return nil
	}
	if c.end-c.at < n {
		c.short(field, c.at)
		return nil
	}
	c.at += n
	return c.body[c.at-n : c.at : c.at]
}

// short fails by bytes that are not there.
func (c *cursor) short(field string, at int) {
	reason := "packet ends too early"
	if c.end < len(c.body) {
		reason = "properties end too early"
	}
	c.fail(Error{Field: field, Offset: at, Reason: reason})
}

// rest returns all bytes that are left.
func (c *cursor) rest(field string) []byte { return c.take(c.end-c.at, field) }

func (c *cursor) byte(field string) byte {
	if b := c.take(1, field); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16(field string) uint16 {
	if b := c.take(2, field); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32(field string) uint32 {
	if b := c.take(4, field); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// varint reads a variable byte integer, 0 to 268,435,455 [5.0 MQTT 1.5.5].
func (c *cursor) varint(field string) int {
	at, n := c.at, 0
	for i := 0; i < 4; i++ {
		b := c.byte(field)
		n |= int(b&0x7f) << (7 * i)
		if b >= 0x80 {
			continue
		}
		if b == 0 && i > 0 {
			c.fail(Error{Field: field, Offset: at, Reason: "has more bytes than it needs", Clause: "MQTT-1.5.5-1"})
		}
		return n
	}
	c.fail(Error{Field: field, Offset: at, Reason: "has more than four bytes", Clause: "MQTT 1.5.5"})
	return 0
}

// id reads a packet identifier, which is never 0.
func (c *cursor) id() uint16 {
	at := c.at
	id := c.uint16("packet identifier")
	if id == 0 && c.err == nil {
		c.fail(Error{Kind: ErrProtocol, Field: "packet identifier", Offset: at,
			Reason: "must not be 0", Clause: c.version.either("MQTT-2.3.1-1", c.idClause())})
	}
	return id
}

// idClause is the statement of 5.0 that a packet identifier is not 0, or, of
// an acknowledgement, that it is that of the packet it answers.
func (c *cursor) idClause() string {
	switch c.typ {
	case TypePuback, TypePubrec, TypePubrel, TypePubcomp:
		return "MQTT-2.2.1-5"
	case TypeSuback, TypeUnsuback:
		return "MQTT-2.2.1-6"
	case TypePublish:
		if c.fromServer {
			return "MQTT-2.2.1-4"
		}
	}
	return "MQTT-2.2.1-3"
}

// reason reads a reason code that the packet may have.
func (c *cursor) reason() Reason {
	at := c.at
	r := Reason(c.byte("reason code"))
	if !r.allowed(c.typ, c.fromServer) {
		c.fail(Error{Kind: ErrProtocol, Field: "reason code", Offset: at,
			Reason: r.String() + " is not for this packet", Clause: reasonClauses[c.typ]})
	}
	return r
}

// more reports whether bytes are left and nothing has failed.
func (c *cursor) more() bool { return c.err == nil && c.at < c.end }

// done returns the first error, which may be that bytes are left over.
func (c *cursor) done() error {
	if c.more() {
		c.fail(Error{Field: "end", Offset: c.at, Reason: "bytes left over"})
	}
	if c.err != nil {
		return c.err
	}
	return nil
}

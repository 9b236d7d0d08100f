package packet

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// cursor walks through the body of one packet. After the first error it stays
// where it is and returns zero values, so that callers check once at the end.
type cursor struct {
	body []byte
	at   int
	typ  Type
	err  *Error
}

func (p Packet) cursor() cursor { return cursor{body: p.Body, typ: p.Type} }

// fail keeps the first error; field began at byte at.
func (c *cursor) fail(e Error) {
	if c.err == nil {
		if e.Kind == nil {
			e.Kind = ErrMalformed
		}
		e.Type = c.typ
		c.err = &e
	}
}

// take returns the next n bytes.
func (c *cursor) take(n int, field string) []byte {
	if c.err != nil {
		return nil
	}
	if len(c.body)-c.at < n {
		c.fail(Error{Field: field, Offset: c.at, Reason: "packet ends too early"})
		return nil
	}
	c.at += n
	return c.body[c.at-n : c.at : c.at]
}

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

// id reads a packet identifier, which is never 0.
func (c *cursor) id() uint16 {
	at := c.at
	id := c.uint16("packet identifier")
	if id == 0 {
		c.fail(Error{Kind: ErrProtocol, Field: "packet identifier", Offset: at,
			Reason: "must not be 0", Clause: "MQTT-2.3.1-1"})
	}
	return id
}

// binary reads bytes that a two-byte length precedes [MQTT 1.5.3].
func (c *cursor) binary(field string) []byte {
	return c.take(int(c.uint16(field)), field)
}

// text reads a UTF-8 string.
func (c *cursor) text(field string) []byte {
	at := c.at
	b := c.binary(field)
	switch {
	case !utf8.Valid(b):
		c.fail(Error{Field: field, Offset: at, Reason: "is not UTF-8", Clause: "MQTT-1.5.3-1"})
	case bytes.IndexByte(b, 0) >= 0:
		c.fail(Error{Field: field, Offset: at, Reason: "holds U+0000", Clause: "MQTT-1.5.3-2"})
	}
	return b
}

// topic reads the name of a topic.
func (c *cursor) topic(field string) []byte {
	at := c.at
	b := c.text(field)
	switch {
	case len(b) == 0:
		c.fail(Error{Kind: ErrProtocol, Field: field, Offset: at, Reason: "is empty", Clause: "MQTT-4.7.3-1"})
	case bytes.IndexByte(b, '#') >= 0, bytes.IndexByte(b, '+') >= 0:
		c.fail(Error{Kind: ErrProtocol, Field: field, Offset: at, Reason: "holds a wildcard", Clause: "MQTT-3.3.2-2"})
	}
	return b
}

// more reports whether bytes are left and nothing has failed.
func (c *cursor) more() bool { return c.err == nil && c.at < len(c.body) }

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

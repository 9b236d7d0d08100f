package packet

import (
	"bytes"
	"unicode/utf8"
)

// binary reads bytes that a two-byte length precedes [MQTT 1.5.3; 5.0 1.5.6].
// The place of an error is where the length stands.
func (c *cursor) binary(field string) []byte {
	at := c.at
	n := int(c.uint16(field))
	if c.err == nil && c.end-c.at < n {
		c.short(field, at)
	}
	return c.take(n, field)
}

// content is what a text has that it may not have everywhere.
type content struct {
	nul      bool
	wildcard bool
	broken   bool // no UTF-8
}

// scan looks through b once; most texts are short and ASCII.
func scan(b []byte) (found content) {
	for i, x := range b {
		switch {
		case x >= utf8.RuneSelf:
			return found.or(scanAll(b[i:]))
		case x == 0:
			found.nul = true
		case x == '#' || x == '+':
			found.wildcard = true
		}
	}
	return found
}

func scanAll(b []byte) content {
	return content{
		nul:      bytes.IndexByte(b, 0) >= 0,
		wildcard: bytes.IndexByte(b, '#') >= 0 || bytes.IndexByte(b, '+') >= 0,
		broken:   !utf8.Valid(b),
	}
}

func (x content) or(y content) content {
	return content{nul: x.nul || y.nul, wildcard: x.wildcard || y.wildcard, broken: x.broken || y.broken}
}

// text reads a UTF-8 string.
func (c *cursor) text(field string) []byte {
	b, _ := c.scanned(field)
	return b
}

func (c *cursor) scanned(field string) ([]byte, content) {
	at := c.at
	b := c.binary(field)
	found := scan(b)
	switch {
	case found.broken:
		c.fail(Error{Field: field, Offset: at, Reason: "is not UTF-8", Clause: c.version.either("MQTT-1.5.3-1", "MQTT-1.5.4-1")})
	case found.nul:
		c.fail(Error{Field: field, Offset: at, Reason: "holds U+0000", Clause: c.version.either("MQTT-1.5.3-2", "MQTT-1.5.4-2")})
	}
	return b, found
}

// topic reads the name of a topic, which is not empty and has no wildcard.
func (c *cursor) topic(field string) []byte {
	at := c.at
	b := c.topicOrNone(field)
	if len(b) == 0 {
		c.noTopic(field, at)
	}
	return b
}

func (c *cursor) noTopic(field string, at int) {
	c.fail(Error{Kind: ErrProtocol, Field: field, Offset: at, Reason: "is empty", Clause: "MQTT-4.7.3-1"})
}

// topicOrNone reads the name of a topic, which may be empty.
func (c *cursor) topicOrNone(field string) []byte {
	at := c.at
	b, found := c.scanned(field)
	if found.wildcard {
		c.wildcard(Error{Field: field, Offset: at})
	}
	return b
}

// wildcard fails; the code of 0x90 is that of the topic of a message, while a
// response topic is an error without one of its own [5.0 MQTT 3.3.2.3.5].
func (c *cursor) wildcard(e Error) {
	e.Kind, e.Code, e.Reason = ErrProtocol, TopicNameInvalid, "holds a wildcard"
	switch e.Field {
	case fieldResponseTopic:
		e.Code, e.Clause = 0, "MQTT-3.3.2-14"
	case fieldWillTopic:
		e.Clause = c.version.either("MQTT-4.7.1-1", "MQTT-4.7.0-1")
	default:
		e.Clause = "MQTT-3.3.2-2"
	}
	c.fail(e)
}

// Fields whose name decides which clause is broken.
const (
	fieldResponseTopic = "response topic"
	fieldWillTopic     = "will topic"
)

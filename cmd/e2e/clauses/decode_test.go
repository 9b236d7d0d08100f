package clauses

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// packet is one packet from the server, decoded as far as its type has it.
type packet struct {
	typ, flags byte
	raw        []byte // the body
	id         int
	topic      string
	payload    string
	present    bool // session present
	reason     byte // of a packet with one
	codes      []byte
	props      []prop
}

func (p packet) qos() byte    { return p.flags >> 1 & 3 }
func (p packet) dup() bool    { return p.flags&8 != 0 }
func (p packet) retain() bool { return p.flags&1 != 0 }

func (p packet) String() string {
	return fmt.Sprintf("%s flags %x id %d topic %q payload %.40q reason %#x codes %x props %v", typeName(p.typ), p.flags, p.id, p.topic, p.payload, p.reason, p.codes, p.props)
}

// size is that of the whole packet.
func (p packet) size() int { return 1 + len(vbi(len(p.raw))) + len(p.raw) }

// num returns a numeric property; the bool says whether there is one.
func (p packet) num(id byte) (uint32, bool) {
	for _, x := range p.props {
		if x.id == id {
			return x.num, true
		}
	}
	return 0, false
}

// texts returns all values of a property; those of pairs read name=value.
func (p packet) texts(id byte) []string {
	var out []string
	for _, x := range p.props {
		if x.id == id {
			out = append(out, x.text)
		}
	}
	return out
}

// nums returns all values of a numeric property, in order of size.
func (p packet) nums(id byte) []uint32 {
	var out []uint32
	for _, x := range p.props {
		if x.id == id {
			out = append(out, x.num)
		}
	}
	slices.Sort(out)
	return out
}

var errShort = errors.New("the packet is too short")

// cursor reads a body; the first failure stays.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) take(n int) []byte {
	if c.err != nil || n > len(c.b) {
		c.err = cmp.Or(c.err, errShort)
		return make([]byte, min(n, 4))
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) u8() byte    { return c.take(1)[0] }
func (c *cursor) u16() int    { return int(binary.BigEndian.Uint16(c.take(2))) }
func (c *cursor) u32() uint32 { return binary.BigEndian.Uint32(c.take(4)) }
func (c *cursor) bin() string { return string(c.take(c.u16())) }

func (c *cursor) text() string {
	s := c.bin()
	if !utf8.ValidString(s) || slices.Contains([]byte(s), 0) {
		c.err = errors.Join(c.err, fmt.Errorf("a string that is no UTF-8 or has U+0000: %q", s))
	}
	return s
}

func (c *cursor) vbi() int {
	n, shift := 0, 0
	for {
		b := c.u8()
		n |= int(b&127) << shift
		if b < 128 || c.err != nil {
			if b == 0 && shift > 0 {
				c.err = errors.Join(c.err, errors.New("a variable byte integer longer than it needs [MQTT-1.5.5-1]"))
			}
			return n
		}
		if shift += 7; shift > 21 {
			c.err = errors.Join(c.err, errors.New("a variable byte integer of more than four bytes"))
			return n
		}
	}
}

// read reads one packet from the server, and finds fault with everything that
// the server must not send, whatever the test is about.
func read(r *bufio.Reader, v byte) (packet, error) {
	first, err := r.ReadByte()
	if err != nil {
		return packet{}, err
	}
	length, shift := 0, 0
	for {
		b, err := r.ReadByte()
		if err != nil {
			return packet{}, fmt.Errorf("inside a length: %w", err)
		}
		length |= int(b&127) << shift
		if b < 128 {
			break
		}
		if shift += 7; shift > 21 {
			return packet{}, errors.New("a length of more than four bytes")
		}
	}
	p := packet{typ: first >> 4, flags: first & 15, raw: make([]byte, length)}
	if _, err := io.ReadFull(r, p.raw); err != nil {
		return packet{}, fmt.Errorf("inside a %s: %w", typeName(p.typ), err)
	}
	c := &cursor{b: p.raw}
	p.decode(c, v)
	if c.err == nil && len(c.b) > 0 {
		c.err = fmt.Errorf("%d bytes too many", len(c.b))
	}
	if c.err == nil {
		c.err = p.lawful(v)
	}
	if c.err != nil {
		return p, fmt.Errorf("%s %x: %w", typeName(p.typ), p.raw, c.err)
	}
	return p, nil
}

func (p *packet) decode(c *cursor, v byte) {
	switch p.typ {
	case connackType:
		flags := c.u8()
		p.present, p.reason = flags == 1, c.u8()
		if flags > 1 {
			c.err = errors.New("reserved bits are set [MQTT-3.2.2-1]")
		}
		p.readProps(c, v)
	case publishType:
		p.topic = c.text()
		if p.qos() > 0 {
			p.id = c.u16()
		}
		p.readProps(c, v)
		p.payload = string(c.take(len(c.b)))
	case pubackType, pubrecType, pubrelType, pubcompType:
		p.id = c.u16()
		p.readReason(c, v)
	case subackType, unsubackType:
		p.id = c.u16()
		p.readProps(c, v)
		p.codes = c.take(len(c.b))
	case disconnectType, authType:
		p.readReason(c, v)
	case pingrespType:
	default:
		c.err = errors.New("no server sends this")
	}
}

// readReason reads a reason and properties, both of which may be left out at
// the end of a packet.
func (p *packet) readReason(c *cursor, v byte) {
	if v == v5 && len(c.b) > 0 {
		p.reason = c.u8()
		if len(c.b) > 0 {
			p.readProps(c, v)
		}
	}
}

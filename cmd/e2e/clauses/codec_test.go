package clauses

import (
	"encoding/binary"
	"fmt"
)

// The versions, as the byte in a CONNECT says them.
const (
	v3 byte = 4
	v5 byte = 5
)

// Types of packets, as the high half of the first byte.
const (
	connectType byte = iota + 1
	connackType
	publishType
	pubackType
	pubrecType
	pubrelType
	pubcompType
	subscribeType
	subackType
	unsubscribeType
	unsubackType
	pingreqType
	pingrespType
	disconnectType
	authType
)

var typeNames = []string{"reserved", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"}

func cat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func u16(n int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// str is a string or binary data with its length before it.
func str(s string) []byte { return append(u16(len(s)), s...) }

// vbi is a variable byte integer: seven bits a byte, the low ones first.
func vbi(n int) []byte {
	var out []byte
	for {
		b := byte(n % 128)
		if n /= 128; n > 0 {
			b |= 128
		}
		out = append(out, b)
		if n == 0 {
			return out
		}
	}
}

// frame puts the fixed header before a body.
func frame(first byte, body ...[]byte) []byte {
	b := cat(body...)
	return cat([]byte{first}, vbi(len(b)), b)
}

// props puts the length before properties; version 3.1.1 has none.
func props(v byte, list ...[]byte) []byte {
	if v != v5 {
		return nil
	}
	b := cat(list...)
	return append(vbi(len(b)), b...)
}

func prop8(id byte, n byte) []byte          { return []byte{id, n} }
func prop16(id byte, n int) []byte          { return append([]byte{id}, u16(n)...) }
func prop32(id byte, n uint32) []byte       { return append([]byte{id}, u32(n)...) }
func propVar(id byte, n int) []byte         { return append([]byte{id}, vbi(n)...) }
func propStr(id byte, s string) []byte      { return append([]byte{id}, str(s)...) }
func propPair(name, value string) []byte    { return cat([]byte{userProperty}, str(name), str(value)) }
func ack(typ byte, id int) []byte           { return frame(typ<<4|relBits(typ), u16(id)) }
func ackBy(typ byte, id int, r byte) []byte { return frame(typ<<4|relBits(typ), u16(id), []byte{r}) }

// relBits are the flags that a type of packet must have.
func relBits(typ byte) byte {
	if typ == pubrelType || typ == subscribeType || typ == unsubscribeType {
		return 2
	}
	return 0
}

var (
	pingreq    = []byte{pingreqType << 4, 0}
	disconnect = []byte{disconnectType << 4, 0}
)

// will is the part of a CONNECT that becomes a message.
type will struct {
	topic, payload string
	qos            byte
	retain         bool
	props          []byte
}

// connect is a CONNECT; what is not set is left out or zero, but the name.
type connect struct {
	v          byte
	name       string // "" is MQTT
	id         string
	clean      bool
	keep       int
	props      []byte
	will       *will
	user, pass *string
	flags      byte // flipped, to break it
}

func (c connect) bytes() []byte {
	flags := c.flags ^ bits(c.clean)<<1 ^ bits(c.user != nil)<<7 ^ bits(c.pass != nil)<<6
	var payload []byte
	if w := c.will; w != nil {
		flags ^= 1<<2 ^ w.qos<<3 ^ bits(w.retain)<<5
		payload = cat(props(c.v, w.props), str(w.topic), str(w.payload))
	}
	for _, s := range []*string{c.user, c.pass} {
		if s != nil {
			payload = append(payload, str(*s)...)
		}
	}
	name := c.name
	if name == "" {
		name = "MQTT"
	}
	return frame(connectType<<4, str(name), []byte{c.v, flags}, u16(c.keep), props(c.v, c.props), str(c.id), payload)
}

func bits(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// publish is a PUBLISH of either direction.
type publish struct {
	topic, payload string
	qos            byte
	id             int
	dup, retain    bool
	props          []byte
}

func (p publish) bytes(v byte) []byte {
	id := u16(p.id)
	if p.qos == 0 {
		id = nil
	}
	first := publishType<<4 | bits(p.dup)<<3 | p.qos<<1 | bits(p.retain)
	return frame(first, str(p.topic), id, props(v, p.props), []byte(p.payload))
}

// sub is a filter with its options: QoS in the lowest bits.
type sub struct {
	filter  string
	options byte
}

// Subscription options of 5.0.
const (
	noLocal           byte = 1 << 2
	retainAsPublished byte = 1 << 3
	retainIfNew       byte = 1 << 4
	retainNever       byte = 2 << 4
)

func subscribe(v byte, id int, list []byte, subs ...sub) []byte {
	var payload []byte
	for _, s := range subs {
		payload = cat(payload, str(s.filter), []byte{s.options})
	}
	return frame(subscribeType<<4|2, u16(id), props(v, list), payload)
}

func unsubscribe(v byte, id int, filters ...string) []byte {
	var payload []byte
	for _, f := range filters {
		payload = append(payload, str(f)...)
	}
	return frame(unsubscribeType<<4|2, u16(id), props(v), payload)
}

// leave is a DISCONNECT of 5.0 with a reason.
func leave(reason byte, list ...[]byte) []byte {
	return frame(disconnectType<<4, []byte{reason}, props(v5, list...))
}

// version names a version as the specifications do.
func version(v byte) string {
	if v == v5 {
		return "5.0"
	}
	return "3.1.1"
}

func typeName(t byte) string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprint(t)
}

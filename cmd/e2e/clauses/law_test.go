package clauses

import (
	"errors"
	"fmt"
	"slices"
)

// Identifiers of properties [MQTT 5.0, table 2-4].
const (
	payloadFormat   byte = 0x01
	messageExpiry   byte = 0x02
	contentType     byte = 0x03
	responseTopic   byte = 0x08
	correlationData byte = 0x09
	subscriptionID  byte = 0x0B
	sessionExpiry   byte = 0x11
	assignedID      byte = 0x12
	serverKeepAlive byte = 0x13
	authMethod      byte = 0x15
	authData        byte = 0x16
	requestProblem  byte = 0x17
	willDelay       byte = 0x18
	requestResponse byte = 0x19
	responseInfo    byte = 0x1A
	serverReference byte = 0x1C
	reasonString    byte = 0x1F
	receiveMaximum  byte = 0x21
	aliasMaximum    byte = 0x22
	topicAlias      byte = 0x23
	maximumQoS      byte = 0x24
	retainAvailable byte = 0x25
	userProperty    byte = 0x26
	maximumPacket   byte = 0x27
	wildcardSubs    byte = 0x28
	subscriptionIDs byte = 0x29
	sharedSubs      byte = 0x2A
)

// prop is one property: a number, or a text.
type prop struct {
	id   byte
	num  uint32
	text string
}

// shape is how a property is written, and which packets a server may send it
// in.
type shape struct {
	kind string
	in   []byte
}

var acks = []byte{connackType, pubackType, pubrecType, pubrelType, pubcompType, subackType, unsubackType, disconnectType, authType}

var shapes = map[byte]shape{
	payloadFormat:   {"bool", []byte{publishType}},
	messageExpiry:   {"u32", []byte{publishType}},
	contentType:     {"text", []byte{publishType}},
	responseTopic:   {"text", []byte{publishType}},
	correlationData: {"bin", []byte{publishType}},
	subscriptionID:  {"vbi", []byte{publishType}},
	sessionExpiry:   {"u32", []byte{connackType}}, // in no DISCONNECT of a server [MQTT-3.14.2-2]
	assignedID:      {"text", []byte{connackType}},
	serverKeepAlive: {"u16", []byte{connackType}},
	authMethod:      {"text", []byte{connackType, authType}},
	authData:        {"bin", []byte{connackType, authType}},
	responseInfo:    {"text", []byte{connackType}},
	serverReference: {"text", []byte{connackType, disconnectType}},
	reasonString:    {"text", acks},
	receiveMaximum:  {"u16", []byte{connackType}},
	aliasMaximum:    {"u16", []byte{connackType}},
	topicAlias:      {"u16", []byte{publishType}},
	maximumQoS:      {"bool", []byte{connackType}},
	retainAvailable: {"bool", []byte{connackType}},
	userProperty:    {"pair", append([]byte{publishType}, acks...)},
	maximumPacket:   {"u32", []byte{connackType}},
	wildcardSubs:    {"bool", []byte{connackType}},
	subscriptionIDs: {"bool", []byte{connackType}},
	sharedSubs:      {"bool", []byte{connackType}},
}

// readProps reads the properties of a packet from the server.
func (p *packet) readProps(c *cursor, v byte) {
	if v != v5 {
		return
	}
	list := &cursor{b: c.take(c.vbi())}
	for len(list.b) > 0 && list.err == nil {
		x := prop{id: list.u8()}
		s, known := shapes[x.id]
		switch {
		case !known || !slices.Contains(s.in, p.typ):
			list.err = fmt.Errorf("property %#x in a %s of a server", x.id, typeName(p.typ))
		case x.id != userProperty && x.id != subscriptionID && slices.ContainsFunc(p.props, func(y prop) bool { return y.id == x.id }):
			list.err = fmt.Errorf("property %#x twice", x.id)
		}
		list.value(&x, s.kind)
		p.props = append(p.props, x)
	}
	c.err = errors.Join(c.err, list.err)
}

func (c *cursor) value(x *prop, kind string) {
	switch kind {
	case "bool":
		if x.num = uint32(c.u8()); x.num > 1 {
			c.err = fmt.Errorf("property %#x is %d", x.id, x.num)
		}
	case "u16":
		x.num = uint32(c.u16())
	case "u32":
		x.num = c.u32()
	case "vbi":
		x.num = uint32(c.vbi())
	case "text":
		x.text = c.text()
	case "bin":
		x.text = c.bin()
	case "pair":
		x.text = c.text() + "="
		x.text += c.text()
	}
}

// reasonsOf are the reasons that a server may give in a packet.
var reasonsOf = map[byte][]byte{
	connackType:    {0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
	pubackType:     {0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
	pubrecType:     {0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
	pubrelType:     {0, 0x92},
	pubcompType:    {0, 0x92},
	subackType:     {0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
	unsubackType:   {0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
	disconnectType: {0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2},
	authType:       {0, 0x18},
}

// lawful finds what no server may send in this version.
func (p *packet) lawful(v byte) error {
	if p.typ != publishType && p.flags != relBits(p.typ) {
		return fmt.Errorf("flags %x are reserved", p.flags)
	}
	switch {
	case v == v3 && (p.typ == disconnectType || p.typ == authType):
		return errors.New("3.1.1 has no such packet from a server")
	case v == v3 && p.typ == unsubackType && len(p.codes) > 0:
		return errors.New("an UNSUBACK of 3.1.1 has no payload")
	case p.typ == publishType:
		return p.lawfulPublish()
	case p.typ == connackType && p.reason != 0 && p.present:
		return errors.New("a refusal with session present [MQTT-3.2.2-6]")
	case p.id == 0 && slices.Contains([]byte{pubackType, pubrecType, pubrelType, pubcompType, subackType, unsubackType}, p.typ):
		return errors.New("a packet identifier of 0")
	}
	return p.lawfulReasons(v)
}

func (p *packet) lawfulPublish() error {
	alias, aliased := p.num(topicAlias)
	switch {
	case p.qos() == 3:
		return errors.New("QoS 3 [MQTT-3.3.1-4]")
	case p.qos() == 0 && p.dup():
		return errors.New("DUP with QoS 0 [MQTT-3.3.1-2]")
	case p.qos() > 0 && p.id == 0:
		return errors.New("a packet identifier of 0 [MQTT-2.2.1-4]")
	case aliased && alias == 0:
		return errors.New("a topic alias of 0 [MQTT-3.3.2-8]")
	case p.topic == "" && !aliased:
		return errors.New("no topic")
	}
	return nil
}

func (p *packet) lawfulReasons(v byte) error {
	allowed := reasonsOf[p.typ]
	codes := p.codes
	if v == v3 {
		allowed = map[byte][]byte{connackType: {0, 1, 2, 3, 4, 5}, subackType: {0, 1, 2, 0x80}}[p.typ]
	}
	if p.typ == connackType || v == v5 && codes == nil && p.typ != pingrespType {
		codes = []byte{p.reason}
	}
	for _, code := range codes {
		if !slices.Contains(allowed, code) {
			return fmt.Errorf("reason %#x is not one for it", code)
		}
	}
	return nil
}

package packet

import (
	"encoding/binary"

	"github.com/muster-mqtt/muster/core"
)

// The flags of a PUBLISH [MQTT 3.3.1].
const (
	flagRetain = 0x01
	flagQoS    = 0x02 // two bits
	flagDup    = 0x08
)

// Publish is a decoded PUBLISH.
type Publish struct {
	Topic   []byte // checked as core.Topic.Check does
	Payload []byte
	ID      uint16 // 0 with QoS 0
	QoS     core.QoS
	Dup     bool
	Retain  bool
}

// Publish decodes a PUBLISH. Topic and Payload share memory with the body.
func (p Packet) Publish() (Publish, error) {
	c := p.cursor()
	m := Publish{
		QoS:    core.QoS(p.Flags / flagQoS & 3),
		Dup:    p.Flags&flagDup != 0,
		Retain: p.Flags&flagRetain != 0,
	}
	switch {
	case m.QoS == 3:
		c.fail(Error{Offset: -1, Reason: "QoS is 3", Clause: "MQTT-3.3.1-4"})
	case m.QoS == 0 && m.Dup:
		c.fail(Error{Kind: ErrProtocol, Offset: -1, Reason: "DUP with QoS 0", Clause: "MQTT-3.3.1-2"})
	}
	m.Topic = c.topic("topic")
	if m.QoS > 0 {
		m.ID = c.id()
	}
	m.Payload = c.take(len(c.body)-c.at, "payload")
	if err := c.done(); err != nil {
		return Publish{}, err
	}
	return m, nil
}

// Append appends the packet to dst.
func (m Publish) Append(dst []byte) []byte {
	flags := publishFlags(m.QoS, m.Dup)
	if m.Retain {
		flags |= flagRetain
	}
	dst = appendHeader(dst, first(TypePublish, flags), publishBody(len(m.Topic), len(m.Payload), m.QoS))
	dst = appendBinary(dst, m.Topic)
	if m.QoS > 0 {
		dst = binary.BigEndian.AppendUint16(dst, m.ID)
	}
	return append(dst, m.Payload...)
}

// Delivery is a message on its way to one client. It is always sent without
// the retain flag: the subscription was there before it [MQTT-3.3.1-9].
type Delivery struct {
	Message *core.Message
	ID      uint16   // 0 with QoS 0
	QoS     core.QoS // the effective one
	Dup     bool     // sent before, perhaps
}

// Append appends the PUBLISH to dst.
func (d Delivery) Append(dst []byte) []byte {
	m := d.Message
	dst = appendHeader(dst, first(TypePublish, publishFlags(d.QoS, d.Dup)), publishBody(len(m.Topic), len(m.Payload), d.QoS))
	dst = appendBinary(dst, m.Topic)
	if d.QoS > 0 {
		dst = binary.BigEndian.AppendUint16(dst, d.ID)
	}
	return append(dst, m.Payload...)
}

// Size is the number of bytes that Append adds.
func (d Delivery) Size() int {
	body := publishBody(len(d.Message.Topic), len(d.Message.Payload), d.QoS)
	return headerSize(body) + body
}

// Fits reports whether m can be sent as a PUBLISH at all: topic at most 65535
// bytes, body at most 268,435,455.
func Fits(m *core.Message) bool {
	return len(m.Topic) <= 1<<16-1 && publishBody(len(m.Topic), len(m.Payload), 1) <= maxRemaining
}

func publishFlags(q core.QoS, dup bool) byte {
	flags := byte(q) * flagQoS
	if dup {
		flags |= flagDup
	}
	return flags
}

// publishBody is the length of the body of a PUBLISH in bytes.
func publishBody(topic, payload int, q core.QoS) int {
	n := 2 + topic + payload
	if q > 0 {
		n += 2
	}
	return n
}

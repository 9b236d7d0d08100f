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

// Publish is a decoded PUBLISH. Its slices share memory with the body.
type Publish struct {
	Version Version
	Topic   []byte // checked as core.Topic.Check does; empty only with Alias
	Payload []byte
	ID      uint16 // 0 with QoS 0
	QoS     core.QoS
	Dup     bool
	Retain  bool

	Alias uint16 // stands for the topic or sets what it stands for; 0 is none
	// Expiry is the message expiry interval in seconds; it counts when
	// HasExpiry is set.
	Expiry    uint32
	HasExpiry bool
	// IDs are the subscription identifiers in a PUBLISH of a server, 1 to
	// 268,435,455 each; a client sends none [5.0 MQTT-3.3.4-6].
	IDs []uint32
	// Properties are those that go to subscribers as they came, checked and
	// encoded, without the length before them; nil is none. See Properties.
	// They are a part of the body unless others stood between them.
	Properties []byte
}

// Publish decodes a PUBLISH.
func (p Packet) Publish() (Publish, error) {
	c := p.cursor()
	m := Publish{
		Version: p.Version,
		QoS:     core.QoS(p.Flags / flagQoS & 3),
		Dup:     p.Flags&flagDup != 0,
		Retain:  p.Flags&flagRetain != 0,
	}
	switch {
	case m.QoS == 3:
		c.fail(Error{Offset: -1, Reason: "QoS is 3", Clause: "MQTT-3.3.1-4"})
	case m.QoS == 0 && m.Dup:
		c.fail(Error{Kind: ErrProtocol, Offset: -1, Reason: "DUP with QoS 0", Clause: "MQTT-3.3.1-2"})
	}
	m.Topic = c.topicOrNone("topic")
	if m.QoS > 0 {
		m.ID = c.id()
	}
	if c.version.five() {
		m.readProperties(&c)
	}
	if len(m.Topic) == 0 && m.Alias == 0 {
		c.noTopic("topic", 0) // [5.0 MQTT 3.3.2.1]
	}
	m.Payload = c.rest("payload")
	if c.err != nil {
		return Publish{}, c.err
	}
	return m, nil
}

// readProperties reads the properties of 5.0 [5.0 MQTT 3.3.2.3].
func (m *Publish) readProperties(c *cursor) {
	var kept run
	w := c.properties(TypePublish)
	for w.next() {
		switch w.id {
		case propTopicAlias:
			m.Alias = w.alias()
		case propMessageExpiry:
			m.Expiry, m.HasExpiry = w.uint32(), true
		case propSubscriptionID:
			m.IDs = append(m.IDs, w.deliveredBy())
		default:
			w.pass()
			kept.keep(&w)
		}
	}
	m.Properties = kept.bytes(c.body)
}

// alias reads a topic alias, 1 to 65535.
func (w *walk) alias() uint16 {
	n := w.uint16()
	if n == 0 && w.c.err == nil {
		w.c.fail(Error{Kind: ErrProtocol, Code: TopicAliasInvalid, Field: w.id.name(), Offset: w.at,
			Reason: "is 0", Clause: "MQTT-3.3.2-8"})
	}
	return n
}

// deliveredBy reads a subscription identifier of a message.
func (w *walk) deliveredBy() uint32 {
	if !w.c.fromServer {
		w.refuse(w.id, "is not for a client to send", "MQTT-3.3.4-6")
	}
	return w.subscriptionID()
}

// Append appends the packet to dst. Properties are left out in 3.1.1.
func (m Publish) Append(dst []byte) []byte {
	flags := publishFlags(m.QoS, m.Dup, m.Retain)
	body := appendBinary(nil, m.Topic)
	if m.QoS > 0 {
		body = binary.BigEndian.AppendUint16(body, m.ID)
	}
	if m.Version.five() {
		body = m.encoder().appendTo(body, m.Properties)
	}
	dst = appendHeader(dst, first(TypePublish, flags), len(body)+len(m.Payload))
	return append(append(dst, body...), m.Payload...)
}

func (m Publish) encoder() encoder {
	var e encoder
	for _, id := range m.IDs {
		e = appendVarint(append(e, byte(propSubscriptionID)), int(id))
	}
	if m.HasExpiry {
		e.uint32(propMessageExpiry, m.Expiry)
	}
	if m.Alias != 0 {
		e.uint16(propTopicAlias, m.Alias)
	}
	return e
}

func publishFlags(q core.QoS, dup, retain bool) byte {
	flags := byte(q) * flagQoS
	if dup {
		flags |= flagDup
	}
	if retain {
		flags |= flagRetain
	}
	return flags
}

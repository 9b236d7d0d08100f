package packet

import (
	"encoding/binary"

	"github.com/muster-mqtt/muster/core"
)

// Delivery is a message on its way to one client. The message is shared by all
// who get it; what differs between them is here.
type Delivery struct {
	Message *core.Message
	Version Version  // that of the client
	ID      uint16   // 0 with QoS 0
	QoS     core.QoS // the effective one
	Dup     bool     // sent before, perhaps
	Retain  bool     // the flag that it is sent with

	// What follows is left out in 3.1.1, as are the message's properties.

	IDs     []uint32 // subscription identifiers; those outside 1 to 268,435,455 are left out
	Alias   uint16   // a topic alias that the client takes; 0 is none
	NoTopic bool     // the alias stands for the topic, which is left out
	// Expiry is the time that the message has left, in seconds
	// [5.0 MQTT-3.3.2-6]; it counts when HasExpiry is set.
	Expiry    uint32
	HasExpiry bool
}

// Append appends the PUBLISH to dst. One that is too long to be a packet, see
// Fits, is left out.
func (d Delivery) Append(dst []byte) []byte {
	dst, fits := d.head(dst)
	if !fits {
		return dst
	}
	return append(dst, d.Message.Payload...)
}

// AppendHead appends all of the PUBLISH that comes before the payload, so that
// a long one can be written from where it is. false says that the packet would
// be too long; then nothing was appended.
func (d Delivery) AppendHead(dst []byte) ([]byte, bool) { return d.head(dst) }

// Size is the number of bytes of the packet, whether or not it Fits.
func (d Delivery) Size() int {
	body := d.bodySize(d.propertiesSize())
	return 1 + varintSize(body) + body
}

func (d *Delivery) head(dst []byte) ([]byte, bool) {
	props := d.propertiesSize()
	body := d.bodySize(props)
	if body > maxRemaining {
		return dst, false
	}
	dst = appendHeader(dst, first(TypePublish, publishFlags(d.QoS, d.Dup, d.Retain)), body)
	dst = appendBinary(dst, d.topic())
	if d.QoS > 0 {
		dst = binary.BigEndian.AppendUint16(dst, d.ID)
	}
	if d.Version.five() {
		dst = d.appendProperties(appendVarint(dst, props))
	}
	return dst, true
}

func (d *Delivery) appendProperties(dst []byte) []byte {
	for _, id := range d.IDs {
		if isSubscriptionID(id) {
			dst = appendVarint(append(dst, byte(propSubscriptionID)), int(id))
		}
	}
	if d.HasExpiry {
		dst = binary.BigEndian.AppendUint32(append(dst, byte(propMessageExpiry)), d.Expiry)
	}
	if d.Alias != 0 {
		dst = binary.BigEndian.AppendUint16(append(dst, byte(propTopicAlias)), d.Alias)
	}
	return append(dst, d.Message.Properties()...)
}

func (d *Delivery) topic() core.Topic {
	if d.NoTopic && d.Alias != 0 && d.Version.five() {
		return ""
	}
	return d.Message.Topic
}

func (d *Delivery) bodySize(props int) int {
	n := 2 + len(d.topic()) + len(d.Message.Payload)
	if d.QoS > 0 {
		n += 2
	}
	if d.Version.five() {
		n += varintSize(props) + props
	}
	return n
}

func (d *Delivery) propertiesSize() int {
	if !d.Version.five() {
		return 0
	}
	n := len(d.Message.Properties())
	for _, id := range d.IDs {
		if isSubscriptionID(id) {
			n += 1 + varintSize(int(id))
		}
	}
	if d.HasExpiry {
		n += 5
	}
	if d.Alias != 0 {
		n += 3
	}
	return n
}

// isSubscriptionID reports whether id is in its range [5.0 MQTT 3.8.2.1.2];
// one that is not, out of a broken file perhaps, would spoil the connection.
func isSubscriptionID(id uint32) bool { return id >= 1 && id <= maxRemaining }

// MaxPacket is the length of the longest packet, fixed header included, in
// bytes.
const MaxPacket = 1 + 4 + maxRemaining

// Fits reports whether m can be sent as a PUBLISH at all, with an expiry and
// an alias: topic at most 65535 bytes, body at most 268,435,455. Subscription
// identifiers come on top; see Delivery.Size and MaxPacket.
func Fits(m *core.Message) bool {
	d := Delivery{Message: m, Version: Version5, QoS: 1, HasExpiry: true, Alias: 1}
	return len(m.Topic) <= maxText && d.bodySize(d.propertiesSize()) <= maxRemaining
}

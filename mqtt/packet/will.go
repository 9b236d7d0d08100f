package packet

import "github.com/muster-mqtt/muster/core"

// Will is the message that a client leaves to be published when it is lost.
type Will struct {
	Topic   core.Topic
	Payload []byte
	QoS     core.QoS
	Retain  bool

	Delay uint32 // seconds from the end of the connection to publication
	// Expiry is the message expiry in seconds, from publication on; it counts
	// when HasExpiry is set.
	Expiry    uint32
	HasExpiry bool
	// Properties are those that go to subscribers, as in Publish; nil is none.
	Properties []byte
}

// will reads the properties, topic and payload of a will [MQTT-3.1.2-9].
func (c *cursor) will(flags byte) *Will {
	will := &Will{QoS: core.QoS(flags / flagWillQoS & 3), Retain: flags&flagWillRetain != 0}
	var kept run
	w := c.properties(typeWill)
	for w.next() {
		switch w.id {
		case propWillDelay:
			will.Delay = w.uint32()
		case propMessageExpiry:
			will.Expiry, will.HasExpiry = w.uint32(), true
		default:
			w.pass()
			kept.keep(&w)
		}
	}
	will.Properties = append([]byte(nil), kept.bytes(c.body)...)
	will.Topic = core.Topic(c.topic(fieldWillTopic))
	will.Payload = append([]byte{}, c.binary("will message")...)
	return will
}

func (w *Will) appendTo(body []byte, v Version) []byte {
	if v.five() {
		var e encoder
		e.someUint32(propWillDelay, w.Delay)
		if w.HasExpiry {
			e.uint32(propMessageExpiry, w.Expiry)
		}
		body = e.appendTo(body, w.Properties)
	}
	return appendBinary(appendBinary(body, w.Topic), w.Payload)
}

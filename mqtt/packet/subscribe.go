package packet

import (
	"encoding/binary"

	"github.com/muster-mqtt/muster/core"
)

// Subscription is one that a SUBSCRIBE asks for.
type Subscription struct {
	Filter core.Filter // as it was sent; see Share
	QoS    core.QoS    // the highest that its messages may have

	// What follows is left out in 3.1.1.

	// NoLocal keeps the client's own messages from it [5.0 MQTT-3.8.3-3].
	NoLocal bool
	// RetainAsPublished keeps the retain flag of forwarded messages
	// [5.0 MQTT-3.3.1-13].
	RetainAsPublished bool
	// RetainHandling says when retained messages are sent: 0 at every
	// subscribe, 1 when the subscription is new, 2 never [5.0 MQTT-3.3.1-9 to
	// 3.3.1-11].
	RetainHandling byte
}

// Subscribe asks for one or more subscriptions.
type Subscribe struct {
	Version Version
	ID      uint16
	// SubscriptionID is the subscription identifier of all of them, 1 to
	// 268,435,455; 0 is none.
	SubscriptionID uint32
	UserProperties []byte // encoded, see Properties
	Subscriptions  []Subscription
}

// The subscription options [5.0 MQTT 3.8.3.1]; in 3.1.1 all but the QoS are
// reserved.
const (
	optionQoS      = 0x03
	optionNoLocal  = 0x04
	optionRetain   = 0x08
	optionHandling = 0x30
	optionReserved = 0xC0
)

// Subscribe decodes a SUBSCRIBE. The result shares no memory with the body.
func (p Packet) Subscribe() (Subscribe, error) {
	c := p.cursor()
	req := Subscribe{Version: p.Version, ID: c.id()}
	var user run
	w := c.properties(TypeSubscribe)
	for w.next() {
		if w.id == propSubscriptionID {
			req.SubscriptionID = w.subscriptionID()
			continue
		}
		w.pass()
		user.keep(&w)
	}
	for c.more() {
		req.Subscriptions = append(req.Subscriptions, c.subscription())
	}
	c.needOne(len(req.Subscriptions), c.version.either("MQTT-3.8.3-3", "MQTT-3.8.3-2"))
	if err := c.done(); err != nil {
		return Subscribe{}, err
	}
	req.UserProperties = append([]byte(nil), user.bytes(c.body)...)
	return req, nil
}

func (c *cursor) subscription() Subscription {
	f, shared := c.filter()
	s := Subscription{Filter: f}
	at := c.at
	options := c.byte("subscription options")
	s.QoS = core.QoS(options & optionQoS)
	s.NoLocal = options&optionNoLocal != 0
	s.RetainAsPublished = options&optionRetain != 0
	s.RetainHandling = options & optionHandling >> 4
	c.checkOptions(options, at, shared)
	return s
}

func (c *cursor) checkOptions(options byte, at int, shared bool) {
	bad := func(kind error, reason, clause string) {
		c.fail(Error{Kind: kind, Field: "subscription options", Offset: at, Reason: reason, Clause: clause})
	}
	switch {
	case !c.version.five():
		if options > 2 {
			bad(ErrMalformed, "are not QoS 0, 1 or 2", "MQTT-3.8.3-4")
		}
	case options&optionReserved != 0:
		bad(ErrMalformed, "a reserved bit is set", "MQTT-3.8.3-5")
	case options&optionQoS == optionQoS:
		bad(ErrProtocol, "QoS is 3", "MQTT 3.8.3.1")
	case options&optionHandling == optionHandling:
		bad(ErrProtocol, "retain handling is 3", "MQTT 3.8.3.1")
	case shared && options&optionNoLocal != 0:
		bad(ErrProtocol, "no local on a shared subscription", "MQTT-3.8.3-4")
	}
}

// Append appends the packet to dst. Options and properties of 5.0 are left out
// in 3.1.1.
func (req Subscribe) Append(dst []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, req.ID)
	if req.Version.five() {
		var e encoder
		if req.SubscriptionID != 0 {
			e = appendVarint(append(e, byte(propSubscriptionID)), int(req.SubscriptionID))
		}
		body = e.appendTo(body, req.UserProperties)
	}
	for _, s := range req.Subscriptions {
		body = append(appendBinary(body, s.Filter), s.options(req.Version))
	}
	return appendPacket(dst, TypeSubscribe, body)
}

func (s Subscription) options(v Version) byte {
	options := byte(s.QoS)
	if !v.five() {
		return options
	}
	if s.NoLocal {
		options |= optionNoLocal
	}
	if s.RetainAsPublished {
		options |= optionRetain
	}
	return options | s.RetainHandling<<4
}

package packet

import (
	"encoding/binary"

	"github.com/muster-mqtt/muster/core"
)

// Subscription is a filter with the highest QoS that its messages may have:
// asked for in a SUBSCRIBE, granted in a session.
type Subscription struct {
	Filter core.Filter
	QoS    core.QoS
}

// Subscribe asks for one or more subscriptions.
type Subscribe struct {
	ID            uint16
	Subscriptions []Subscription
}

// Unsubscribe takes back one or more subscriptions.
type Unsubscribe struct {
	ID      uint16
	Filters []core.Filter
}

// Subscribe decodes a SUBSCRIBE. The result shares no memory with the body.
func (p Packet) Subscribe() (Subscribe, error) {
	c := p.cursor()
	req := Subscribe{ID: c.id()}
	for c.more() {
		s := Subscription{Filter: c.filter()}
		at := c.at
		s.QoS = core.QoS(c.byte("requested QoS"))
		if s.QoS > 2 {
			c.fail(Error{Field: "requested QoS", Offset: at, Reason: "is not 0, 1 or 2", Clause: "MQTT-3.8.3-4"})
		}
		req.Subscriptions = append(req.Subscriptions, s)
	}
	c.needOne(len(req.Subscriptions), "MQTT-3.8.3-3")
	if err := c.done(); err != nil {
		return Subscribe{}, err
	}
	return req, nil
}

// Unsubscribe decodes an UNSUBSCRIBE. The result shares no memory with the
// body.
func (p Packet) Unsubscribe() (Unsubscribe, error) {
	c := p.cursor()
	req := Unsubscribe{ID: c.id()}
	for c.more() {
		req.Filters = append(req.Filters, c.filter())
	}
	c.needOne(len(req.Filters), "MQTT-3.10.3-2")
	if err := c.done(); err != nil {
		return Unsubscribe{}, err
	}
	return req, nil
}

func (c *cursor) filter() core.Filter {
	at := c.at
	f := core.Filter(c.text("filter"))
	if c.err != nil {
		return ""
	}
	if err := f.Check(); err != nil {
		c.fail(Error{Kind: ErrProtocol, Field: "filter", Offset: at, Reason: err.Error(), Clause: "MQTT-4.7.1"})
	}
	return f
}

func (c *cursor) needOne(n int, clause string) {
	if n == 0 {
		c.fail(Error{Kind: ErrProtocol, Field: "filter", Offset: c.at, Reason: "there is none", Clause: clause})
	}
}

// Append appends the packet to dst.
func (req Subscribe) Append(dst []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, req.ID)
	for _, s := range req.Subscriptions {
		body = append(appendBinary(body, s.Filter), byte(s.QoS))
	}
	return append(appendHeader(dst, first(TypeSubscribe, TypeSubscribe.flags()), len(body)), body...)
}

// Append appends the packet to dst.
func (req Unsubscribe) Append(dst []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, req.ID)
	for _, f := range req.Filters {
		body = appendBinary(body, f)
	}
	return append(appendHeader(dst, first(TypeUnsubscribe, TypeUnsubscribe.flags()), len(body)), body...)
}

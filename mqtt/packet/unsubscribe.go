package packet

import (
	"encoding/binary"

	"github.com/muster-mqtt/muster/core"
)

// Unsubscribe takes back one or more subscriptions.
type Unsubscribe struct {
	Version        Version
	ID             uint16
	UserProperties []byte        // encoded, see Properties; left out in 3.1.1
	Filters        []core.Filter // as they were sent; see Share
}

// Unsubscribe decodes an UNSUBSCRIBE. The result shares no memory with the
// body.
func (p Packet) Unsubscribe() (Unsubscribe, error) {
	c := p.cursor()
	req := Unsubscribe{Version: p.Version, ID: c.id()}
	_, user := c.explanation()
	for c.more() {
		f, _ := c.filter()
		req.Filters = append(req.Filters, f)
	}
	c.needOne(len(req.Filters), "MQTT-3.10.3-2")
	if err := c.done(); err != nil {
		return Unsubscribe{}, err
	}
	req.UserProperties = append([]byte(nil), user...)
	return req, nil
}

// filter reads a filter, and tells whether it is that of a shared subscription
// [MQTT-3.8.3-1, MQTT-3.10.3-1].
func (c *cursor) filter() (f core.Filter, shared bool) {
	at := c.at
	f = core.Filter(c.text("filter"))
	if c.err != nil {
		return "", false
	}
	shared = c.version.five() && isShared(f)
	clause, err := "MQTT 4.7.1", f.Check()
	switch {
	case f == "":
		clause = "MQTT-4.7.3-1"
	case shared && err == nil:
		clause, err = checkShare(f)
	}
	if err != nil {
		c.fail(Error{Kind: ErrProtocol, Code: TopicFilterInvalid, Field: "filter", Offset: at, Reason: err.Error(), Clause: clause})
	}
	return f, shared
}

func (c *cursor) needOne(n int, clause string) {
	if n == 0 {
		c.fail(Error{Kind: ErrProtocol, Field: "filter", Offset: c.at, Reason: "there is none", Clause: clause})
	}
}

// Append appends the packet to dst.
func (req Unsubscribe) Append(dst []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, req.ID)
	if req.Version.five() {
		body = encoder(nil).appendTo(body, req.UserProperties)
	}
	for _, f := range req.Filters {
		body = appendBinary(body, f)
	}
	return appendPacket(dst, TypeUnsubscribe, body)
}

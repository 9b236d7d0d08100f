package session

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// messageVersion is the first byte of an encoded message.
const messageVersion = 1

// The flags of an encoded message; the low two bits are its QoS.
const (
	messageRetain     = 1 << 2
	messageProperties = 1 << 3
	messageExpires    = 1 << 4
	messageStamp      = 1 << 5
	messageFrom       = 1 << 6
)

// maxMillis is the latest time that a time.Time gives in nanoseconds, in
// milliseconds since 1970: in the year 2262.
const maxMillis = math.MaxInt64 / int64(time.Millisecond)

// AppendMessage appends the encoding of a message to dst. When it expires is
// encoded in milliseconds of the wall clock since 1970, of which now carries
// the reading.
func AppendMessage(dst []byte, m *core.Message, now time.Time) []byte {
	var e core.Extra
	if m.Extra != nil {
		e = *m.Extra
	}
	flags := messageFlags(m, e)
	dst = append(dst, messageVersion, flags)
	dst = appendText(dst, m.Topic)
	dst = appendText(dst, m.Payload)
	dst = appendText(dst, m.Publisher)
	if flags&messageProperties != 0 {
		dst = appendText(dst, e.Properties)
	}
	if flags&messageExpires != 0 {
		dst = binary.AppendUvarint(dst, wallMillis(e.Expires, now))
	}
	if flags&messageStamp != 0 {
		dst = append(binary.AppendUvarint(dst, uint64(e.Stamp)), e.Node[:]...)
	}
	if flags&messageFrom != 0 {
		dst = append(dst, e.From.Node[:]...)
		dst = binary.AppendUvarint(dst, uint64(e.From.Incarnation))
		dst = binary.AppendUvarint(append(dst, e.From.Lane), e.From.Seq)
	}
	return dst
}

func messageFlags(m *core.Message, e core.Extra) byte {
	return byte(m.QoS&3) | bit(m.Retain, messageRetain) |
		bit(len(e.Properties) > 0, messageProperties) |
		bit(!e.Expires.IsZero(), messageExpires) |
		bit(e.Stamp != 0 || !e.Node.IsZero(), messageStamp) |
		bit(e.From != core.LaneSeq{}, messageFrom)
}

// wallMillis is the wall clock time of t, rounded up unless it has passed. t is
// compared with now first, because what is between them does not depend on the
// wall clock.
func wallMillis(t, now time.Time) uint64 {
	wall := now.Round(0).Add(t.Sub(now))
	if t.After(now) {
		wall = wall.Add(time.Millisecond - 1)
	}
	return uint64(min(max(wall.UnixMilli(), 0), maxMillis))
}

// DecodeMessage decodes what AppendMessage has encoded. A message that has
// expired meanwhile has so at now. It shares no memory with data. The error
// wraps ErrEncoding and names the place.
func DecodeMessage(data []byte, now time.Time) (*core.Message, error) {
	d := &decoder{data: data}
	if v := d.byte("version"); v != messageVersion {
		d.fail(0, "version", fmt.Sprintf("is %d, not %d", v, messageVersion))
	}
	flags := d.flags(flagQoS|messageRetain|messageProperties|messageExpires|messageStamp|messageFrom, "flags")
	m := &core.Message{QoS: d.qos(flags), Retain: flags&messageRetain != 0, Topic: d.topic()}
	payload := d.text("payload")
	m.Publisher = string(d.text("publisher"))
	var properties []byte
	if flags >= messageProperties {
		m.Extra = new(core.Extra)
		properties = d.extra(m.Extra, flags, now)
	}
	if err := d.done(); err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	// One piece of memory for both, and none of the input.
	buf := append(append(make([]byte, 0, len(payload)+len(properties)), payload...), properties...)
	m.Payload = buf[:len(payload):len(payload)]
	if len(properties) > 0 {
		m.Extra.Properties = buf[len(payload):]
	}
	return m, nil
}

func (d *decoder) topic() core.Topic {
	at := d.at
	t := core.Topic(d.text("topic"))
	if err := t.Check(); d.err == nil && err != nil {
		d.fail(at, "topic", err.Error())
	}
	return t
}

// extra reads what the flags announce into e, but for the properties, which it
// returns.
func (d *decoder) extra(e *core.Extra, flags byte, now time.Time) (properties []byte) {
	if flags&messageProperties != 0 {
		at := d.at
		if properties = d.text("properties"); len(properties) == 0 {
			d.fail(at, "properties", "announced, but there are none")
		}
	}
	if flags&messageExpires != 0 {
		wall := time.UnixMilli(int64(d.uint(uint64(maxMillis), "expiry")))
		e.Expires = now.Add(max(wall.Sub(now), 0))
	}
	if flags&messageStamp != 0 {
		at := d.at
		e.Stamp = core.Stamp(d.uint(math.MaxUint64, "stamp"))
		copy(e.Node[:], d.take(len(e.Node), "stamping node"))
		if e.Stamp == 0 && e.Node.IsZero() {
			d.fail(at, "stamp", "announced, but it is zero")
		}
	}
	if flags&messageFrom != 0 {
		at := d.at
		e.From = d.laneSeq()
		if (e.From == core.LaneSeq{}) {
			d.fail(at, "lane", "announced, but it is zero")
		}
	}
	return properties
}

func (d *decoder) laneSeq() core.LaneSeq {
	var l core.LaneSeq
	copy(l.Node[:], d.take(len(l.Node), "node of the lane"))
	l.Incarnation = core.Incarnation(d.uint(math.MaxUint64, "incarnation"))
	l.Lane = d.byte("lane")
	l.Seq = d.uint(math.MaxUint64, "sequence")
	return l
}

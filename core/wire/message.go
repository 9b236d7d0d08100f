package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// The bits of the flags byte of a message.
const (
	flagQoS       = 3 // two bits
	flagRetain    = 1 << 2
	flagPublisher = 1 << 3 // the publisher's client ID follows the topic
	flagExtension = 1 << 4 // a block of fields that few messages have
	flagReference = 1 << 5 // what follows is the number of a message that came in parts
	flagsKnown    = flagQoS | flagRetain | flagPublisher | flagExtension
)

// The bits of the flags byte of an extension; its fields follow in this order.
const (
	hasProperties = 1 << iota
	hasExpiry
	hasStamp
	extensionKnown = hasProperties | hasExpiry | hasStamp
)

const (
	// minMessage is the least that a message takes: its length, its flags, the
	// length of its topic and one byte of that.
	minMessage = 4
	// maxTopic is the longest topic [MQTT-4.7.3-3].
	maxTopic = 65535
	// maxClock bounds the clock of a sender and what is reckoned by it, in
	// milliseconds: far from overflow as a time.Duration.
	maxClock = 1 << 42
)

// MessageView is a message inside a lane frame; its bytes are the frame's.
type MessageView struct {
	Topic   []byte // 1 to 65,535 bytes
	Payload []byte
	QoS     core.QoS
	Retain  bool
	// Publisher is its client ID; empty when the sender saw no need for it.
	Publisher  []byte
	Properties []byte // encoded as in core.Extra; nil for none
	// Expires is when it expires, in milliseconds of the clock that the frame
	// shows: so a message that had to wait for the frame has aged. 0 is never.
	Expires uint64
	Stamp   core.Stamp // 0 for none
	Node    core.UID   // that made the stamp
	// Reference says that the message has come in parts under the number Long;
	// it has nothing else but a QoS. It is the only one of its frame.
	Reference bool
	Long      uint64
}

// MessageOptions say what a message is to carry.
type MessageOptions struct {
	// Began is when the sender's clock was zero; for messages that expire.
	Began time.Time
	// Publisher says that the publisher's client ID is wanted.
	Publisher bool
}

// Clock returns what the clock shows at a time: milliseconds from 1 on.
func (o MessageOptions) Clock(at time.Time) uint64 {
	return uint64(min(max(at.Sub(o.Began).Milliseconds(), 0), maxClock-1)) + 1
}

// AppendMessage appends the encoding of m, its length first. One longer than
// MaxBody does not fit a frame: the caller looks. A message without Extra and
// publisher allocates nothing.
func AppendMessage(dst []byte, m *core.Message, o MessageOptions) []byte {
	n := 1 + uvarintLen(uint64(len(m.Topic))) + len(m.Topic) + len(m.Payload)
	flags := byte(m.QoS)&flagQoS | bit(m.Retain, 2)
	named := o.Publisher && m.Publisher != ""
	if named {
		flags |= flagPublisher
		n += uvarintLen(uint64(len(m.Publisher))) + len(m.Publisher)
	}
	var x extension
	if m.Extra != nil {
		x = extensionOf(m.Extra, o)
	}
	if x.flags != 0 {
		flags |= flagExtension
		n += uvarintLen(uint64(x.size)) + x.size
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = putBytes(append(dst, flags), m.Topic)
	if named {
		dst = putBytes(dst, m.Publisher)
	}
	if x.flags != 0 {
		dst = x.append(dst, m.Extra)
	}
	return append(dst, m.Payload...)
}

// extension is the block of an Extra, but for what only the sender knows.
type extension struct {
	flags   byte
	size    int
	expires uint64
}

func extensionOf(e *core.Extra, o MessageOptions) (x extension) {
	x.size = 1
	if len(e.Properties) > 0 {
		x.flags |= hasProperties
		x.size += uvarintLen(uint64(len(e.Properties))) + len(e.Properties)
	}
	if !e.Expires.IsZero() {
		x.flags |= hasExpiry
		x.expires = o.Clock(e.Expires)
		x.size += uvarintLen(x.expires)
	}
	if e.Stamp != 0 {
		x.flags |= hasStamp
		x.size += uvarintLen(uint64(e.Stamp)) + len(e.Node)
	}
	return x
}

func (x extension) append(dst []byte, e *core.Extra) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(x.size)), x.flags)
	if x.flags&hasProperties != 0 {
		dst = putBytes(dst, e.Properties)
	}
	if x.flags&hasExpiry != 0 {
		dst = putUvarint(dst, x.expires)
	}
	if x.flags&hasStamp != 0 {
		dst = putUID(putUvarint(dst, e.Stamp), e.Node)
	}
	return dst
}

func uvarintLen(n uint64) int { return (bits.Len64(n|1) + 6) / 7 }

// NextMessage returns the first message of a body and what follows it. The
// view is part of body; nothing is allocated. Errors wrap ErrMalformed.
func NextMessage(body []byte) (m MessageView, rest []byte, err error) {
	b, rest, ok := cutBytes(body)
	if !ok || len(b) < minMessage-1 {
		return m, nil, badMessage("too short", body)
	}
	flags := b[0]
	if flags&^flagQoS == flagReference && flags&flagQoS != 3 && len(b) == referenceBytes {
		return MessageView{Reference: true, QoS: core.QoS(flags & flagQoS), Long: binary.LittleEndian.Uint64(b[1:])}, rest, nil
	}
	if flags&^flagsKnown != 0 || flags&flagQoS == 3 {
		return m, nil, badMessage("unknown flags", body)
	}
	m.QoS, m.Retain = core.QoS(flags&flagQoS), flags&flagRetain != 0
	if m.Topic, b, ok = cutBytes(b[1:]); !ok || len(m.Topic) == 0 || len(m.Topic) > maxTopic {
		return MessageView{}, nil, badMessage("bad topic", body)
	}
	if flags&flagPublisher != 0 {
		if m.Publisher, b, ok = cutBytes(b); !ok || len(m.Publisher) == 0 || len(m.Publisher) > maxID {
			return MessageView{}, nil, badMessage("bad publisher", body)
		}
	}
	if flags&flagExtension != 0 {
		var block []byte
		if block, b, ok = cutBytes(b); !ok || !m.extend(block) {
			return MessageView{}, nil, badMessage("bad extension", body)
		}
	}
	m.Payload = b
	return m, rest, nil
}

// extend reads an extension; false if it is not one to the last byte.
func (m *MessageView) extend(b []byte) (ok bool) {
	if len(b) == 0 || b[0] == 0 || b[0]&^extensionKnown != 0 {
		return false
	}
	flags, b := b[0], b[1:]
	if flags&hasProperties != 0 {
		if m.Properties, b, ok = cutBytes(b); !ok || len(m.Properties) == 0 {
			return false
		}
	}
	if flags&hasExpiry != 0 {
		if m.Expires, b, ok = cutUvarint(b); !ok || m.Expires == 0 || m.Expires > maxClock {
			return false
		}
	}
	if flags&hasStamp != 0 {
		stamp, rest, ok := cutUvarint(b)
		if !ok || stamp == 0 || stamp > uint64(core.MaxStamp) || len(rest) < len(m.Node) {
			return false
		}
		m.Stamp, m.Node = core.Stamp(stamp), core.UID(rest[:len(m.Node)])
		b = rest[len(m.Node):]
	}
	return len(b) == 0
}

// cutUvarint splits b after a number in its shortest form.
func cutUvarint(b []byte) (v uint64, rest []byte, ok bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n != uvarintLen(v) {
		return 0, nil, false
	}
	return v, b[n:], true
}

// cutBytes splits b after a length and that many bytes.
func cutBytes(b []byte) (head, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	end := k + int(n)
	return b[k:end:end], b[end:], true
}

// badMessage names the place from the end, the only one known here.
func badMessage(reason string, body []byte) error {
	return fmt.Errorf("message %d bytes before the end of its frame: %s: %w", len(body), reason, ErrMalformed)
}

package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/muster-mqtt/muster/core"
)

// The bits of the flags byte of a message. The two blocks are reserved: this
// version writes none and skips them when reading.
const (
	flagQoS       = 3 // two bits
	flagRetain    = 1 << 2
	flagPublisher = 1 << 3 // the publisher's client ID follows the topic
	flagExtension = 1 << 4 // a block of later fields follows
	flagsKnown    = flagQoS | flagRetain | flagPublisher | flagExtension
)

const (
	// minMessage is the least that a message takes: its length, its flags, the
	// length of its topic and one byte of that.
	minMessage = 4
	// maxTopic is the longest topic [MQTT-4.7.3-3].
	maxTopic = 65535
)

// MessageView is a message inside a lane frame; its bytes are the frame's.
type MessageView struct {
	Topic   []byte // 1 to 65,535 bytes
	Payload []byte
	QoS     core.QoS
	Retain  bool
}

// AppendMessage appends the encoding of m, its length first. The publisher is
// not sent. One longer than MaxBody does not fit a frame: the caller looks.
func AppendMessage(dst []byte, m *core.Message) []byte {
	n := 1 + uvarintLen(len(m.Topic)) + len(m.Topic) + len(m.Payload)
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = append(dst, byte(m.QoS)&flagQoS|bit(m.Retain, 2))
	dst = putBytes(dst, m.Topic)
	return append(dst, m.Payload...)
}

func uvarintLen(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// NextMessage returns the first message of a body and what follows it. The
// view is part of body; nothing is allocated. Errors wrap ErrMalformed.
func NextMessage(body []byte) (m MessageView, rest []byte, err error) {
	b, rest, ok := cutBytes(body)
	if !ok || len(b) < minMessage-1 {
		return m, nil, badMessage("too short", body)
	}
	flags := b[0]
	if flags&^flagsKnown != 0 || flags&flagQoS == 3 {
		return m, nil, badMessage("unknown flags", body)
	}
	m.QoS, m.Retain = core.QoS(flags&flagQoS), flags&flagRetain != 0
	if m.Topic, b, ok = cutBytes(b[1:]); !ok || len(m.Topic) == 0 || len(m.Topic) > maxTopic {
		return MessageView{}, nil, badMessage("bad topic", body)
	}
	for _, block := range [...]byte{flagPublisher, flagExtension} {
		if flags&block == 0 {
			continue
		}
		if _, b, ok = cutBytes(b); !ok {
			return MessageView{}, nil, badMessage("bad block", body)
		}
	}
	m.Payload = b
	return m, rest, nil
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

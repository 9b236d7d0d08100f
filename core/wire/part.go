package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport"
)

const (
	// MaxWhole is the longest encoded message that goes in one frame: a quarter
	// of one, so that others are not held up. A longer one goes in parts.
	MaxWhole = transport.MaxFrame / 4
	// MaxMessage is the longest encoded message: what the longest PUBLISH has
	// (MQTT 2.1.4), and what is added to it here.
	MaxMessage = 256<<20 + 256<<10

	// partBytes is the length of a part frame without its bytes.
	partBytes = 1 + 1 + 8 + 8 + 8 + 4 + 4
	// referenceBytes is the length of a reference behind its own length.
	referenceBytes = 1 + 8
)

// PartHeader is what a part frame says beside the piece of a message.
type PartHeader struct {
	Lane            uint8
	Incarnation     core.Incarnation // of the sender
	PeerIncarnation core.Incarnation // of the receiver, as the sender knows it
	ID              uint64           // of the message, on this lane
	Offset, Total   uint32           // in bytes; Total is 1 to MaxMessage
}

// AppendReference appends the message of a lane frame that says: here is the
// place of the message that has come in parts under id.
func AppendReference(dst []byte, id uint64, qos core.QoS) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, referenceBytes, flagReference|byte(qos)&flagQoS), id)
}

// AppendPart appends a part frame.
func AppendPart(dst []byte, h PartHeader, body []byte) []byte {
	le := binary.LittleEndian
	dst = append(dst, typePart, h.Lane)
	dst = le.AppendUint64(dst, uint64(h.Incarnation))
	dst = le.AppendUint64(dst, uint64(h.PeerIncarnation))
	dst = le.AppendUint64(dst, h.ID)
	dst = le.AppendUint32(dst, h.Offset)
	dst = le.AppendUint32(dst, h.Total)
	return append(dst, body...)
}

// IsPart reports whether a frame is for DecodePart rather than Decode.
func IsPart(b []byte) bool { return len(b) > 0 && b[0] == typePart }

// DecodePart returns the header of a part frame and the piece of a message,
// which is part of b, not empty, and within the total. Errors wrap
// ErrMalformed.
func DecodePart(b []byte) (h PartHeader, body []byte, err error) {
	if len(b) <= partBytes || b[0] != typePart {
		return h, nil, fmt.Errorf("part frame of %d bytes: %w", len(b), ErrMalformed)
	}
	le := binary.LittleEndian
	h = PartHeader{
		Lane:        b[1],
		Incarnation: core.Incarnation(le.Uint64(b[2:])), PeerIncarnation: core.Incarnation(le.Uint64(b[10:])),
		ID: le.Uint64(b[18:]), Offset: le.Uint32(b[26:]), Total: le.Uint32(b[30:]),
	}
	body = b[partBytes:len(b):len(b)]
	if h.Incarnation == 0 || h.Total > MaxMessage || uint64(h.Offset)+uint64(len(body)) > uint64(h.Total) {
		return PartHeader{}, nil, fmt.Errorf("part frame with %d bytes at %d of %d: %w", len(body), h.Offset, h.Total, ErrMalformed)
	}
	return h, body, nil
}

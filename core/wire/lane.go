package wire

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport"
)

// laneBytes is the length of a lane frame without its messages.
const laneBytes = 1 + 1 + 1 + 8 + 8 + 8 + 4 + 8 + 8 + 4

// MaxBody is the most, in bytes, that the messages of one lane frame may take,
// and so the longest encoded message: what is left of transport.MaxFrame.
const MaxBody = transport.MaxFrame - laneBytes - clockBytes - SealBytes

// LaneHeader is what a lane frame says beside its messages.
type LaneHeader struct {
	Lane            uint8
	Incarnation     core.Incarnation // of the sender
	PeerIncarnation core.Incarnation // of the receiver, as the sender knows it
	First           uint64           // sequence of the first message, from 1
	Count           uint32           // messages; they follow each other
	RouteVersion    uint64           // last route change of the publishers; 0 none
	Ack             uint64           // accepted in the other direction; 0 not said
	Credit          uint32           // bytes granted; 0 not said
	// Clock is what the sender's clock shows, in milliseconds; 0 not said:
	// then no message of the frame may expire.
	Clock uint64
}

// flagClock says that the clock follows the header.
const flagClock = 1

// clockBytes is the length of the clock.
const clockBytes = 8

// AppendLane appends a lane frame with the given messages.
func AppendLane(dst []byte, h LaneHeader, body []byte) []byte {
	le := binary.LittleEndian
	dst = append(dst, typeLane, bit(h.Clock != 0, 0), h.Lane)
	dst = le.AppendUint64(dst, uint64(h.Incarnation))
	dst = le.AppendUint64(dst, uint64(h.PeerIncarnation))
	dst = le.AppendUint64(dst, h.First)
	dst = le.AppendUint32(dst, h.Count)
	dst = le.AppendUint64(dst, h.RouteVersion)
	dst = le.AppendUint64(dst, h.Ack)
	dst = le.AppendUint32(dst, h.Credit)
	if h.Clock != 0 {
		dst = le.AppendUint64(dst, h.Clock)
	}
	return append(dst, body...)
}

// IsLane reports whether a frame is for DecodeLane rather than Decode.
func IsLane(b []byte) bool { return len(b) > 0 && b[0] == typeLane }

// DecodeLane returns the header and the messages of a lane frame; body is part
// of b. It makes sure that Count messages can be in body and that their
// sequences exist; that they are there is seen by calling NextMessage Count
// times and finding the rest empty. Errors wrap ErrMalformed.
func DecodeLane(b []byte) (h LaneHeader, body []byte, err error) {
	if len(b) < laneBytes || b[0] != typeLane {
		return h, nil, fmt.Errorf("lane frame of %d bytes: %w", len(b), ErrMalformed)
	}
	if b[1]&^flagClock != 0 {
		return h, nil, fmt.Errorf("lane frame with unknown flags %#x: %w", b[1], ErrMalformed)
	}
	le := binary.LittleEndian
	h = LaneHeader{
		Lane:        b[2],
		Incarnation: core.Incarnation(le.Uint64(b[3:])), PeerIncarnation: core.Incarnation(le.Uint64(b[11:])),
		First: le.Uint64(b[19:]), Count: le.Uint32(b[27:]), RouteVersion: le.Uint64(b[31:]),
		Ack: le.Uint64(b[39:]), Credit: le.Uint32(b[47:]),
	}
	body = b[laneBytes:len(b):len(b)]
	if b[1]&flagClock != 0 {
		if len(body) < clockBytes {
			return LaneHeader{}, nil, fmt.Errorf("lane frame of %d bytes with a clock: %w", len(b), ErrMalformed)
		}
		if h.Clock = le.Uint64(body); h.Clock == 0 || h.Clock > maxClock {
			return LaneHeader{}, nil, fmt.Errorf("lane frame with clock %d: %w", h.Clock, ErrMalformed)
		}
		body = body[clockBytes:]
	}
	if err := h.check(len(body)); err != nil {
		return LaneHeader{}, nil, err
	}
	return h, body, nil
}

func (h LaneHeader) check(body int) error {
	switch {
	case h.Incarnation == 0:
		return fmt.Errorf("lane frame without an incarnation: %w", ErrMalformed)
	case uint64(h.Count)*minMessage > uint64(body) || h.Count == 0 && body > 0:
		return fmt.Errorf("lane frame of %d messages in %d bytes: %w", h.Count, body, ErrMalformed)
	case h.Count > 0 && (h.First == 0 || h.First > math.MaxUint64-uint64(h.Count)):
		return fmt.Errorf("lane frame from sequence %d: %w", h.First, ErrMalformed)
	}
	return nil
}

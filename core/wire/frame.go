package wire

import (
	"fmt"

	"github.com/muster-mqtt/muster/core/replica"
)

// The types of frames. A number is never used again; a new one is appended
// with its date. docs/wire.md lists the same ones.
const (
	typeHello    = 1  // 2026-11
	typeProof    = 2  // 2026-11
	typeRefuse   = 3  // 2026-11
	typeWelcome  = 4  // 2026-11
	typeProbe    = 5  // 2026-11
	typeEcho     = 6  // 2026-11
	typeDelta    = 7  // 2026-11
	typeAck      = 8  // 2026-11
	typePull     = 9  // 2026-11
	typeSnapshot = 10 // 2026-11
	typeBye      = 11 // 2026-11
	typeEntries  = 12 // 2026-11
	typeMoved    = 13 // 2026-11
	typeClaims   = 14 // 2026-11
	typeLane     = 15 // 2026-11
	typeLaneAck  = 16 // 2026-11
	typeLaneNak  = 17 // 2026-11
	typeRetained = 18 // 2026-11
	typeItems    = 19 // 2026-11
	typeGrant    = 20 // 2026-11, protocol 2
	typePart     = 21 // 2026-11, protocol 2
)

// optional is the bit of the type byte that lets a receiver which does not
// know the type ignore the frame.
const optional = 0x80

// Frame is one of the values that Append writes and Decode returns: Refuse,
// Welcome, Probe, Echo, replica.Delta, replica.Ack, replica.Pull,
// replica.Snapshot, Bye, Entries, Moved, Claims, LaneAck, LaneNak, LaneGrant,
// Retained, RetainedItems, and from Decode also Unknown. It is an interface without methods because four of
// them belong to core/replica.
type Frame any

// Unknown is a frame of a type that this build does not know and that its
// sender allows to be ignored.
type Unknown struct{ Type uint8 }

// codec decodes the body of one type of frame.
type codec struct {
	name   string
	decode func(*reader) Frame // nil: not a frame for Decode
}

// codecs returns the codec of a type, without its optional bit.
func codecs(kind byte) (codec, bool) {
	list := [...]codec{
		typeHello:    {name: "hello"},
		typeProof:    {name: "proof"},
		typeRefuse:   {"refuse", decodeRefuse},
		typeWelcome:  {"welcome", decodeWelcome},
		typeProbe:    {"probe", decodeProbe},
		typeEcho:     {"echo", decodeEcho},
		typeDelta:    {"delta", decodeDelta},
		typeAck:      {"ack", decodeAck},
		typePull:     {"pull", decodePull},
		typeSnapshot: {"snapshot", decodeSnapshot},
		typeBye:      {"bye", decodeBye},
		typeEntries:  {"entries", decodeEntries},
		typeMoved:    {"moved", decodeMoved},
		typeClaims:   {"claims", decodeClaims},
		typeLane:     {name: "lane"},
		typeLaneAck:  {"lane ack", decodeLaneAck},
		typeLaneNak:  {"lane nak", decodeLaneNak},
		typeRetained: {"retained", decodeRetained},
		typeItems:    {"retained items", decodeItems},
		typeGrant:    {"lane grant", decodeLaneGrant},
		typePart:     {name: "part"},
	}
	if int(kind) >= len(list) || list[kind].name == "" {
		return codec{}, false
	}
	return list[kind], true
}

// Append appends the encoding of f to dst. A value that is no Frame appends
// nothing. It does not bound the frame: the lists that go in are the
// caller's, below transport.MaxFrame together with SealBytes.
func Append(dst []byte, f Frame) []byte {
	switch f := f.(type) {
	case Refuse:
		return appendRefuse(append(dst, typeRefuse), f)
	case Welcome:
		return appendWelcome(append(dst, typeWelcome), f)
	case Probe:
		return putUvarint(putUvarint(append(dst, typeProbe), f.ID), f.ViewHash)
	case Echo:
		return putUvarint(putUvarint(append(dst, typeEcho), f.ID), f.ViewHash)
	case replica.Delta:
		return appendDelta(append(dst, typeDelta), f)
	case replica.Ack:
		return appendAck(append(dst, typeAck), f)
	case replica.Pull:
		return putUvarint(putUvarint(append(dst, typePull), f.Incarnation), f.Have)
	case replica.Snapshot:
		return appendSnapshot(append(dst, typeSnapshot), f)
	case Bye:
		return append(putUvarint(append(dst, typeBye), f.Incarnation), byte(f.Kind))
	case Entries:
		return appendEntries(append(dst, typeEntries), f)
	case Moved:
		return putUIDs(putCluster(append(dst, typeMoved), f.Cluster), f.Merged)
	case Claims:
		return appendClaims(append(dst, typeClaims), f)
	case LaneAck:
		return appendPosition(append(dst, typeLaneAck, f.Lane), f.Incarnation, f.Seq)
	case LaneNak:
		return appendPosition(append(dst, typeLaneNak, f.Lane), f.Incarnation, f.From)
	case LaneGrant:
		return appendPosition(append(dst, typeGrant|optional, f.Lane), f.Incarnation, f.Window)
	case Retained:
		return appendRetained(append(dst, typeRetained), f)
	case RetainedItems:
		return appendItems(append(dst, typeItems), f)
	}
	return dst
}

// Decode reads one frame other than those of the handshake and the lanes.
// Bytes after the fields that this build knows belong to later versions and
// are ignored. Errors wrap ErrMalformed.
func Decode(b []byte) (Frame, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("empty frame: %w", ErrMalformed)
	}
	c, known := codecs(b[0] &^ optional)
	switch {
	case !known && b[0]&optional != 0:
		return Unknown{Type: b[0] &^ optional}, nil
	case !known:
		return nil, fmt.Errorf("frame of unknown type %d: %w", b[0], ErrMalformed)
	case c.decode == nil:
		return nil, fmt.Errorf("%s frame out of place: %w", c.name, ErrMalformed)
	}
	r := &reader{what: c.name, b: b, at: 1}
	f := c.decode(r)
	if r.err != nil {
		return nil, r.err
	}
	return f, nil
}

package wire

import (
	"fmt"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
)

// RowKind says what a row of a node's table is about.
type RowKind uint8

// The kinds of rows. RowUnknown is one that a later version may write; it is
// kept and passed over.
const (
	RowUnknown RowKind = iota
	RowRecord          // the node's member record
	RowReach           // whom the node reaches: one row for each other node
	RowRoute           // a filter that some session of the node subscribes with
	RowNoLocal         // a session of the node has a subscription with No Local
)

// The first bytes of keys.
const (
	prefixRecord  = 'm'
	prefixReach   = 'w'
	prefixRoute   = 'r'
	prefixNoLocal = 'n'
)

// RowKey is the meaning of a key.
type RowKey struct {
	Kind   RowKind
	UID    core.UID    // of a RowReach
	Filter core.Filter // of a RowRoute
}

// RecordKey returns the key of the member record.
func RecordKey() string { return string(rune(prefixRecord)) }

// ReachKey returns the key of the row about one other node.
func ReachKey(u core.UID) string { return string(rune(prefixReach)) + string(u[:]) }

// RouteKey returns the key of the row about one filter.
func RouteKey(f core.Filter) string { return string(rune(prefixRoute)) + string(f) }

// NoLocalKey returns the key of the row that is there while a node wants to be
// told the publishers of messages [MQTT-3.8.3-3].
func NoLocalKey() string { return string(rune(prefixNoLocal)) }

// ParseKey is the reverse of the four; a key of another first byte is
// RowUnknown. Errors wrap ErrMalformed.
func ParseKey(key string) (RowKey, error) {
	if key == "" {
		return RowKey{}, fmt.Errorf("empty row key: %w", ErrMalformed)
	}
	rest := key[1:]
	switch key[0] {
	case prefixRecord:
		if rest != "" {
			return RowKey{}, fmt.Errorf("record key of %d bytes: %w", len(key), ErrMalformed)
		}
		return RowKey{Kind: RowRecord}, nil
	case prefixReach:
		if len(rest) != len(core.UID{}) {
			return RowKey{}, fmt.Errorf("reach key of %d bytes: %w", len(key), ErrMalformed)
		}
		return RowKey{Kind: RowReach, UID: core.UID([]byte(rest))}, nil
	case prefixRoute:
		if err := core.Filter(rest).Check(); err != nil {
			return RowKey{}, fmt.Errorf("route key: %w: %w", err, ErrMalformed)
		}
		return RowKey{Kind: RowRoute, Filter: core.Filter(rest)}, nil
	case prefixNoLocal:
		if rest != "" {
			return RowKey{}, fmt.Errorf("no-local key of %d bytes: %w", len(key), ErrMalformed)
		}
		return RowKey{Kind: RowNoLocal}, nil
	}
	return RowKey{}, nil
}

// AppendRecord appends the value of a member record's row.
func AppendRecord(dst []byte, m membership.Record) []byte {
	dst = putBytes(putUID(dst, m.UID), m.Name)
	dst = putBytes(putBytes(dst, m.Addr), m.Role)
	dst = putUvarint(putBytes(dst, m.Build), m.Protocol)
	return putUvarint(putBytes(dst, m.Datacenter), m.Joined)
}

// DecodeRecord is the reverse of AppendRecord. Bytes after the fields that
// this build knows are ignored. Errors wrap ErrMalformed.
func DecodeRecord(b []byte) (membership.Record, error) {
	r := &reader{what: "member record", b: b}
	m := membership.Record{
		UID: r.uid(), Name: r.node(false), Addr: r.text(maxAddr), Role: r.text(maxText),
		Build: r.text(maxText), Protocol: r.protocol(), Datacenter: r.text(maxText), Joined: r.stamp(),
	}
	if r.err != nil {
		return membership.Record{}, r.err
	}
	return m, nil
}

func (r *reader) protocol() uint16 {
	v := r.uvarint()
	if v > 1<<16-1 {
		r.fail("protocol version too high")
	}
	return uint16(v)
}

// AppendReach appends the value of a row about another node.
func AppendReach(dst []byte, w membership.ReachRow) []byte {
	dst = append(putUID(dst, w.UID), byte(w.Reach))
	dst = putBytes(putUvarint(dst, w.Incarnation), w.Name)
	dst = putBytes(dst, w.Addr)
	if w.Relayed {
		dst = append(dst, bit(true, bitRelayed))
	}
	return dst
}

// bitRelayed is the flag of a reach row; the others are ignored.
const bitRelayed = 0

// DecodeReach is the reverse of AppendReach; name and address may be empty.
// Bytes after the fields that this build knows are ignored. Errors wrap
// ErrMalformed.
func DecodeReach(b []byte) (membership.ReachRow, error) {
	r := &reader{what: "reach row", b: b}
	w := membership.ReachRow{
		UID: r.uid(), Reach: membership.Reach(r.u8()), Incarnation: r.incarnation(),
		Name: r.node(true), Addr: r.text(maxAddr),
	}
	if w.Reach > membership.Expired {
		r.fail("unknown reach")
	}
	if r.err == nil && r.at < len(r.b) {
		w.Relayed = r.u8()&(1<<bitRelayed) != 0
	}
	if r.err != nil {
		return membership.ReachRow{}, r.err
	}
	return w, nil
}

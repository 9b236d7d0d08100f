package wire

import (
	"encoding/binary"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/muster-mqtt/muster/core"
)

// Bounds of texts, in bytes.
const (
	maxText = 255 // names, roles, builds
	maxAddr = 300
	maxID   = 65535 // client IDs [MQTT-1.5.4]
)

// reader takes values from the front of b. After the first failure every
// value is zero and err tells the place.
type reader struct {
	what string // the frame or row, for errors
	b    []byte
	at   int
	err  error
}

func (r *reader) fail(reason string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s at byte %d: %s: %w", r.what, r.at, reason, ErrMalformed)
	}
}

// take returns the next n bytes of the input itself, nil on failure.
func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.b)-r.at {
		r.fail("ends too early")
		return nil
	}
	out := r.b[r.at : r.at+n : r.at+n]
	r.at += n
	return out
}

func (r *reader) u8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		r.fail("bad number")
		return 0
	}
	r.at += n
	return v
}

// count reads the number of items that follow, each of which takes at least
// size bytes: so nothing is allocated for items that cannot be there.
func (r *reader) count(size, limit int) int {
	n := r.uvarint()
	if n > uint64(limit) || n > uint64((len(r.b)-r.at)/size) {
		r.fail("count too high")
		return 0
	}
	return int(n)
}

// bytes reads a length and that many bytes of the input itself.
func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)-r.at) {
		r.fail("length too high")
		return nil
	}
	return r.take(int(n))
}

// raw reads a text of any bytes.
func (r *reader) raw(limit int) string {
	b := r.bytes()
	if len(b) > limit {
		r.fail("text too long")
		return ""
	}
	return string(b)
}

// text reads a text that may be shown to people: UTF-8 without control
// characters.
func (r *reader) text(limit int) string {
	s := r.raw(limit)
	if !printable(s) {
		r.fail("text with unprintable characters")
		return ""
	}
	return s
}

func printable(s string) bool {
	for _, c := range s {
		if !unicode.IsPrint(c) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// node reads a node name; it may be empty only when optional.
func (r *reader) node(optional bool) core.NodeID {
	s := r.text(maxText)
	if r.err != nil || s == "" && optional {
		return ""
	}
	id, err := core.ParseNodeID(s)
	if err != nil {
		r.fail(err.Error())
	}
	return id
}

func (r *reader) uid() (u core.UID) {
	copy(u[:], r.take(len(u)))
	return u
}

func (r *reader) uids(limit int) []core.UID {
	return list(r, r.count(len(core.UID{}), limit), r.uid)
}

func (r *reader) incarnation() core.Incarnation { return core.Incarnation(r.uvarint()) }

func (r *reader) stamp() core.Stamp { return core.Stamp(r.uvarint()) }

func (r *reader) token() core.Token { return core.Token{Stamp: r.stamp(), UID: r.uid()} }

func (r *reader) cluster() core.Cluster {
	return core.Cluster{UID: r.uid(), Claimed: r.u8()&1 != 0, Founded: r.stamp()}
}

// list reads n items; nil when there are none or one is bad.
func list[T any](r *reader, n int, item func() T) []T {
	if n == 0 {
		return nil
	}
	out := make([]T, 0, n)
	for range n {
		v := item()
		if r.err != nil {
			return nil
		}
		out = append(out, v)
	}
	return out
}

package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// ErrEncoding is wrapped by the errors of DecodeState, DecodeOp and
// DecodeMessage, which name the byte and the field.
var ErrEncoding = errors.New("not an encoded session, op or message")

func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendIDs(dst []byte, ids []uint32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ids)))
	for _, id := range ids {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	return dst
}

// appendTime appends a wall clock time in nanoseconds since 1970. One before
// that, such as the zero time, becomes 1970.
func appendTime(dst []byte, t time.Time) []byte {
	if t.Before(time.Unix(0, 0)) {
		return append(dst, 0)
	}
	return binary.AppendUvarint(dst, uint64(t.UnixNano()))
}

func bit(b bool, flag byte) byte {
	if b {
		return flag
	}
	return 0
}

// decoder reads strictly: each value has one encoding, and nothing is
// allocated that the input is too short for. After the first error it reads
// zeros.
type decoder struct {
	data    []byte
	at      int
	err     error
	message func(uint64) *core.Message
}

func (d *decoder) fail(at int, field, why string) {
	if d.err == nil {
		d.err = fmt.Errorf("byte %d: %s: %s: %w", at, field, why, ErrEncoding)
	}
}

// done returns the error, which input after the end is as well.
func (d *decoder) done() error {
	if d.at < len(d.data) {
		d.fail(d.at, "end", fmt.Sprintf("%d bytes too many", len(d.data)-d.at))
	}
	return d.err
}

func (d *decoder) byte(field string) byte {
	b := d.take(1, field)
	if b == nil {
		return 0
	}
	return b[0]
}

// flags reads a byte of which only the bits of known may be set.
func (d *decoder) flags(known byte, field string) byte {
	b := d.byte(field)
	if b&^known != 0 {
		d.fail(d.at-1, field, fmt.Sprintf("unknown flags %#02x", b&^known))
	}
	return b
}

func (d *decoder) take(n int, field string) []byte {
	if d.err == nil && n > len(d.data)-d.at {
		d.fail(d.at, field, "cut short")
	}
	if d.err != nil {
		return nil
	}
	d.at += n
	return d.data[d.at-n : d.at : d.at]
}

// uint reads a number of at most limit, in its shortest form.
func (d *decoder) uint(limit uint64, field string) uint64 {
	if d.err != nil {
		return 0
	}
	at := d.at
	v, n := binary.Uvarint(d.data[d.at:])
	switch {
	case n == 0:
		d.fail(at, field, "cut short")
	case n < 0 || v > limit:
		d.fail(at, field, fmt.Sprintf("above %d", limit))
	case n > max(1, (bits.Len64(v)+6)/7):
		d.fail(at, field, "longer than it need be")
	default:
		d.at += n
		return v
	}
	return 0
}

// count reads the number of elements that follow, each of some bytes at least.
func (d *decoder) count(size int, field string) int {
	at := d.at
	n := d.uint(math.MaxInt32, field)
	if d.err == nil && n > uint64((len(d.data)-d.at)/size) {
		d.fail(at, field, fmt.Sprintf("%d of them do not fit in what follows", n))
		return 0
	}
	return int(n)
}

func (d *decoder) text(field string) []byte { return d.take(d.count(1, field), field) }

func (d *decoder) id(field string) uint16 { return uint16(d.uint(maxIDs, field)) }

func (d *decoder) uint32(field string) uint32 { return uint32(d.uint(math.MaxUint32, field)) }

func (d *decoder) duration(field string) time.Duration {
	return time.Duration(d.uint(math.MaxInt64, field))
}

func (d *decoder) time(field string) time.Time {
	return time.Unix(0, int64(d.uint(math.MaxInt64, field)))
}

// ref reads a reference and returns its message.
func (d *decoder) ref() *core.Message {
	at := d.at
	n := d.uint(math.MaxUint64, "message")
	if d.err != nil {
		return nil
	}
	m := d.message(n)
	if m == nil {
		d.fail(at, "message", fmt.Sprintf("%d is unknown", n))
	}
	return m
}

func (d *decoder) ids() []uint32 {
	n := d.count(1, "subscription identifiers")
	if n == 0 {
		return nil
	}
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = d.uint32("subscription identifier")
	}
	return ids
}

func (d *decoder) qos(flags byte) core.QoS {
	if flags&3 == 3 {
		d.fail(d.at-1, "QoS", "is 3")
	}
	return core.QoS(flags & 3)
}

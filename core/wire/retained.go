package wire

import (
	"bytes"
	"encoding/binary"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/retained"
)

// Retained is a frame about retained messages. Its Message is any but
// retained.Items.
type Retained struct{ retained.Numbered }

// RetainedItems is the frame of retained.Items: Count messages, made by
// AppendMessage and read by NextMessage, and the clock that their expiry is
// reckoned by.
type RetainedItems struct {
	Number uint64
	Clock  uint64 // milliseconds, not 0
	Count  int
	Body   []byte
}

// The kinds of messages in a Retained frame.
const (
	kindDigest = iota + 1
	kindList
	kindWants
	kindDone
	kindSynced
	kindTombstones
	kindTombstonesAck
)

// Bounds of the lists of one frame, in items, and the least that one takes.
const (
	maxKeys   = 1 << 16
	keyBytes  = 1 + 1 + 1 + 16
	wantBytes = 1 + 1 + 1
	maxItems  = 1 << 16
)

func appendRetained(dst []byte, f Retained) []byte {
	dst = putUvarint(dst, f.Number)
	switch m := f.Message.(type) {
	case retained.Digest:
		dst = append(dst, kindDigest, bit(m.Reply, 0))
		dst = putUvarint(putUvarint(putUvarint(dst, m.Stamp), m.Floor), m.Contact)
		for _, sum := range m.Sums {
			dst = binary.LittleEndian.AppendUint64(dst, sum)
		}
	case retained.List:
		dst = putBytes(putBytes(append(dst, kindList, m.Bucket), m.After), m.Until)
		dst = appendKeys(dst, m.Keys)
	case retained.Wants:
		dst = putUvarint(append(dst, kindWants), uint64(len(m.Wants)))
		for _, w := range m.Wants {
			dst = putBytes(append(dst, bit(w.Absent, 0)), w.Topic)
		}
	case retained.Done:
		dst = putBytes(append(dst, kindDone, m.Bucket), m.Until)
	case retained.Synced:
		dst = putUvarint(append(dst, kindSynced), m.Stamp)
	case retained.Tombstones:
		dst = appendKeys(putUvarint(append(dst, kindTombstones), m.To), m.Keys)
	case retained.TombstonesAck:
		dst = putUvarint(append(dst, kindTombstonesAck), m.To)
	}
	return dst
}

func appendKeys(dst []byte, keys []retained.Key) []byte {
	dst = putUvarint(dst, uint64(len(keys)))
	for _, k := range keys {
		dst = putToken(putBytes(dst, k.Topic), k.Token)
	}
	return dst
}

func decodeRetained(r *reader) Frame {
	f := Retained{retained.Numbered{Number: r.uvarint()}}
	switch r.u8() {
	case kindDigest:
		f.Message = r.digest()
	case kindList:
		f.Message = retained.List{Bucket: r.u8(), After: r.topic(true), Until: r.topic(true), Keys: r.keys()}
	case kindWants:
		f.Message = retained.Wants{Wants: list(r, r.count(wantBytes, maxKeys), func() retained.Want {
			return retained.Want{Absent: r.u8()&1 != 0, Topic: r.topic(false)}
		})}
	case kindDone:
		f.Message = retained.Done{Bucket: r.u8(), Until: r.topic(true)}
	case kindSynced:
		f.Message = retained.Synced{Stamp: r.stamp()}
	case kindTombstones:
		f.Message = retained.Tombstones{To: r.uvarint(), Keys: r.keys()}
	case kindTombstonesAck:
		f.Message = retained.TombstonesAck{To: r.uvarint()}
	default:
		r.fail("unknown kind")
	}
	return f
}

func (r *reader) digest() retained.Digest {
	d := retained.Digest{Reply: r.u8()&1 != 0, Stamp: r.stamp(), Floor: r.stamp(), Contact: r.stamp()}
	for i := range d.Sums {
		if b := r.take(8); b != nil {
			d.Sums[i] = binary.LittleEndian.Uint64(b)
		}
	}
	return d
}

// topic reads a copy of a topic that may be published to.
func (r *reader) topic(optional bool) core.Topic {
	b := r.bytes()
	if len(b) == 0 && (optional || r.err != nil) {
		return ""
	}
	t := core.Topic(b)
	if err := t.Check(); err != nil {
		r.fail(err.Error())
	}
	return t
}

func (r *reader) keys() []retained.Key {
	return list(r, r.count(keyBytes, maxKeys), func() retained.Key {
		return retained.Key{Topic: r.topic(false), Token: r.token()}
	})
}

func appendItems(dst []byte, f RetainedItems) []byte {
	dst = putUvarint(putUvarint(dst, f.Number), f.Clock)
	return putBytes(putUvarint(dst, uint64(f.Count)), f.Body)
}

func decodeItems(r *reader) Frame {
	f := RetainedItems{Number: r.uvarint(), Clock: r.uvarint()}
	if f.Clock == 0 || f.Clock > maxClock {
		r.fail("impossible clock")
	}
	count, body := r.uvarint(), r.bytes()
	if count > maxItems || count*minMessage > uint64(len(body)) {
		r.fail("count too high")
	}
	f.Count, f.Body = int(count), bytes.Clone(body)
	return f
}

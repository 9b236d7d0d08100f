package load

import "encoding/binary"

// MinSize is the shortest payload in bytes: that of the mark.
const MinSize = 24

// mark is what the head of each payload says.
type mark struct {
	run       uint32 // tells this run's messages from those of others
	publisher uint32 // from 0
	sequence  uint64 // of that publisher, from 1
	sent      int64  // nanoseconds since 1970: when it was due, or sent
}

// put writes the mark at the head of a payload of at least MinSize bytes.
func (m mark) put(payload []byte) {
	binary.BigEndian.PutUint32(payload, m.run)
	binary.BigEndian.PutUint32(payload[4:], m.publisher)
	binary.BigEndian.PutUint64(payload[8:], m.sequence)
	binary.BigEndian.PutUint64(payload[16:], uint64(m.sent))
}

// readMark reads it back; false when the payload is too short for one.
func readMark(payload []byte) (mark, bool) {
	if len(payload) < MinSize {
		return mark{}, false
	}
	return mark{
		run:       binary.BigEndian.Uint32(payload),
		publisher: binary.BigEndian.Uint32(payload[4:]),
		sequence:  binary.BigEndian.Uint64(payload[8:]),
		sent:      int64(binary.BigEndian.Uint64(payload[16:])),
	}, true
}

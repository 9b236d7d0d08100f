package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Version is the version of the format that this package writes and reads.
const Version = 1

const (
	magic      = "musterj"
	headerSize = 8 + 8 + 8 + 8 + 4
	batchSize  = 8 + 8 + 8 + 4 // of a batch before its records
)

// OwnerKinds is the first kind of record that owners may use; those below
// belong to the journal.
const OwnerKinds = 0x20

// maxSequence is further than any journal gets: a made-up number must not wrap
// around.
const maxSequence = 1 << 62

// kindEnd is the record that ends a checkpoint.
const kindEnd = 0x01

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segmentHeader begins a segment.
type segmentHeader struct {
	number uint64 // of the segment, from 1
	first  uint64 // sequence number of its first batch
	mark   [8]byte
}

func (h segmentHeader) encode() []byte {
	b := append(make([]byte, 0, headerSize), magic...)
	b = append(b, Version)
	b = binary.LittleEndian.AppendUint64(b, h.number)
	b = binary.LittleEndian.AppendUint64(b, h.first)
	b = append(b, h.mark[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// errTorn says that a header was not written to its end.
var errTorn = errors.New("the header was not written whole")

// decodeHeader reads the header of a segment; errTorn means that a kill could
// have left this.
func decodeHeader(b []byte) (h segmentHeader, err error) {
	if len(b) < headerSize && bytes.HasPrefix([]byte(magic), b[:min(len(b), len(magic))]) || allZero(b) {
		return h, errTorn
	}
	if !bytes.HasPrefix(b, []byte(magic)) {
		return h, errors.New("not a segment of a journal")
	}
	if v := b[len(magic)]; v != Version {
		return h, fmt.Errorf("version %d of the journal, of which this program knows only %d", v, Version)
	}
	sum := binary.LittleEndian.Uint32(b[headerSize-4:])
	if sum != crc32.Checksum(b[:headerSize-4], castagnoli) {
		return h, errors.New("the header has a wrong checksum")
	}
	h.number = binary.LittleEndian.Uint64(b[8:])
	h.first = binary.LittleEndian.Uint64(b[16:])
	copy(h.mark[:], b[24:])
	if h.first == 0 || h.first > maxSequence {
		return h, fmt.Errorf("batches begin at number %d, which none has", h.first)
	}
	return h, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// sealBatch fills the first batchSize bytes of b, the rest being records.
func sealBatch(b []byte, mark [8]byte, seq uint64) {
	copy(b, mark[:])
	binary.LittleEndian.PutUint64(b[8:], uint64(len(b)-batchSize))
	binary.LittleEndian.PutUint64(b[16:], seq)
	binary.LittleEndian.PutUint32(b[24:], sumOf(b[:24], b[batchSize:]))
}

func sumOf(head, records []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, records)
}

// appendRecord adds a record to a batch.
func appendRecord(dst []byte, kind byte, record []byte) []byte {
	dst = binary.AppendUvarint(append(dst, kind), uint64(len(record)))
	return append(dst, record...)
}

// cutRecord takes the first record off the records of a batch.
func cutRecord(b []byte) (kind byte, record, rest []byte, err error) {
	n, width := binary.Uvarint(b[1:])
	if width <= 0 || n > uint64(len(b)-1-width) {
		return 0, nil, nil, errors.New("a record is longer than its batch")
	}
	b, kind = b[1+width:], b[0]
	return kind, b[:n:n], b[n:], nil
}

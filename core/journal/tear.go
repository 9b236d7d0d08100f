package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// read reads the batch at an offset into buf and returns its length with its
// head. A *badBatch says that there is no such batch.
func (r *recovery) read(s *segment, at int64, seq uint64) (int64, error) {
	left := s.size - at
	if left < batchSize {
		return 0, &badBatch{fmt.Sprintf("%d bytes are no batch", left)}
	}
	head := make([]byte, batchSize)
	if _, err := s.file.ReadAt(head, at); err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint64(head[8:])
	got := binary.LittleEndian.Uint64(head[16:])
	switch {
	case !bytes.Equal(head[:8], s.header.mark[:]):
		return 0, &badBatch{"there is no batch here"}
	case n > uint64(left-batchSize):
		return 0, &badBatch{fmt.Sprintf("a batch of %d bytes, of which there are only %d", n, left-batchSize)}
	}
	r.buf = slices.Grow(r.buf[:0], batchSize+int(n))[:batchSize+int(n)]
	if _, err := s.file.ReadAt(r.buf, at); err != nil {
		return 0, err
	}
	if binary.LittleEndian.Uint32(r.buf[24:]) != sumOf(r.buf[:24], r.buf[batchSize:]) {
		return 0, &badBatch{"a batch has a wrong checksum"}
	}
	if got != seq {
		return 0, fmt.Errorf("batch %d where %d is to be", got, seq)
	}
	return int64(len(r.buf)), nil
}

// tear cuts off the end of the last segment, if nothing whole comes after it;
// else that is damage.
func (r *recovery) tear(s *segment, why error) error {
	after, err := r.wholeAfter(s)
	if err != nil {
		return err
	}
	if after > 0 {
		return r.damage(*s, s.good, fmt.Errorf("%w, and a whole one at byte %d", why, after))
	}
	if err := s.file.Truncate(s.good); err != nil {
		return fmt.Errorf("cut the end of %s: %w", r.j.path(s.header.number), err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("cut the end of %s: %w", r.j.path(s.header.number), err)
	}
	r.j.count.cut.Add(uint64(s.size - s.good))
	r.j.opts.Logger.Warn("the end of the journal was not written whole and is cut off, as after a kill", "file", r.j.path(s.header.number), "offset", s.good, "bytes", s.size-s.good)
	s.size = s.good
	return nil
}

// scanChunk is how much is searched at a time.
const scanChunk = 1 << 16

// wholeAfter returns the offset of a whole batch after the one that is bad, 0
// for none.
func (r *recovery) wholeAfter(s *segment) (int64, error) {
	chunk := make([]byte, min(scanChunk, s.size-s.good))
	for at := s.good + 1; at+batchSize <= s.size; {
		part := chunk[:min(int64(len(chunk)), s.size-at)]
		if _, err := s.file.ReadAt(part, at); err != nil {
			return 0, err
		}
		i := bytes.Index(part, s.header.mark[:])
		if i < 0 {
			at += max(int64(len(part)-len(s.header.mark)+1), 1)
			continue
		}
		at += int64(i)
		if whole, err := r.whole(s, at); whole || err != nil {
			return at, err
		}
		at++
	}
	return 0, nil
}

// whole reports whether there is a batch that the expected one, or a later
// one, may be.
func (r *recovery) whole(s *segment, at int64) (bool, error) {
	var seq [8]byte
	if _, err := s.file.ReadAt(seq[:], at+16); err != nil {
		return false, err
	}
	n := binary.LittleEndian.Uint64(seq[:])
	if n < r.next || n-r.next > uint64(s.size)/batchSize {
		return false, nil
	}
	_, err := r.read(s, at, n)
	var bad *badBatch
	if errors.As(err, &bad) {
		return false, nil
	}
	return err == nil, err
}

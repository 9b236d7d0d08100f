package tcp

import (
	"encoding/binary"
	"io"
	"sync/atomic"
)

// A read buffer is usually bufferSize bytes, or less where the limit allows no
// frame that long. It grows for a longer frame and shrinks back after
// shrinkAfter frames in a row that did not need it.
const (
	minBuffer   = 512
	bufferSize  = 64 << 10
	shrinkAfter = 64
)

// frameReader cuts a stream of bytes into frames.
type frameReader struct {
	src   io.Reader
	limit *atomic.Int64 // longest frame, in bytes
	buf   []byte        // buf[r:w] is read but not yet returned
	r, w  int
	first bool // no frame was read yet
	small int  // frames in a row that a usual buffer would have held
	came  atomic.Uint64
}

// next returns the next frame, valid until the call after it. The error is
// io.EOF between frames, io.ErrUnexpectedEOF within one, one that wraps
// ErrFrameTooLong, or src's own.
func (f *frameReader) next() ([]byte, error) {
	if err := f.need(headerLen); err != nil {
		return nil, err
	}
	length := int64(binary.BigEndian.Uint32(f.buf[f.r:]))
	if limit := f.limit.Load(); length > limit {
		if f.first && looksLikeTLS(f.buf[f.r:f.r+headerLen]) {
			return nil, errTLSPeer
		}
		return nil, tooLong(int(length), int(limit))
	}
	f.first = false
	end := headerLen + int(length)
	if err := f.need(end); err != nil {
		return nil, err
	}
	if f.small++; end > f.usual() {
		f.small = 0
	}
	frame := f.buf[f.r+headerLen : f.r+end : f.r+end]
	f.r += end
	return frame, nil
}

// need reads until n bytes wait in the buffer.
func (f *frameReader) need(n int) error {
	if f.w-f.r >= n {
		return nil
	}
	f.makeRoom(n)
	for f.w-f.r < n {
		m, err := f.src.Read(f.buf[f.w:])
		f.w += m
		f.came.Add(uint64(m))
		if err != nil && f.w-f.r < n {
			return f.cutOff(err)
		}
	}
	return nil
}

// cutOff tells an end between two frames from one within a frame.
func (f *frameReader) cutOff(err error) error {
	if err == io.EOF && f.w > f.r {
		return io.ErrUnexpectedEOF
	}
	return err
}

// makeRoom moves or copies the waiting bytes so that n fit from r on.
func (f *frameReader) makeRoom(n int) {
	size := max(len(f.buf), f.usual())
	if f.small >= shrinkAfter {
		size = f.usual()
	}
	if need := max(n, f.w-f.r); need > size {
		size = min(grown(need), max(need, headerLen+int(f.limit.Load())))
	}
	to := f.buf
	if size != len(f.buf) {
		to = make([]byte, size)
	} else if f.r != f.w && f.r+n <= size {
		return
	}
	f.w = copy(to, f.buf[f.r:f.w])
	f.r, f.buf = 0, to
}

// usual is the buffer's size while frames are short.
func (f *frameReader) usual() int {
	return int(max(minBuffer, min(bufferSize, headerLen+f.limit.Load())))
}

// grown rounds n up to the next power of two, so that frames of creeping
// length do not cost a buffer each.
func grown(n int) int {
	size := minBuffer
	for size < n {
		size *= 2
	}
	return size
}

package tcp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/muster-mqtt/muster/transport"
	"pgregory.net/rapid"
)

// encode is what the other side would write.
func encode(frames ...[]byte) []byte {
	var out []byte
	for _, f := range frames {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(f))), f...)
	}
	return out
}

func newReader(src io.Reader, limit int64) *frameReader {
	f := &frameReader{src: src, limit: new(atomic.Int64)}
	f.limit.Store(limit)
	return f
}

// readAll returns copies of all frames, and the error that ended them.
func readAll(f *frameReader) (frames [][]byte, err error) {
	for {
		frame, err := f.next()
		if err != nil {
			return frames, err
		}
		frames = append(frames, append([]byte{}, frame...))
	}
}

// splitSimply is the dumb twin of frameReader: the whole stream is at hand.
func splitSimply(stream []byte, limit int) (frames [][]byte, err error) {
	for len(stream) > 0 {
		if len(stream) < headerLen {
			return frames, io.ErrUnexpectedEOF
		}
		n := int(binary.BigEndian.Uint32(stream))
		if n > limit {
			return frames, transport.ErrFrameTooLong
		}
		if stream = stream[headerLen:]; len(stream) < n {
			return frames, io.ErrUnexpectedEOF
		}
		frames = append(frames, append([]byte{}, stream[:n]...))
		stream = stream[n:]
	}
	return frames, io.EOF
}

// sameAsTwin checks a stream against the dumb twin.
func sameAsTwin(t interface{ Errorf(string, ...any) }, src io.Reader, stream []byte, limit int) {
	want, wantErr := splitSimply(stream, limit)
	got, gotErr := readAll(newReader(src, int64(limit)))
	if !slices.EqualFunc(want, got, bytes.Equal) {
		t.Errorf("%d frames came out; the simple way gives %d, or others", len(got), len(want))
	}
	if !errors.Is(gotErr, wantErr) {
		t.Errorf("ended with %v; want %v", gotErr, wantErr)
	}
}

// TestReaderTwin feeds whole and cut streams in pieces of every kind.
func TestReaderTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(400, 600), rapid.IntRange(65_000, 140_000))
		var frames [][]byte
		for i, n := range rapid.SliceOfN(length, 0, 8).Draw(t, "lengths") {
			frames = append(frames, bytes.Repeat([]byte{byte(i + 1)}, n))
		}
		stream := encode(frames...)
		stream = stream[:len(stream)-min(len(stream), rapid.IntRange(0, 3).Draw(t, "cut"))]
		limit := rapid.SampledFrom([]int{30, 500, 100_000, transport.MaxFrame}).Draw(t, "limit")
		piece := rapid.SampledFrom([]int{1, 61, 511, 4096, 1 << 20}).Draw(t, "piece")
		sameAsTwin(t, &inPieces{bytes.NewReader(stream), piece}, stream, limit)
	})
}

// inPieces returns at most n bytes at a time.
type inPieces struct {
	io.Reader
	n int
}

func (p *inPieces) Read(to []byte) (int, error) { return p.Reader.Read(to[:min(len(to), p.n)]) }

// FuzzReader feeds anything, with a small and a large limit.
func FuzzReader(f *testing.F) {
	f.Add([]byte{}, uint16(10))
	f.Add(encode([]byte("a"), nil, []byte("bc")), uint16(10))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1}, uint16(65535))
	f.Fuzz(func(t *testing.T, stream []byte, limit uint16) {
		sameAsTwin(t, bytes.NewReader(stream), stream, int(limit))
		sameAsTwin(t, iotest.DataErrReader(bytes.NewReader(stream)), stream, int(limit))
	})
}

// TestReaderBuffer checks that the buffer never exceeds what the limit in
// force allows, and shrinks back after a long frame.
func TestReaderBuffer(t *testing.T) {
	long, short := make([]byte, 300_000), make([]byte, 100)
	var frames [][]byte
	for range 100 * shrinkAfter {
		frames = append(frames, short)
	}
	f := newReader(bytes.NewReader(encode(append([][]byte{short, long}, frames...)...)), 1000)
	f.limit.Store(1000)
	mustNext(t, f)
	if got, most := len(f.buf), 1000+headerLen; got > most {
		t.Errorf("under a limit of 1000 the buffer has %d bytes; want at most %d", got, most)
	}
	f.limit.Store(transport.MaxFrame)
	mustNext(t, f)
	if got := len(f.buf); got < len(long) || got > 1<<19 {
		t.Errorf("for a frame of %d bytes the buffer has %d", len(long), got)
	}
	for range frames {
		mustNext(t, f)
	}
	if got := len(f.buf); got != bufferSize {
		t.Errorf("after many short frames the buffer has %d bytes; want %d", got, bufferSize)
	}
}

func mustNext(t *testing.T, f *frameReader) {
	t.Helper()
	if _, err := f.next(); err != nil {
		t.Fatalf("next: %v", err)
	}
}

// TestReaderClaims checks that a header alone, whatever it claims, costs no
// more than the limit.
func TestReaderClaims(t *testing.T) {
	for _, limit := range []int64{0, 1, 1024, transport.MaxFrame} {
		stream := binary.BigEndian.AppendUint32(nil, uint32(limit))
		f := newReader(bytes.NewReader(stream), limit)
		if _, err := f.next(); limit > 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("limit %d: %v", limit, err)
		}
		if most := max(minBuffer, int(limit)+headerLen); len(f.buf) > most {
			t.Errorf("limit %d: the buffer has %d bytes; want at most %d", limit, len(f.buf), most)
		}
	}
}

package packet

import (
	"bytes"
	"errors"
	"io"
	"math"
	"runtime"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// TestReader cuts random streams, delivered in random pieces, with a random
// buffer, and compares with the packets that were written.
func TestReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		payloads := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 12).Draw(t, "payloads")
		for _, b := range payloads {
			stream = Publish{Topic: []byte("t"), Payload: b}.Append(stream)
		}
		src := io.Reader(bytes.NewReader(stream))
		switch rapid.IntRange(0, 3).Draw(t, "pieces") {
		case 1:
			src = iotest.OneByteReader(src)
		case 2:
			src = iotest.HalfReader(src)
		case 3:
			src = iotest.DataErrReader(src)
		}
		r := NewReader(src, make([]byte, rapid.IntRange(0, 200).Draw(t, "buffer")), 1024)
		for i, want := range payloads {
			p, err := r.Next()
			if err != nil {
				t.Fatalf("packet %d: %v", i, err)
			}
			if m, err := p.Publish(); err != nil || !bytes.Equal(m.Payload, want) {
				t.Fatalf("packet %d: %v %x", i, err, m.Payload)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	})
}

// TestReaderLimit finds the longest packet that is taken.
func TestReaderLimit(t *testing.T) {
	for size := 100; size < 110; size++ {
		wire := Publish{Topic: []byte("t"), Payload: make([]byte, size)}.Append(nil)
		_, err := NewReader(bytes.NewReader(wire), nil, 108).Next()
		if tooLarge := errors.Is(err, ErrTooLarge); tooLarge != (len(wire) > 108) {
			t.Errorf("%d bytes: %v", len(wire), err)
		}
	}
}

// TestReaderLong reads packets of every size class of the fixed header, which
// must be kept apart from each other.
func TestReaderLong(t *testing.T) {
	var stream []byte
	sizes := []int{100, 200, 20_000, 70_000, 300_000, 3_000_000, 5}
	for i, n := range sizes {
		stream = Publish{Topic: []byte("t"), Payload: bytes.Repeat([]byte{byte(i)}, n)}.Append(stream)
	}
	r := NewReader(bytes.NewReader(stream), make([]byte, 4096), MaxPacket)
	kept := map[int][]byte{}
	for i, n := range sizes {
		p, err := r.Next()
		if err != nil || p.Kept != (n > 4000) || len(p.Body) != n+3 {
			t.Fatalf("%d bytes: %v, kept %v, %d", n, err, p.Kept, len(p.Body))
		}
		if p.Kept {
			kept[i] = p.Body[3:]
		}
	}
	for i, body := range kept {
		if !bytes.Equal(body, bytes.Repeat([]byte{byte(i)}, sizes[i])) {
			t.Errorf("body %d was overwritten", i)
		}
	}
}

// TestReaderPromise: a length that is announced and does not come must not
// cost its memory, and what comes costs a small multiple of itself.
func TestReaderPromise(t *testing.T) {
	for _, c := range []struct{ come, buffer int }{{0, 0}, {0, 4096}, {100, 0}, {4000, 4096}, {10_000, 4096}, {300_000, 0}} {
		wire := append([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, make([]byte, c.come)...)
		buf := make([]byte, c.buffer)
		allocated := allocatedBy(func() {
			if _, err := NewReader(bytes.NewReader(wire), buf, MaxPacket).Next(); err != io.ErrUnexpectedEOF {
				t.Error(err)
			}
		})
		if want := uint64(1024 + 2*growth*c.come); allocated > want {
			t.Errorf("%d bytes came, %d allocated, want at most %d", c.come, allocated, want)
		}
	}
}

// allocatedBy is the number of bytes that a call allocates: the least of some
// calls, as what the runtime does meanwhile is counted too.
func allocatedBy(f func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// TestReaderNoProgress ends with a source that neither reads nor fails.
func TestReaderNoProgress(t *testing.T) {
	if _, err := NewReader(silent{}, nil, 100).Next(); err != io.ErrNoProgress {
		t.Error(err)
	}
	broken := errors.New("broken")
	if _, err := NewReader(iotest.ErrReader(broken), nil, 100).Next(); err != broken {
		t.Error(err)
	}
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// TestReaderSlowProgress: empty reads count only as long as nothing comes.
func TestReaderSlowProgress(t *testing.T) {
	wire := Publish{Topic: []byte("t"), Payload: make([]byte, 10)}.Append(nil)
	src := &hesitant{wire: wire}
	if p, err := NewReader(src, make([]byte, 64), 100).Next(); err != nil || len(p.Body) != len(wire)-2 {
		t.Error(err, p)
	}
}

// hesitant brings a byte with every sixtieth read.
type hesitant struct {
	wire  []byte
	reads int
}

func (h *hesitant) Read(b []byte) (int, error) {
	if h.reads++; h.reads%60 != 0 {
		return 0, nil
	}
	n := copy(b[:1], h.wire)
	h.wire = h.wire[n:]
	return n, nil
}

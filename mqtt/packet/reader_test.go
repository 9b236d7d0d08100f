package packet

import (
	"bytes"
	"errors"
	"io"
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
	r := NewReader(bytes.NewReader(stream), make([]byte, 4096), 1<<28)
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
// cost its memory.
func TestReaderPromise(t *testing.T) {
	wire := append([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, make([]byte, 100)...)
	allocated := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := NewReader(bytes.NewReader(wire), nil, 1<<29).Next(); err != io.ErrUnexpectedEOF {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 2*firstPart {
		t.Errorf("%d bytes allocated", allocated)
	}
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

package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// masked builds a frame of a client, the slow way.
func masked(first byte, mask [4]byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i, x := range payload {
		b = append(b, x^mask[i%4])
	}
	return b
}

func binaryFrame(payload string) []byte { return masked(0x82, [4]byte{1, 2, 3, 4}, []byte(payload)) }

// said is what a control frame held.
type said struct {
	Op   byte
	Text string
}

// strip runs a stream through an unframer in pieces.
func strip(max uint64, pieces ...[]byte) (data string, controls []said, err error) {
	u := unframer{max: max, control: func(op byte, b []byte) error {
		controls = append(controls, said{op, string(b)})
		return nil
	}}
	for _, p := range pieces {
		p = bytes.Clone(p)
		n, err := u.strip(p)
		data += string(p[:n])
		if err != nil {
			return data, controls, err
		}
	}
	return data, controls, nil
}

// TestUnframeTwin: messages in frames of any size, with control frames between
// them, come out as they went in, however the stream is cut.
func TestUnframeTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want string
		var controls []said
		open := false
		for range rapid.IntRange(0, 8).Draw(t, "frames") {
			mask := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "mask"))
			if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
				text := rapid.StringN(0, 20, maxControl).Draw(t, "words")
				op := rapid.SampledFrom([]byte{opPing, opPong, opClose}).Draw(t, "op")
				stream = append(stream, masked(0x80|op, mask, []byte(text))...)
				controls = append(controls, said{op, text})
				continue
			}
			size := rapid.SampledFrom([]int{0, 1, 5, 125, 126, 200, 65535, 65536, 70000}).Draw(t, "size")
			payload := bytes.Repeat([]byte{byte(size), 7, 9}, size/3+1)[:size]
			first := byte(opBinary)
			if open {
				first = opContinuation
			}
			if open = rapid.Bool().Draw(t, "goes on"); !open {
				first |= 0x80
			}
			stream = append(stream, masked(first, mask, payload)...)
			want += string(payload)
		}
		got, gotControls, err := strip(1<<20, cutUp(t, stream)...)
		if err != nil || got != want || !cmp.Equal(controls, gotControls) {
			t.Fatalf("%v: %d bytes, want %d; %v, want %v", err, len(got), len(want), gotControls, controls)
		}
	})
}

func cutUp(t *rapid.T, stream []byte) (pieces [][]byte) {
	for len(stream) > 0 {
		n := min(len(stream), rapid.SampledFrom([]int{1, 2, 3, 7, 64, 4096, 100000}).Draw(t, "piece"))
		pieces, stream = append(pieces, stream[:n]), stream[n:]
	}
	return pieces
}

func TestFrameErrors(t *testing.T) {
	zero := [4]byte{}
	for _, c := range []struct {
		name   string
		stream []byte
		status uint16
	}{
		{"text", masked(0x81, zero, []byte("x")), statusData},
		{"not masked", []byte{0x82, 1, 'x'}, statusProtocol},
		{"reserved bit", masked(0xc2, zero, nil), statusProtocol},
		{"continuation of nothing", masked(0x80, zero, nil), statusProtocol},
		{"message in a message", append(masked(0x02, zero, nil), masked(0x82, zero, nil)...), statusProtocol},
		{"opcode 3", masked(0x83, zero, nil), statusProtocol},
		{"opcode 11", masked(0x8b, zero, nil), statusProtocol},
		{"long ping", masked(0x89, zero, make([]byte, 126)), statusProtocol},
		{"ping in parts", masked(0x09, zero, nil), statusProtocol},
		{"length of 16 bits for 125", []byte{0x82, 0xfe, 0, 125, 0, 0, 0, 0}, statusProtocol},
		{"length of 64 bits for 65535", []byte{0x82, 0xff, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0}, statusProtocol},
		{"too large", masked(0x82, zero, make([]byte, 1001)), statusTooBig},
		{"length with the highest bit", []byte{0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0}, statusTooBig},
	} {
		data, _, err := strip(1000, append(binaryFrame("before"), c.stream...))
		var breach *frameError
		if !errors.As(err, &breach) || breach.status != c.status || data != "before" {
			t.Errorf("%s: %v, want status %d; data %q", c.name, err, c.status, data)
		}
	}
}

// FuzzUnframe: any stream gives the same whether it comes at once or byte by
// byte, and never more than it holds.
func FuzzUnframe(f *testing.F) {
	f.Add(binaryFrame("hello"))
	f.Add(append(masked(0x02, [4]byte{1}, make([]byte, 200)), masked(0x89, [4]byte{2}, []byte("ping"))...))
	f.Add([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 9, 9, 9, 9, 1, 2, 3})
	f.Fuzz(func(t *testing.T, stream []byte) {
		var single [][]byte
		for i := range stream {
			single = append(single, stream[i:i+1])
		}
		a, controlsA, errA := strip(1<<16, stream)
		b, controlsB, errB := strip(1<<16, single...)
		if a != b || !cmp.Equal(controlsA, controlsB) || (errA == nil) != (errB == nil) || len(a) > len(stream) {
			t.Fatalf("at once %q %v %v, byte by byte %q %v %v", a, controlsA, errA, b, controlsB, errB)
		}
	})
}

func TestAppendHeader(t *testing.T) {
	for size, want := range map[int]string{
		0: "\x82\x00", 125: "\x82\x7d", 126: "\x82\x7e\x00\x7e", 65535: "\x82\x7e\xff\xff", 65536: "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
	} {
		if got := string(appendHeader(nil, opBinary, size)); got != want {
			t.Errorf("%d: %q, want %q", size, got, want)
		}
	}
}

func BenchmarkStrip(b *testing.B) {
	frame := binaryFrame(strings.Repeat("x", 64))
	stream := bytes.Repeat(frame, 50)
	buf := make([]byte, len(stream))
	u := unframer{max: 1000}
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, stream)
		if n, err := u.strip(buf); n != 50*64 || err != nil {
			b.Fatal(n, err)
		}
	}
}

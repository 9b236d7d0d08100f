package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

// pair returns a sealer and the opener for what it seals.
func pair(t testing.TB) (*Sealer, *Opener) {
	t.Helper()
	s, err := NewSealer(Key{1}, false)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener(Key{1}, false)
	if err != nil {
		t.Fatal(err)
	}
	return s, o
}

func seal(t testing.TB, s *Sealer, frame string) []byte {
	t.Helper()
	b, err := s.Seal([]byte(frame))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSeal(t *testing.T) {
	s, o := pair(t)
	for _, frame := range []string{"first", "", "third"} {
		b := seal(t, s, frame)
		if got, err := o.Open(b); err != nil || string(got) != frame || len(b) != len(frame)+SealBytes {
			t.Errorf("%q became %q, %v", frame, got, err)
		}
	}
	golden(t, "sealed", seal(t, s, "fourth"))
}

func TestSealInPlace(t *testing.T) {
	s, o := pair(t)
	frame := append(make([]byte, 0, 64), "frame"...)
	sealed, err := s.Seal(frame)
	if err != nil || &sealed[0] != &frame[0] {
		t.Errorf("sealed elsewhere: %v", err)
	}
	if opened, err := o.Open(sealed); err != nil || &opened[0] != &frame[0] || cap(opened) != len(opened) {
		t.Errorf("opened elsewhere: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	s, o := pair(t)
	first, second := seal(t, s, "first"), seal(t, s, "second")
	for i := range first {
		bad := bytes.Clone(first)
		bad[i] ^= 1
		if _, err := o.Open(bad); !errors.Is(err, ErrSeal) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for n := range first {
		if _, err := o.Open(first[:n]); !errors.Is(err, ErrSeal) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := o.Open(second); err != nil {
		t.Errorf("a frame after a lost one: %v", err)
	}
	for name, b := range map[string][]byte{"replayed": second, "overtaken": first} {
		if _, err := o.Open(b); !errors.Is(err, ErrSeal) {
			t.Errorf("%s frame: %v", name, err)
		}
	}
	other, err := NewOpener(Key{2}, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(first); !errors.Is(err, ErrSeal) {
		t.Errorf("another key: %v", err)
	}
}

func TestCounterIsNeverUsedTwice(t *testing.T) {
	s, _ := pair(t)
	s.g.counter = math.MaxUint64 - 1
	last := seal(t, s, "")
	if got := binary.LittleEndian.Uint64(last); got != math.MaxUint64 {
		t.Errorf("last counter %d", got)
	}
	if _, err := s.Seal(nil); !errors.Is(err, ErrSeal) {
		t.Errorf("sealed with a used counter: %v", err)
	}
}

func TestEncryptedLinkHasNoSeal(t *testing.T) {
	s, err := NewSealer(Key{}, true)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener(Key{}, true)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := o.Open(seal(t, s, "frame")); err != nil || string(got) != "frame" {
		t.Errorf("%q %v", got, err)
	}
}

func BenchmarkSealOpen64K(b *testing.B) {
	s, o := pair(b)
	frame := make([]byte, 64<<10, 64<<10+SealBytes)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		sealed, _ := s.Seal(frame)
		if _, err := o.Open(sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal64K(b *testing.B) {
	s, _ := pair(b)
	frame := make([]byte, 64<<10, 64<<10+SealBytes)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Seal(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal256B(b *testing.B) {
	s, _ := pair(b)
	frame := make([]byte, 256, 512)
	b.SetBytes(256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Seal(frame); err != nil {
			b.Fatal(err)
		}
	}
}

package wire

import (
	"bytes"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
)

// randomFrames is how many frames are tried: a fiftieth of it unless the promise
// itself is asked for, as make prove does.
const randomFrames = 1_000_000

// forger makes frames of somebody who has listened in, but has no cookie.
type forger struct {
	*rand.Rand
	seen [][]byte // of honest handshakes and links
}

// frame is noise, or an honest frame that was cut, changed, lengthened or put
// together with another.
func (f *forger) frame() []byte {
	one := bytes.Clone(f.seen[f.IntN(len(f.seen))])
	switch f.IntN(6) {
	case 0:
		return f.noise(f.IntN(2 * MaxHello))
	case 1:
		return one[:f.IntN(len(one)+1)]
	case 2:
		for range 1 + f.IntN(8) {
			one[f.IntN(len(one))] = byte(f.Uint32())
		}
		return one
	case 3:
		return append(one, f.noise(f.IntN(64))...)
	case 4:
		other := f.seen[f.IntN(len(f.seen))]
		return append(one[:f.IntN(len(one)+1)], other[f.IntN(len(other)+1):]...)
	}
	return one
}

func (f *forger) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f.Uint32())
	}
	return b
}

func newForger(t *testing.T, d, a side) *forger {
	f := &forger{Rand: rand.New(rand.NewPCG(7, 7))}
	run(t, d, a, func(_ int, b []byte) []byte { f.seen = append(f.seen, bytes.Clone(b)); return b })
	for _, frame := range samples() {
		f.seen = append(f.seen, Append(nil, frame))
	}
	header, body := sampleClockLane()
	f.seen = append(f.seen, AppendLane(nil, header, body))
	return f
}

// TestRandomFrames: of a million frames without the cookie none brings a
// handshake to its end or past a seal, none makes a decoder panic, and nothing
// of them is kept.
func TestRandomFrames(t *testing.T) {
	d, a := sides()
	f := newForger(t, d, a)
	d.nonce, a.nonce = 'x', 'y' // of another day: what was seen is a replay
	frames := randomFrames
	if os.Getenv("MUSTER_PROVE") == "" {
		frames /= 50
	}
	before := heap()
	for left := frames; left > 0; {
		h := a.handshake(t, Accepter)
		if left%2 == 0 {
			h = d.handshake(t, Dialler)
		}
		for range 1 + f.IntN(3) {
			left--
			if _, done, _ := h.Step(f.frame()); done || h.Result() != (Peer{}) {
				t.Fatalf("%d frames from the end somebody without the cookie is let in", left)
			}
		}
	}
	f.knock(t, frames)
	if grown := int64(heap()) - int64(before); grown > 4<<20 {
		t.Errorf("%d bytes are kept of %d frames", grown, frames)
	}
}

// knock sends frames past the handshake: to a seal, which opens for none of
// them, and to the decoders, which must only stand it.
func (f *forger) knock(t *testing.T, frames int) {
	o, err := NewOpener(Key{1}, false)
	if err != nil {
		t.Fatal(err)
	}
	for range frames {
		b := f.frame()
		if _, err := o.Open(slices.Clone(b)); err == nil {
			t.Fatalf("the seal of %x was taken", b)
		}
		_, _ = Decode(b)
		if _, body, err := DecodeLane(b); err == nil {
			for range 4 {
				if _, body, err = NextMessage(body); err != nil {
					break
				}
			}
		}
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

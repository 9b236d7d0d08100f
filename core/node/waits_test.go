package node

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What is taken is what a plain list would give, in its order, and what is kept
// takes no more than twice its room.
func TestWaitsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w waits
		var twin []wait
		seq := uint64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			for range rapid.IntRange(0, 20).Draw(t, "adds") {
				seq += rapid.Uint64Range(1, 3).Draw(t, "gap")
				x := wait{seq, new(publication)}
				w.add(x.seq, x.pub)
				twin = append(twin, x)
			}
			upTo := rapid.Uint64Range(0, seq+2).Draw(t, "up to")
			var want []*publication
			for len(twin) > 0 && twin[0].seq <= upTo {
				want, twin = append(want, twin[0].pub), twin[1:]
			}
			if got := w.take(upTo); !slices.Equal(got, want) {
				t.Fatalf("up to %d: %d are taken, want %d", upTo, len(got), len(want))
			}
			if len(w.list) > 2*len(twin) || !slices.Equal(w.list[w.head:], twin) {
				t.Fatalf("%d places for %d", len(w.list), len(twin))
			}
			for _, x := range w.list[:w.head] {
				if x.pub != nil {
					t.Fatal("what was taken is held")
				}
			}
		}
	})
}

// An acknowledgement costs what it takes, however much waits behind it.
func BenchmarkWaits(b *testing.B) {
	var w waits
	p := new(publication)
	for seq := range uint64(200_000) {
		w.add(seq, p)
	}
	next := uint64(200_000)
	for b.Loop() {
		w.add(next, p)
		w.take(next - 200_000)
		next++
	}
}

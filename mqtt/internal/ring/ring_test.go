package ring

import (
	"testing"

	"pgregory.net/rapid"
)

// TestRing compares with a plain slice.
func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Ring[int]
		var twin []int
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 100).Draw(t, "n") {
					r.Push(len(twin))
					twin = append(twin, len(twin))
				}
			},
			"pop": func(t *rapid.T) {
				for range min(rapid.IntRange(1, 120).Draw(t, "n"), len(twin)) {
					if got := r.Pop(); got != twin[0] {
						t.Fatalf("got %d, want %d", got, twin[0])
					}
					twin = twin[1:]
				}
			},
			"": func(t *rapid.T) {
				if r.Len() != len(twin) {
					t.Fatalf("%d elements, want %d", r.Len(), len(twin))
				}
				for i, want := range twin {
					if *r.At(i) != want {
						t.Fatalf("at %d: %d, want %d", i, *r.At(i), want)
					}
				}
				if r.Len() == 0 && len(r.buf) > keep {
					t.Fatalf("an empty ring keeps %d places", len(r.buf))
				}
			},
		})
	})
}

// TestPopForgets: the ring must not hold on to what was taken out.
func TestPopForgets(t *testing.T) {
	var r Ring[*int]
	r.Push(new(int))
	r.Pop()
	for _, p := range r.buf {
		if p != nil {
			t.Error("the pointer is still there")
		}
	}
}

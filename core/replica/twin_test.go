package replica

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const keys = 24

// TestTwin runs random writes over a link that loses, repeats and reorders,
// goes down and comes up, while the owner restarts; then lets it settle.
func TestTwin(t *testing.T) { twin(t, false) }

// TestTwinLateMessages is the same with links whose messages outlive them.
func TestTwinLateMessages(t *testing.T) { twin(t, true) }

func twin(t *testing.T, late bool) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.late = late
		w.up()
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			w.step()
			w.check()
		}
		w.up()
		w.settle()
		w.converged()
	})
}

func (w *world) step() {
	n := rapid.IntRange(0, 99).Draw(w.t, "step")
	switch {
	case n < 35:
		w.write()
	case n < 55:
		w.pump(rapid.IntRange(1, 6).Draw(w.t, "pump"))
	case n < 75 && len(w.there) > 0:
		w.deliver()
	case n < 90 && len(w.back) > 0 && w.feed != nil:
		w.reply()
	case n < 94:
		w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, 9 * time.Second}).Draw(w.t, "wait"))
	case n < 96:
		w.down()
	case n < 98:
		w.up()
	case n == 98:
		w.restart(func(k string) bool { return rapid.Bool().Draw(w.t, "keep "+k) })
	default:
		w.write()
	}
}

func (w *world) write() {
	for range rapid.IntRange(1, 8).Draw(w.t, "writes") {
		k := key(rapid.IntRange(0, keys-1).Draw(w.t, "key"))
		if rapid.IntRange(0, 2).Draw(w.t, "what") == 0 {
			w.delete(k)
		} else {
			w.set(k, strings.Repeat("v", rapid.IntRange(0, 3).Draw(w.t, "value")))
		}
	}
}

// deliver lets one message arrive, lost, repeated or out of order.
func (w *world) deliver() {
	i := rapid.IntRange(0, min(3, len(w.there)-1)).Draw(w.t, "which")
	switch rapid.IntRange(0, 5).Draw(w.t, "fate") {
	case 0:
		w.there = append(w.there[:i:i], w.there[i+1:]...)
	case 1:
		w.receive(w.there[i])
	default:
		w.arrive(i)
	}
}

func (w *world) reply() {
	i := rapid.IntRange(0, min(3, len(w.back)-1)).Draw(w.t, "which answer")
	switch rapid.IntRange(0, 5).Draw(w.t, "fate") {
	case 0:
		w.back = append(w.back[:i:i], w.back[i+1:]...)
	case 1:
		w.back = append(w.back, w.back[i])
		w.answer(i)
	default:
		w.answer(i)
	}
}

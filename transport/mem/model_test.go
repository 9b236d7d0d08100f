package mem

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/transport"
	"pgregory.net/rapid"
)

// TestAgainstModel does random things to one link and compares it with the
// dumb twin: a list of what must arrive, and three flags.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 7), 1, 40).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) { runModel(t, steps) })
	})
}

// model is what ought to become of the frames from a to b.
type model struct {
	want              string
	cut, cutBack      cut
	lost, ended, owed bool // ended: b's side is over; owed: a's Close is yet to come through
	closed            bool // a's side is over
}

func runModel(t *testing.T, steps []int) {
	n := NewNetwork(Options{Queue: 1 << 20})
	a, b := n.Endpoint("a"), n.Endpoint("b")
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	w := &world{Network: n, t: t, a: a, b: b}
	from, to := w.link()
	n.Delay("a", "b", 10*time.Millisecond, 0)
	heard, m := listen(to), &model{}
	for i, step := range steps {
		m.step(w, from, step, string(rune('A'+i)))
		time.Sleep(15 * time.Millisecond)
		heard.want(t, m.want, m.ended)
		if t.Failed() {
			t.Fatalf("after steps %v: %+v", steps[:i+1], m)
		}
	}
}

// step does one thing to the network and to the model.
func (m *model) step(w *world, from transport.Link, what int, text string) {
	switch what {
	case 0, 1, 2:
		m.send(w.t, from, text)
	case 3:
		w.Cut("a", "b")
		m.cut = breaking
	case 4:
		w.CutLossy("a", "b")
		m.cut = lossy
	case 5:
		w.Cut("b", "a")
		m.cutBack = breaking
	case 6:
		w.HealAll()
		m.heal()
	case 7:
		_ = from.Close()
		m.close()
	}
}

func (m *model) send(t *testing.T, from transport.Link, text string) {
	err := from.Send([]byte(text))
	if errors.Is(err, transport.ErrClosed) != m.closed {
		t.Errorf("Send: %v; want closed %v", err, m.closed)
	}
	switch {
	case m.closed:
	case m.cut == open:
		m.want += text
	case m.cut == breaking:
		m.lost = true
	}
}

func (m *model) heal() {
	m.cut, m.cutBack = open, open
	if m.lost || m.owed {
		m.ended, m.closed, m.lost, m.owed = true, true, false, false
	}
}

func (m *model) close() {
	if m.closed {
		return
	}
	m.closed = true
	m.ended, m.owed = m.cut == open, m.cut != open
}

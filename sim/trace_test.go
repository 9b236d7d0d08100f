package sim

import (
	"slices"
	"testing"
	"time"
)

// The same seed brings the same run, event by event; another seed another.
func TestSameSeedSameRun(t *testing.T) {
	traces := map[uint64]uint64{}
	for seed := range uint64(20) {
		first, err := newBoot(seed, 5).run()
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for range 3 {
			if again, _ := newBoot(seed, 5).run(); again != first {
				t.Fatalf("seed %d: %+v, then %+v", seed, first, again)
			}
		}
		if other, seen := traces[first.trace]; seen {
			t.Errorf("seeds %d and %d run alike", other, seed)
		}
		traces[first.trace] = seed
	}
}

// Events come in the order of their moments, and of two at one moment the one
// that was asked for first; none comes before it is asked for.
func TestOrderOfEvents(t *testing.T) {
	c := newClock()
	var got []int
	for i, d := range []time.Duration{3, 1, 2, 1, -5} {
		c.at(d, func() { got = append(got, i) })
	}
	c.at(2, func() { c.at(0, func() { got = append(got, 9) }) })
	for c.next(epoch.Add(2)) {
	}
	if want := []int{4, 1, 3, 2, 9}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if len(c.queue) != 1 || !c.now.Equal(epoch.Add(2)) {
		t.Errorf("%d events left at %s", len(c.queue), c.now.Sub(epoch))
	}
}

// A stream keeps its order whatever is lost, holds back what meets a cut, and
// tells of its end after everything else; a killed host ends its streams.
func TestStreams(t *testing.T) {
	w := newWorld(1, 3, config{})
	w.net.loss = 0.3
	c := w.net.open(0, 1)
	var got []int
	ended := false
	c.onEnd[1] = func() { ended = true }
	for i := range 100 {
		c.send(0, func() { got = append(got, i) })
	}
	w.until(time.Minute)
	if len(got) != 100 || !slices.IsSorted(got) {
		t.Fatal(got)
	}
	w.isolate(0, []int{1}, false, true)
	c.send(0, func() { got = append(got, 100) })
	back := false
	c.send(1, func() { back = true })
	w.net.crash(0)
	w.until(2 * time.Minute)
	if len(got) != 100 || ended || back {
		t.Fatalf("%d frames, ended %v: the way is cut; and the other side is gone: %v", len(got), ended, back)
	}
	w.isolate(0, []int{1}, false, false)
	w.until(3 * time.Minute)
	if len(got) != 101 || !ended {
		t.Errorf("%d frames, ended %v", len(got), ended)
	}
}

// The list of streams does not grow with those that were closed.
func TestClosedStreamsAreForgotten(t *testing.T) {
	w := newWorld(1, 2, config{})
	for range 10_000 {
		c := w.net.open(0, 1)
		c.end(0)
		w.until(w.now.Sub(epoch) + time.Second)
	}
	if n := len(w.net.conns); n > 200 {
		t.Errorf("%d streams are kept", n)
	}
}

// A world that finds no rest is stopped and says so.
func TestEndlessWorld(t *testing.T) {
	w := newWorld(1, 1, config{})
	var again func()
	again = func() { w.at(0, again) }
	again()
	w.until(time.Second)
	if len(w.errs) != 1 {
		t.Error(w.errs)
	}
}

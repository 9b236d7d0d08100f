package nats

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport/nats/natstest"
	"pgregory.net/rapid"
)

// drain uses a window on a way of so many bytes a second, with a round trip of
// its own, until it has settled.
func drain(w *window, perSecond int64, trip time.Duration) {
	now := w.since
	for range 40 {
		half := w.size / 2
		took := time.Duration(float64(half) / float64(perSecond) * float64(time.Second))
		now = now.Add(max(took, trip/2)) // half a window each half of a round trip
		w.move(now, half)
	}
}

// The window settles at what the way carries within target: a probe waits no
// longer than that.
func TestWindowSettles(t *testing.T) {
	for _, c := range []struct {
		what       string
		perSecond  int64
		trip       time.Duration
		least, max int64
	}{
		{"1.2 Mbit/s", 150_000, time.Millisecond, 43_000, 46_000},
		{"10 Mbit/s", 1_250_000, time.Millisecond, 370_000, 380_000},
		{"64 kbit/s", 8_000, time.Millisecond, leastWindow, leastWindow},
		{"1 Gbit/s", 125_000_000, 100 * time.Microsecond, fullWindow, fullWindow},
		{"1 Gbit/s across an ocean", 125_000_000, 200 * time.Millisecond, fullWindow, fullWindow},
		{"a satellite", 1_250_000, 600 * time.Millisecond, leastWindow, leastWindow},
	} {
		var room atomic.Int64
		room.Store(maxGrown)
		w := window{size: firstWindow, since: time.Unix(1, 0), room: &room}
		drain(&w, c.perSecond, c.trip)
		if w.size < c.least || w.size > c.max {
			t.Errorf("%s: %d bytes", c.what, w.size)
		}
	}
}

// Whatever the links of a node do, their windows fit in what a server holds
// for it, and who has ended leaves nothing behind.
func TestWindowsFitTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var room atomic.Int64
		room.Store(maxGrown)
		links := make([]window, rapid.IntRange(1, 20).Draw(t, "links"))
		for i := range links {
			links[i] = window{size: firstWindow, since: time.Unix(1, 0), room: &room}
		}
		for range rapid.IntRange(1, 200).Draw(t, "moves") {
			w := &links[rapid.IntRange(0, len(links)-1).Draw(t, "link")]
			was := w.size
			took := time.Duration(rapid.Int64Range(-1, int64(time.Hour)).Draw(t, "took")) >> rapid.IntRange(0, 40).Draw(t, "shift")
			w.move(w.since.Add(took), rapid.Int64Range(0, fullWindow).Draw(t, "came"))
			if w.size < leastWindow || w.size > fullWindow || w.size < was/2 || w.size > 2*was {
				t.Fatalf("from %d to %d", was, w.size)
			}
			total := int64(0)
			for i := range links {
				total += max(0, links[i].size-firstWindow)
			}
			if total > maxGrown || total+room.Load() != maxGrown {
				t.Fatalf("%d grown, room for %d", total, room.Load())
			}
		}
		for i := range links {
			links[i].free()
		}
		if room.Load() != maxGrown {
			t.Fatalf("room for %d is left", room.Load())
		}
	})
}

// A link that comes late finds room, however many have grown and fallen idle.
func TestLateLinkGrows(t *testing.T) {
	var room atomic.Int64
	room.Store(maxGrown)
	size := int64(0)
	for range 20 {
		w := window{size: firstWindow, since: time.Unix(1, 0), room: &room}
		drain(&w, 125_000_000, time.Millisecond)
		size = w.size
	}
	if size < 4*firstWindow {
		t.Errorf("the last has %d bytes, room for %d is left", size, room.Load())
	}
}

// The room of a link that has ended is there for others, whatever it was
// doing.
func TestRoomComesBack(t *testing.T) {
	s, big := natstest.Start(t), make([]byte, 1<<20)
	a, b := listen(t, 1, s), listen(t, 2, s)
	for range 3 {
		from, to := pair(t, a, b)
		go func() {
			for from.Send(big) == nil {
			}
		}()
		for range 20 {
			if _, err := to.Receive(); err != nil {
				t.Fatal(err)
			}
		}
		if b.room.Load() == maxGrown {
			t.Error("the window has not grown")
		}
		_ = to.Close()
		_, _ = to.Receive()
		wantEnd(t, from, "")
		if left := b.room.Load(); left != maxGrown {
			t.Errorf("room for %d is left", left)
		}
	}
}

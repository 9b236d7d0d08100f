package core

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.UnixMilli(1_700_000_000_000)

func TestStampAt(t *testing.T) {
	s := StampAt(epoch.Add(999 * time.Microsecond))
	if s != Stamp(1_700_000_000_000<<16) || !s.Time().Equal(epoch) {
		t.Errorf("%d is %s", s, s.Time())
	}
	if s := s + stampTick - 1; !s.Time().Equal(epoch) {
		t.Errorf("the counter moves the time to %s", s.Time())
	}
}

func TestClockObserve(t *testing.T) {
	limit := StampAt(epoch) + Stamp(StampAhead.Milliseconds())*stampTick
	tests := []struct {
		name string
		s    Stamp
		err  error
		next Stamp // what Now returns then
	}{
		{"old", StampAt(epoch) - stampTick, nil, StampAt(epoch) + 1},
		{"at the limit", limit, nil, limit + 1},
		{"beyond it", limit + 1, ErrStampAhead, StampAt(epoch) + 1},
		{"far beyond it", 1<<64 - 1, ErrStampAhead, StampAt(epoch) + 1},
	}
	for _, c := range tests {
		clock := NewClock(StampAt(epoch), epoch)
		err := clock.Observe(c.s, epoch)
		if got := clock.Now(epoch); !errors.Is(err, c.err) || got != c.next {
			t.Errorf("%s: %v, then %d, want %v, then %d", c.name, err, got, c.err, c.next)
		}
	}
}

func TestClockAdopt(t *testing.T) {
	ahead := StampAt(epoch.Add(time.Hour))
	clock := NewClock(StampAt(epoch), epoch)
	clock.Adopt(ahead, epoch)
	if got := clock.Now(epoch.Add(time.Minute)); got != ahead+Stamp(time.Minute.Milliseconds())*stampTick {
		t.Errorf("an hour ahead, then a minute on: %s", got.Time())
	}
	clock.Adopt(StampAt(epoch), epoch.Add(time.Minute))
	if got := clock.Now(epoch.Add(time.Minute)); got <= ahead {
		t.Errorf("a lower time moved the clock back to %s", got.Time())
	}
}

// TestClockProperties drives two clocks with any readings, some of which go
// back, and hands the stamps of one to the other.
func TestClockProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clocks := [2]Clock{NewClock(StampAt(epoch), epoch), NewClock(StampAt(epoch), epoch)}
		var last [2]Stamp
		reading := func() time.Time {
			return epoch.Add(time.Duration(rapid.Int64Range(-int64(time.Minute), int64(time.Hour)).Draw(t, "at")))
		}
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "clock")
			at := reading()
			heard := last[1-i]
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				if clocks[i].Observe(heard, at) != nil {
					heard = 0
				}
			case 1:
				clocks[i].Adopt(heard, at)
			default:
				heard = 0
			}
			s := clocks[i].Now(at)
			if s <= last[i] || s <= heard {
				t.Fatalf("%d after %d, having heard %d", s, last[i], heard)
			}
			if wall := StampAt(at); s < wall-stampTick {
				t.Fatalf("%s lags behind the reading %s", s.Time(), at)
			}
			last[i] = s
		}
	})
}

func TestTokenCompare(t *testing.T) {
	tests := []struct {
		name string
		a, b Token
		want int
	}{
		{"later stamp", Token{2, UID{1}}, Token{1, UID{9}}, 1},
		{"higher uid", Token{1, UID{2}}, Token{1, UID{1}}, 1},
		{"same", Token{1, UID{1}}, Token{1, UID{1}}, 0},
	}
	for _, c := range tests {
		if got, back := c.a.Compare(c.b), c.b.Compare(c.a); got != c.want || back != -c.want {
			t.Errorf("%s: %d and back %d, want %d", c.name, got, back, c.want)
		}
	}
}

package autocluster

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNextProbe(t *testing.T) {
	const poll = 5 * time.Second
	tests := []struct {
		name     string
		answered bool
		tries    int
		want     time.Duration
	}{
		{"answered", true, 0, poll},
		{"first", false, 1, 50 * time.Millisecond},
		{"second", false, 2, 100 * time.Millisecond},
		{"third", false, 3, 200 * time.Millisecond},
		{"eighth is capped", false, 8, poll},
		{"very many", false, 1 << 40, poll},
		{"none counted", false, 0, 50 * time.Millisecond},
	}
	for _, c := range tests {
		got := NextProbe(Candidate{Answered: c.answered, Tries: c.tries, LastTried: start}, poll)
		if got != start.Add(c.want) {
			t.Errorf("%s: after %s, want %s", c.name, got.Sub(start), c.want)
		}
	}
	if got := NextProbe(Candidate{Tries: 3}, poll); !got.IsZero() {
		t.Errorf("never probed: %s, want at once", got)
	}
	if got := NextProbe(Candidate{Tries: 9, LastTried: start}, time.Millisecond); got != start.Add(time.Millisecond) {
		t.Errorf("a pace below 50 ms: %s", got.Sub(start))
	}
}

func TestPaceBase(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tests := []struct {
		name string
		last Poll
		want time.Duration
	}{
		{"first", Poll{Met: true}, 5 * time.Second},
		{"met", Poll{Wait: 5 * time.Second, Met: true}, 10 * time.Second},
		{"met, at the end", Poll{Wait: 40 * time.Second, Met: true}, 60 * time.Second},
		{"only oneself is no success", Poll{Wait: 40 * time.Second}, 5 * time.Second},
		{"a hint leaves it", Poll{Wait: 5 * time.Second, Met: true, Hint: time.Second}, 10 * time.Second},
	}
	for _, c := range tests {
		if _, got := (Pace{}).Next(c.last, r); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestPaceBounds checks the limits of the wait for any poll.
func TestPaceBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		long := rapid.Int64Range(-int64(time.Hour), int64(time.Hour))
		p := Pace{First: time.Duration(long.Draw(t, "first")), Max: time.Duration(long.Draw(t, "max"))}
		last := Poll{
			Wait: time.Duration(long.Draw(t, "wait")), Met: rapid.Bool().Draw(t, "met"),
			Hint: time.Duration(long.Draw(t, "hint")), RetryAfter: time.Duration(long.Draw(t, "retry")),
		}
		seed := rapid.Uint64().Draw(t, "seed")
		wait, base := p.Next(last, rand.New(rand.NewPCG(seed, seed)))
		d := p.withDefaults()
		if base < d.First || base > d.Max {
			t.Fatalf("base %s outside %s..%s", base, d.First, d.Max)
		}
		least, most := base-base/5, base+base/5
		if last.Hint > 0 {
			least = min(max(last.Hint, time.Second), d.Max)
			most = least + least/5
		}
		retry := min(last.RetryAfter, 10*time.Minute)
		if wait < max(least, retry) || wait > max(most, retry) {
			t.Fatalf("wait %s outside %s..%s with retry %s", wait, least, most, retry)
		}
	})
}

// TestPaceSpreads checks that nodes started together do not poll together.
func TestPaceSpreads(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	low, high := time.Hour, time.Duration(0)
	for range 1000 {
		wait, _ := (Pace{}).Next(Poll{}, r)
		low, high = min(low, wait), max(high, wait)
	}
	if low > 4100*time.Millisecond || high < 5900*time.Millisecond {
		t.Errorf("1000 waits lie in %s..%s only", low, high)
	}
}

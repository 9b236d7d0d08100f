package roster

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func newPace() *Pace { return NewPace(rand.New(rand.NewPCG(1, 2))) }

// play returns when a node speaks until end, after zero, and asks.
func play(p *Pace, from, end time.Duration) (at []time.Duration, asked int) {
	for next := p.Next(); !next.IsZero() && next.Sub(zero) <= end && len(at) < 1000; next = p.Next() {
		now := next
		if now.Sub(zero) < from {
			now = zero.Add(from)
		}
		due, asks := p.Take(now)
		if !due {
			return append(at, -1), asked
		}
		at = append(at, now.Sub(zero))
		if asks {
			asked++
		}
	}
	return at, asked
}

// A node that begins speaks at 0, 0.2, 0.5 and 1 s, and then every 3 to 10 s.
func TestAnnounces(t *testing.T) {
	p := newPace()
	p.Announce(Longest, zero)
	at, asked := play(p, 0, 10*time.Minute)
	want := []time.Duration{0, 200 * time.Millisecond, 500 * time.Millisecond, time.Second}
	if diff := cmp.Diff(want, at[:4]); diff != "" || asked != 4 {
		t.Errorf("%d asked\n%s", asked, diff)
	}
	least, most := time.Hour, time.Duration(0)
	for i := 4; i < len(at); i++ {
		least, most = min(least, at[i]-at[i-1]), max(most, at[i]-at[i-1])
	}
	if least < 3*time.Second || most > 10*time.Second || least > 4*time.Second || most < 9*time.Second || len(at) < 80 {
		t.Errorf("%d times, %v to %v apart", len(at), least, most)
	}
	p.Announce(0, zero.Add(time.Hour))
	if next := p.Next(); !next.IsZero() {
		t.Errorf("it speaks at %v although there is nothing to announce", next)
	}
}

// A node that was kept from speaking says what it has to say once.
func TestLate(t *testing.T) {
	p := newPace()
	p.Announce(Longest, zero)
	at, asked := play(p, time.Minute, time.Minute+2*time.Second)
	if diff := cmp.Diff([]time.Duration{time.Minute}, at); diff != "" || asked != 1 {
		t.Errorf("%d asked\n%s", asked, diff)
	}
}

// Answers come soon, are spread, and many questions are one.
func TestAnswers(t *testing.T) {
	p := newPace()
	p.Announce(Longest, zero)
	play(p, 0, time.Second)
	for i := range 50 {
		began := time.Minute + time.Duration(i)*time.Second
		play(p, 0, began-1)
		for j := range 100 {
			p.Answer(3, zero.Add(began+time.Duration(j)*time.Millisecond/10))
		}
		at, _ := play(p, 0, began+answerWithin+10*time.Millisecond)
		answers := 0
		for _, a := range at {
			if a >= began {
				answers++
			}
		}
		if answers != 1 {
			t.Fatalf("%d answers to a hundred questions: %v", answers, at)
		}
	}
}

func TestAnswerGap(t *testing.T) {
	p := newPace()
	p.Announce(Longest, zero)
	play(p, 0, time.Second)
	p.Answer(3, zero.Add(time.Second+time.Millisecond))
	if got := p.Next().Sub(zero); got < time.Second+answerGap {
		t.Errorf("it answers %v after it spoke", got-time.Second)
	}
	spread := map[time.Duration]bool{}
	for i := range 200 {
		p := NewPace(rand.New(rand.NewPCG(uint64(i), 1)))
		p.Announce(Longest, zero)
		play(p, 0, time.Second)
		p.Answer(1000, zero.Add(2*time.Second))
		spread[(p.Next().Sub(zero) - 2*time.Second).Truncate(answerWithin)] = true
	}
	if len(spread) != 10 {
		t.Errorf("a thousand nodes answer within %d times %v", len(spread), answerWithin)
	}
}

// A node that has nothing to announce asks, but does not answer.
func TestSilent(t *testing.T) {
	p := newPace()
	p.Answer(3, zero)
	if next := p.Next(); !next.IsZero() {
		t.Errorf("it answers at %v", next)
	}
	p.Begin(zero)
	at, asked := play(p, 0, time.Hour)
	if len(at) != 4 || asked != 4 {
		t.Errorf("%v, %d asked", at, asked)
	}
	p.Ask(zero.Add(2*time.Second), 5*time.Second)
	if next := p.Next(); !next.IsZero() {
		t.Errorf("it asks again at %v", next.Sub(zero))
	}
	p.Ask(zero.Add(6*time.Second), 5*time.Second)
	p.Ask(zero.Add(7*time.Second), 5*time.Second)
	if at, asked = play(p, 0, time.Hour); len(at) != 1 || asked != 1 || at[0] != 6*time.Second {
		t.Errorf("%v, %d asked", at, asked)
	}
}

// Whatever happens, a node never speaks oftener than it is made to: at most
// one burst for each Begin, and one answer in 250 ms.
func TestRateOfSpeech(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := NewPace(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
		now, spoke, begun := zero, 0, 1
		p.Announce(Longest, now)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "ms")) * time.Millisecond)
			switch rapid.IntRange(0, 20).Draw(t, "what") {
			case 0:
				p.Begin(now)
				begun++
			case 1:
				p.Ask(now, time.Second)
			default:
				p.Answer(3, now)
			}
			if due, _ := p.Take(now); due {
				spoke++
			}
			if next := p.Next(); next.IsZero() || next.Sub(now) > Longest {
				t.Fatalf("next at %v, it is %v", next.Sub(zero), now.Sub(zero))
			}
		}
		elapsed := now.Sub(zero)
		if most := begun*len(burst) + int(elapsed/answerGap) + int(elapsed/time.Second) + 2; spoke > most {
			t.Fatalf("it spoke %d times within %v, with %d beginnings", spoke, elapsed, begun)
		}
	})
}

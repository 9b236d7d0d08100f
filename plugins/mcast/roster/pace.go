package roster

import (
	"math/rand/v2"
	"time"
)

// When a node speaks.
const (
	// Longest is the most time between two announcements; the least is 0.3 of
	// what there is at most.
	Longest = 10 * time.Second
	// answerGap is the least time between an announcement and an answer that
	// follows it, so that many questions are one.
	answerGap = 250 * time.Millisecond
	// answerWithin is how long an answer waits at most, so that not all nodes
	// speak at once; answerEach is added for each node of a large cluster.
	answerWithin = 200 * time.Millisecond
	answerEach   = 2 * time.Millisecond
)

// burst is when a node that begins speaks, after it has begun: often at first,
// since the first frames meet others that do not listen yet.
var burst = [...]time.Duration{0, 200 * time.Millisecond, 500 * time.Millisecond, time.Second}

// Pace decides when a node speaks. It is not safe for concurrent use.
type Pace struct {
	rand     *rand.Rand
	longest  time.Duration // 0: there is nothing to announce
	began    time.Time     // of the burst
	step     int           // in the burst; len(burst): it is over
	once     time.Time     // a single question; zero: none
	periodic time.Time     // zero: never
	answer   time.Time     // zero: nobody has asked
	last     time.Time     // when it spoke last
}

// NewPace returns the Pace of a node that is silent.
func NewPace(r *rand.Rand) *Pace { return &Pace{rand: r, step: len(burst)} }

// Announce says how far apart announcements may be at most, and begins with a
// burst; 0 ends them.
func (p *Pace) Announce(longest time.Duration, now time.Time) {
	p.longest, p.periodic, p.answer = longest, time.Time{}, time.Time{}
	if longest > 0 {
		p.Begin(now)
	}
}

// Begin begins a burst: the node is new here, or has come back.
func (p *Pace) Begin(now time.Time) { p.began, p.step = now, 0 }

// Ask is one question soon, unless something was asked within the gap.
func (p *Pace) Ask(now time.Time, gap time.Duration) {
	if p.step == len(burst) && p.once.IsZero() && (p.last.IsZero() || now.Sub(p.last) >= gap) {
		p.once = now
	}
}

// Answer says that somebody wants to hear the node, one of so many nodes.
func (p *Pace) Answer(nodes int, now time.Time) {
	if p.longest == 0 || !p.answer.IsZero() {
		return
	}
	within := max(answerWithin, time.Duration(nodes)*answerEach)
	p.answer = now.Add(p.upTo(within))
	if soonest := p.last.Add(answerGap); p.answer.Before(soonest) {
		p.answer = soonest
	}
}

func (p *Pace) upTo(d time.Duration) time.Duration { return time.Duration(p.rand.Int64N(int64(d) + 1)) }

// Next is when the node speaks next; the zero time is never.
func (p *Pace) Next() time.Time {
	next := Soonest(Soonest(p.once, p.periodic), p.answer)
	if p.step < len(burst) {
		next = Soonest(next, p.began.Add(burst[p.step]))
	}
	return next
}

// Take says whether the node is to speak now, and whether it is to ask the
// others to speak. It counts as having spoken.
func (p *Pace) Take(now time.Time) (due, asks bool) {
	next := p.Next()
	if next.IsZero() || now.Before(next) {
		return false, false
	}
	if !p.once.IsZero() && !now.Before(p.once) {
		p.once, asks = time.Time{}, true
	}
	for p.step < len(burst) && !now.Before(p.began.Add(burst[p.step])) {
		p.step++
		asks = true
	}
	p.last, p.answer = now, time.Time{}
	if p.longest > 0 {
		least := p.longest * 3 / 10
		p.periodic = now.Add(least + p.upTo(p.longest-least))
	}
	return true, asks
}

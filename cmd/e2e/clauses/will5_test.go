package clauses

import (
	"testing"
	"time"
)

// TestWill5 holds what 5.0 adds to wills.
func TestWill5(t *testing.T) {
	t.Parallel()
	act(t, only5,
		scene{"delay", willDelayed},
		scene{"delay-ends-with-the-session", willDelaySession},
		scene{"delay-and-a-return", willDelayReturn},
		scene{"delay-and-a-clean-return", willDelayClean},
		scene{"delay-and-takeover", willDelayTakeover},
		scene{"takeover-without-a-session", willTakeoverClean},
		scene{"disconnect-with-will", willByDisconnect},
		scene{"disconnect-with-will-and-delay", willByDisconnectDelayed},
	)
}

func delayed(p *play, payload string, seconds uint32) option {
	return willing(will{topic: p.topic("will"), payload: payload, qos: 1, props: prop32(willDelay, seconds)})
}

// later wants a message, and that it came no sooner than said; since is before
// what began the wait.
func (x *peer) later(topic, payload string, since time.Time, least, most time.Duration) {
	x.Helper()
	x.take(topic, payload)
	if took := time.Since(since); took < least || took > most {
		x.Errorf("%q came after %s, want %s to %s", payload, took, least, most)
	}
}

func willDelayed(p *play) {
	s := p.mourner()
	x := p.join("x", lasting, delayed(p, "late", 2))
	begin := time.Now()
	x.drop()
	s.later(p.topic("will"), "late", begin, 1800*time.Millisecond, 6*time.Second)
	s.silent(p.resume("x"))
}

func willDelaySession(p *play) {
	s := p.mourner()
	x := p.join("x", expiring(1), delayed(p, "with the session", 60))
	begin := time.Now()
	x.drop()
	s.later(p.topic("will"), "with the session", begin, 800*time.Millisecond, 5*time.Second)
	y := p.join("y", delayed(p, "at once", 60))
	begin = time.Now()
	y.drop()
	s.later(p.topic("will"), "at once", begin, 0, 2*time.Second)
}

// willDelayReturn: back in time, no will; and the one of the new CONNECT is
// the only one from then on.
func willDelayReturn(p *play) {
	s := p.mourner()
	x := p.join("x", lasting, delayed(p, "first", 4))
	x.drop()
	x = p.resume("x", delayed(p, "second", 1))
	s.quiet(5 * time.Second)
	begin := time.Now()
	x.drop()
	s.later(p.topic("will"), "second", begin, 800*time.Millisecond, 5*time.Second)
	s.silent(p.resume("x"))
}

// willDelayClean: a clean start ends the session before, and so its delay.
func willDelayClean(p *play) {
	s := p.mourner()
	x := p.join("x", lasting, delayed(p, "ended", 60))
	x.drop()
	begin := time.Now()
	p.join("x")
	s.later(p.topic("will"), "ended", begin, 0, 5*time.Second)
}

// willDelayTakeover: the one who takes over is back in time.
func willDelayTakeover(p *play) {
	s := p.mourner()
	x := p.join("x", lasting, delayed(p, "no", 1))
	now := p.resume("x")
	x.ends(0x8E)
	s.quiet(2500 * time.Millisecond)
	s.silent(now)
}

// willTakeoverClean: who takes over with a clean start ends the session.
func willTakeoverClean(p *play) {
	s := p.mourner()
	x := p.join("x", lasting, delayed(p, "yes", 60))
	begin := time.Now()
	p.join("x")
	x.ends(0x8E)
	s.later(p.topic("will"), "yes", begin, 0, 5*time.Second)
}

func willByDisconnect(p *play) {
	s := p.mourner()
	x := p.heir("x", "asked for")
	x.send(leave(0x04))
	x.closed()
	s.take(p.topic("will"), "asked for")
	s.silent(p.join("x"))
}

func willByDisconnectDelayed(p *play) {
	s := p.mourner()
	x := p.join("x", lasting, delayed(p, "later", 1))
	begin := time.Now()
	x.send(leave(0x04))
	x.closed()
	s.later(p.topic("will"), "later", begin, 800*time.Millisecond, 5*time.Second)
}

package clauses

import (
	"testing"
	"time"
)

// TestSession5 holds what 5.0 says of the end of sessions.
func TestSession5(t *testing.T) {
	t.Parallel()
	act(t, only5,
		scene{"absent-is-zero", expiryAbsent},
		scene{"ends-in-time", expiryInTime},
		scene{"not-while-connected", expiryNotWhileConnected},
		scene{"changed-by-disconnect", expiryChanged},
		scene{"not-from-zero", expiryNotFromZero},
		scene{"ended-by-disconnect", expiryEnded},
		scene{"never", expiryNever},
		scene{"of-the-last-connect", expiryOfTheLast},
		scene{"clean-start-may-last", cleanStartMayLast},
	)
}

func expiring(seconds uint32) option { return with(prop32(sessionExpiry, seconds)) }
func unclean(c *connect)             { c.clean = false }

// present joins without asking for a clean start, and wants the session to be
// there or not; it is gone when the connection ends.
func (p *play) present(name string, want bool) {
	p.Helper()
	x := p.join(name, unclean)
	if x.connack.present != want {
		p.Fatalf("session present is %v, want %v", x.connack.present, want)
	}
	x.leave()
}

func expiryAbsent(p *play) {
	p.join("x").leave()
	p.present("x", false)
	p.join("x", unclean).drop()
	p.present("x", false)
	p.join("x", expiring(0)).leave()
	p.present("x", false)
}

func expiryInTime(p *play) {
	s := p.join("w")
	x := p.join("x", expiring(4))
	x.on(p.topic("t"), 1)
	x.leave()
	if x = p.join("x", unclean, expiring(1)); !x.connack.present {
		p.Fatal("the session is gone before its time")
	}
	x.leave()
	s.quiet(3500 * time.Millisecond)
	p.present("x", false)
}

func expiryNotWhileConnected(p *play) {
	x := p.join("x", expiring(3))
	x.on(p.topic("t"), 1)
	x.quiet(5 * time.Second)
	x.leave()
	p.present("x", true)
}

// expiryChanged: a DISCONNECT may set another interval.
func expiryChanged(p *play) {
	x := p.join("x", expiring(1))
	x.send(leave(0, prop32(sessionExpiry, 60)))
	x.closed()
	p.join("w").quiet(3 * time.Second)
	x = p.join("x", unclean, expiring(60))
	if !x.connack.present {
		p.Fatal("the session is gone before its new time")
	}
	x.send(leave(0, prop32(sessionExpiry, 1)))
	x.closed()
	p.join("w").quiet(3500 * time.Millisecond)
	p.present("x", false)
}

// expiryNotFromZero: a session that had no time cannot be given some.
func expiryNotFromZero(p *play) {
	for _, c := range [][]option{nil, {expiring(0)}} {
		x := p.join("x", c...)
		x.send(leave(0, prop32(sessionExpiry, 60)))
		x.ends(0x82)
		p.present("x", false)
	}
	x := p.join("x")
	x.send(leave(0, prop32(sessionExpiry, 0)))
	x.closed()
}

func expiryEnded(p *play) {
	x := p.join("x", expiring(3600))
	x.send(leave(0, prop32(sessionExpiry, 0)))
	x.closed()
	p.present("x", false)
}

func expiryNever(p *play) {
	x := p.join("x", expiring(0xFFFFFFFF))
	x.leave()
	p.present("x", true)
	p.present("x", false)
}

// expiryOfTheLast: each CONNECT sets it anew.
func expiryOfTheLast(p *play) {
	p.join("x", expiring(3600)).leave()
	x := p.join("x", unclean, expiring(1))
	if !x.connack.present {
		p.Fatal("the session is gone")
	}
	x.leave()
	p.join("w").quiet(3500 * time.Millisecond)
	p.present("x", false)
}

// cleanStartMayLast: clean start and a session that lasts are no opposites.
func cleanStartMayLast(p *play) {
	q := p.join("q")
	x := p.join("x", expiring(60))
	x.on(p.topic("t"), 1)
	x.leave()
	q.say(p.topic("t"), "waits")
	p.resume("x").take(p.topic("t"), "waits")
	if x := p.join("x", expiring(60)); x.connack.present {
		p.Fatal("clean start, and present")
	}
}

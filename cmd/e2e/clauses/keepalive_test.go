package clauses

import (
	"errors"
	"os"
	"testing"
	"time"
)

// TestKeepAlive holds the statements on keep alive and pings.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	act(t, both,
		scene{"ping", func(p *play) { p.join("x").nothing() }},
		scene{"silence-ends", silenceEnds},
		scene{"any-packet-keeps", anyPacketKeeps},
		scene{"zero-is-off", zeroIsOff},
		scene{"part-of-a-packet-is-none", partOfAPacket},
	)
}

// silenceEnds: after one and a half times the interval the connection is
// closed as if the network had failed, and the will goes out.
func silenceEnds(p *play) {
	s := p.join("s")
	s.on(p.topic("w"), 0)
	begin := time.Now()
	x := p.join("x", keep(1), willing(will{topic: p.topic("w"), payload: "gone"}))
	x.ends(0x8D)
	if took := time.Since(begin); took < 1400*time.Millisecond || took > 5*time.Second {
		p.Fatalf("closed after %s with a keep alive of 1 s", took)
	}
	s.take(p.topic("w"), "gone")
}

// anyPacketKeeps: PINGREQ is not the only sign of life.
func anyPacketKeeps(p *play) {
	x := p.join("x", keep(3))
	for i := range 4 {
		x.quiet(1500 * time.Millisecond)
		if i%2 == 0 {
			x.say(p.topic("t"), "alive")
		} else {
			x.nothing()
		}
	}
	x.leave()
}

func zeroIsOff(p *play) {
	x := p.join("x", keep(0))
	x.quiet(3 * time.Second)
	x.nothing()
}

// partOfAPacket: bytes that never make a packet keep nothing alive.
func partOfAPacket(p *play) {
	x := p.join("x", keep(1))
	m := publish{topic: p.topic("t"), payload: string(make([]byte, 100))}.bytes(p.v)
	for i := range 12 {
		x.offer(m[i : i+1])
		got, err := x.poll(500 * time.Millisecond)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if p.v == v5 && (err != nil || got.typ != disconnectType || got.reason != 0x8D) || p.v == v3 && !over(err) {
			p.Fatalf("got %s, %v", got, err)
		}
		return
	}
	p.Fatal("not closed in 6 s with a keep alive of 1 s")
}

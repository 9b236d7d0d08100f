package clauses

import (
	"fmt"
	"testing"
)

// TestWill holds the statements on wills that the versions share.
func TestWill(t *testing.T) {
	t.Parallel()
	act(t, both,
		scene{"on-a-dropped-connection", willDropped},
		scene{"not-on-disconnect", willDisconnect},
		scene{"on-a-protocol-error", willProtocolError},
		scene{"on-takeover", willTakeover},
		scene{"as-it-was-set", willAsSet},
		scene{"not-retained", willNotRetained},
		scene{"retained", willRetained},
		scene{"once", willOnce},
		scene{"empty-payload", willEmpty},
		scene{"of-the-last-connection", willOfTheLast},
		scene{"invalid-topic", willInvalidTopic},
	)
}

// heir joins with a will on the scene's own topic.
func (p *play) heir(name, payload string, options ...option) *peer {
	p.Helper()
	return p.join(name, append([]option{willing(will{topic: p.topic("will"), payload: payload, qos: 1})}, options...)...)
}

// mourner joins and waits for wills.
func (p *play) mourner() *peer {
	p.Helper()
	s := p.join("mourner")
	s.on(p.topic("will"), 2)
	return s
}

func willDropped(p *play) {
	s := p.mourner()
	x := p.heir("x", "gone")
	x.drop()
	s.take(p.topic("will"), "gone")
	// A connection that is only shut down did not say goodbye either.
	y := p.heir("y", "shut")
	_ = y.conn.Close()
	s.take(p.topic("will"), "shut")
	s.silent(p.join("q"))
}

// willDisconnect: DISCONNECT takes the will back. The same client ID
// publishes behind, so that a will on its way would come first.
func willDisconnect(p *play) {
	s := p.mourner()
	p.heir("x", "no").leave()
	x := p.join("x")
	x.say(p.topic("will"), "alive")
	s.take(p.topic("will"), "alive")
	s.silent(x)
	x.drop()
	s.silent(p.join("x"))
}

func willProtocolError(p *play) {
	s := p.mourner()
	for i, bad := range [][]byte{connect{v: p.v, id: p.id("x"), clean: true}.bytes(), {0xF1, 0}, frame(publishType<<4|6, str("t"), u16(1), props(p.v)), {pingreqType<<4 | 1, 0}} {
		x := p.heir("x", fmt.Sprint(i))
		x.send(bad)
		x.ends(0x81, 0x82)
		s.take(p.topic("will"), fmt.Sprint(i))
	}
	s.silent(p.join("q"))
}

// willTakeover: the server closes the connection of the one before, which did
// not say goodbye.
func willTakeover(p *play) {
	s := p.mourner()
	x := p.heir("x", "first")
	x.on(p.topic("own"), 0) // the SUBACK says that all nodes know of x
	now := p.heir("x", "second")
	x.ends(0x8E)
	s.take(p.topic("will"), "first")
	now.drop()
	s.take(p.topic("will"), "second")
	s.silent(p.join("q"))
}

func willAsSet(p *play) {
	s := p.mourner()
	for qos := range byte(3) {
		payload := fmt.Sprintf("\x00%d\xff", qos)
		x := p.join("x", willing(will{topic: p.topic("will"), payload: payload, qos: qos}))
		x.drop()
		if m := s.take(p.topic("will"), payload); m.qos() != qos || m.retain() || m.dup() {
			p.Fatalf("got %s, want QoS %d", m, qos)
		}
	}
}

func willNotRetained(p *play) {
	s := p.mourner()
	p.heir("x", "gone").drop()
	s.take(p.topic("will"), "gone")
	late := p.join("late")
	late.on(p.topic("will"), 1)
	late.silent(p.join("q"))
}

func willRetained(p *play) {
	s := p.mourner()
	p.join("x", willing(will{topic: p.topic("will"), payload: "gone", qos: 1, retain: true})).drop()
	if m := s.take(p.topic("will"), "gone"); m.retain() {
		p.Fatalf("an established subscription got %s", m)
	}
	late := p.join("late")
	late.on(p.topic("will"), 1)
	late.retained(p.topic("will"), "gone", 1)
}

// willOnce: once it was published it is not any more.
func willOnce(p *play) {
	s := p.mourner()
	x := p.heir("x", "gone", lasting)
	x.drop()
	s.take(p.topic("will"), "gone")
	for range 3 {
		p.resume("x").drop()
	}
	s.silent(p.resume("x"))
}

func willEmpty(p *play) {
	s := p.mourner()
	p.heir("x", "").drop()
	s.take(p.topic("will"), "")
}

// willOfTheLast: a new CONNECT of a lasting session brings a will of its own,
// or none.
func willOfTheLast(p *play) {
	s := p.mourner()
	p.heir("x", "first", lasting).leave()
	p.heir("x", "second", lasting).leave()
	p.resume("x").drop()
	x := p.heir("x", "third", lasting)
	x.drop()
	s.take(p.topic("will"), "third")
	s.silent(p.join("q"))
}

// willInvalidTopic: the topic of a will is a topic name.
func willInvalidTopic(p *play) {
	for _, topic := range []string{"a/#", "+", "", "a/+/b"} {
		x := p.ask("x", willing(will{topic: topic, payload: "w"}))
		x.id = fmt.Sprintf("topic %q", topic)
		x.ends(0x90, 0x81, 0x82)
	}
}

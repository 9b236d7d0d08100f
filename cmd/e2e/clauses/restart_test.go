package clauses

import (
	"fmt"
	"testing"
)

// TestRestart holds what clients see of a node that is stopped, or killed, and
// started again: sessions and retained messages are as they were.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, killed := range map[string]bool{"stopped": false, "killed": true} {
		for _, v := range both {
			t.Run(version(v)+"/"+name, func(t *testing.T) {
				t.Parallel()
				restart(&play{T: t, v: v, nodes: alone(t, ""), base: fmt.Sprint("c", plays.Add(1))}, killed)
			})
		}
	}
}

func restart(p *play, killed bool) {
	q := p.join("q", lasting)
	s := p.join("s", lasting)
	s.on(p.topic("t"), 2)
	q.retain(p.topic("kept"), "kept", 1)
	q.retain(p.topic("cleared"), "gone", 1)
	q.retain(p.topic("cleared"), "", 1)
	q.publish(publish{topic: p.topic("t"), payload: "open", qos: 1})
	open := s.receive(p.topic("t"), "open")
	q.publish(publish{topic: p.topic("t"), payload: "half", qos: 2})
	half := s.receive(p.topic("t"), "half")
	s.send(ack(pubrecType, half.id))
	s.wantAck(pubrelType, half.id)
	q.send(publish{topic: p.topic("t"), payload: "once", qos: 2, id: 300}.bytes(p.v))
	q.wantAck(pubrecType, 300)
	once := s.receive(p.topic("t"), "once")
	p.join("mourner", lasting).on(p.topic("will"), 1)
	p.heir("w", "gone", lasting).nothing()
	p.end(killed, s)
	p.again(open, half, once)
}

// end ends the node and starts it again.
func (p *play) end(killed bool, s *peer) {
	p.Helper()
	if killed {
		p.node().Kill()
	} else {
		if err := p.node().Stop(); err != nil {
			p.Fatal(err)
		}
		s.ends(0x8B)
	}
	if err := p.node().Again(); err != nil {
		p.Fatal(err)
	}
}

// again wants what was before the end.
func (p *play) again(open, half, once packet) {
	s, q := p.resume("s"), p.resume("q")
	s.released(half.id) // it may come before what is published again, or behind
	for _, was := range []packet{open, once} {
		if m := s.receive(p.topic("t"), was.payload); m.id != was.id || !m.dup() {
			p.Errorf("got %s, want %s again", m, was)
		}
	}
	s.send(ack(pubcompType, half.id))
	s.settle(once)
	s.settle(open)
	q.send(publish{topic: p.topic("t"), payload: "once", qos: 2, id: 300, dup: true}.bytes(p.v))
	q.wantAck(pubrecType, 300)
	q.send(ack(pubrelType, 300))
	q.wantAck(pubcompType, 300)
	late := p.join("late")
	late.on(p.topic("+"), 1)
	late.retained(p.topic("kept"), "kept", 1)
	late.silent(q)
	q.say(p.topic("t"), "new")
	s.take(p.topic("t"), "new")
	s.silent(q)
	// The node cut off a client with a will, which is published once.
	mourner := p.resume("mourner")
	mourner.take(p.topic("will"), "gone")
	mourner.silent(q)
}

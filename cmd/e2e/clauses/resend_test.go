package clauses

import (
	"fmt"
	"testing"
)

// TestResend holds the statements on sessions and what is sent again.
func TestResend(t *testing.T) {
	t.Parallel()
	act(t, both,
		scene{"offline-queue", offlineQueue},
		scene{"publish-again", publishAgain},
		scene{"release-again", releaseAgain},
		scene{"only-on-reconnect", onlyOnReconnect},
		scene{"identifiers-in-use", identifiersInUse},
		scene{"acks-of-nothing", acksOfNothing},
		scene{"acks-of-the-wrong-type", acksOfTheWrongType},
		scene{"subscriptions-stay", subscriptionsStay},
		scene{"takeover-keeps-the-session", takeoverKeepsTheSession},
		scene{"resumed-by-the-other-version", otherVersion},
	)
}

// offlineQueue: QoS 1 and 2 wait for a session, in order; QoS 0 may.
func offlineQueue(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("+"), 2)
	s.leave()
	for i := range 30 {
		q.publish(publish{topic: p.topic("t"), payload: fmt.Sprint(i), qos: 1 + byte(i%2)})
	}
	s = p.resume("s")
	for i := range 30 {
		if m := s.take(p.topic("t"), fmt.Sprint(i)); m.qos() != 1+byte(i%2) || m.dup() {
			p.Fatalf("got %s", m)
		}
	}
	s.silent(q)
	s.leave()
	p.resume("s").silent(q)
}

// publishAgain: with their identifiers, DUP, in their order, before anything
// new; and again after every reconnect.
func publishAgain(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("t"), 2)
	var first []packet
	for i := range 6 {
		q.publish(publish{topic: p.topic("t"), payload: fmt.Sprint(i), qos: 1 + byte(i%2)})
		first = append(first, s.receive(p.topic("t"), fmt.Sprint(i)))
	}
	s.leave()
	q.say(p.topic("t"), "new")
	for range 2 {
		s = p.resume("s")
		for i, was := range first {
			if m := s.receive(p.topic("t"), fmt.Sprint(i)); m.id != was.id || !m.dup() || m.qos() != was.qos() {
				p.Fatalf("got %s, want %s again", m, was)
			}
		}
		s.receive(p.topic("t"), "new")
		s.nothing()
		s.drop()
	}
	s = p.resume("s")
	for i := range first {
		s.take(p.topic("t"), fmt.Sprint(i))
	}
	s.take(p.topic("t"), "new")
	s.nothing()
	s.leave()
	p.resume("s").nothing()
}

// releaseAgain: after the PUBREC the PUBREL is sent again, never the PUBLISH.
func releaseAgain(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("t"), 2)
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 2})
	m := s.receive(p.topic("t"), "m")
	s.send(ack(pubrecType, m.id))
	s.wantAck(pubrelType, m.id)
	for range 2 {
		s.drop()
		s = p.resume("s")
		s.wantAck(pubrelType, m.id)
		s.nothing()
	}
	s.send(ack(pubcompType, m.id))
	s.nothing()
	s.leave()
	p.resume("s").nothing()
}

// onlyOnReconnect: while the connection lives nothing is sent twice.
func onlyOnReconnect(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("t"), 2)
	q.publish(publish{topic: p.topic("t"), payload: "one", qos: 1})
	q.publish(publish{topic: p.topic("t"), payload: "two", qos: 2})
	one, two := s.receive(p.topic("t"), "one"), s.receive(p.topic("t"), "two")
	s.silent(q)
	s.settle(two)
	s.settle(one)
	s.silent(q)
}

// identifiersInUse: a new message never has one that is not acknowledged.
func identifiersInUse(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("t"), 1)
	used := map[int]bool{}
	for i := range 10 {
		q.say(p.topic("t"), fmt.Sprint(i))
		m := s.receive(p.topic("t"), fmt.Sprint(i))
		if used[m.id] {
			p.Fatalf("identifier %d is in use", m.id)
		}
		used[m.id] = true
		if i%3 == 1 {
			s.settle(m)
			delete(used, m.id)
		}
	}
}

// acksOfNothing: of identifiers that are not in use; a PUBREC gets its PUBREL,
// in 5.0 with 0x92.
func acksOfNothing(p *play) {
	x := p.join("x")
	x.send(ack(pubackType, 999), ack(pubcompType, 998))
	x.nothing()
	x.send(ack(pubrecType, 997))
	x.wantAck(pubrelType, 997, 0x92, 0)
	x.nothing()
}

func subscriptionsStay(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.subscribe(sub{p.topic("a/+"), 1}, sub{p.topic("b"), 2})
	s.unsubscribe(p.topic("b"))
	s.on(p.topic("c"), 0)
	s.leave()
	s = p.resume("s")
	q.publish(publish{topic: p.topic("b"), payload: "b", qos: 1})
	q.publish(publish{topic: p.topic("c"), payload: "c", qos: 1})
	q.publish(publish{topic: p.topic("a/1"), payload: "a", qos: 2})
	s.take(p.topic("c"), "c")
	if m := s.take(p.topic("a/1"), "a"); m.qos() != 1 {
		p.Fatalf("got %s, want QoS 1", m)
	}
}

// takeoverKeepsTheSession: what the first connection had not acknowledged goes
// to the second.
func takeoverKeepsTheSession(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("t"), 1)
	q.say(p.topic("t"), "m")
	was := s.receive(p.topic("t"), "m")
	now := p.resume("s")
	s.ends(0x8E)
	if m := now.take(p.topic("t"), "m"); m.id != was.id || !m.dup() {
		p.Fatalf("got %s, want %s again", m, was)
	}
	now.silent(q)
}

// otherVersion: a session is one, whatever its client speaks.
func otherVersion(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("t"), 2)
	q.publish(publish{topic: p.topic("t"), payload: "one", qos: 2})
	was := s.receive(p.topic("t"), "one")
	s.leave()
	q.say(p.topic("t"), "two")
	s = p.join("s", as(v3+v5-p.v), lasting)
	if !s.connack.present {
		p.Fatal("the session is gone")
	}
	if m := s.take(p.topic("t"), "one"); m.id != was.id || !m.dup() {
		p.Errorf("got %s, want %s again", m, was)
	}
	s.take(p.topic("t"), "two")
	s.silent(q)
}

// acksOfTheWrongType: what a server makes of them nobody says; ours goes on
// with the session, whether it ends the connection or not.
func acksOfTheWrongType(p *play) {
	q := p.join("q")
	for i, wrong := range [][]byte{{1, pubrecType}, {1, pubcompType}, {2, pubackType}, {2, pubcompType}, {1, pubrelType}, {2, pubrelType}} {
		name := fmt.Sprint("s", i)
		s := p.join(name, lasting)
		s.on(p.topic(name), 2)
		q.publish(publish{topic: p.topic(name), payload: "m", qos: wrong[0]})
		s.send(ack(wrong[1], s.receive(p.topic(name), "m").id))
		s.offer(pingreq)
		for got, err := s.poll(within); err == nil && got.typ != pingrespType; got, err = s.poll(within) {
		}
		s.drop()
		s = p.resume(name)
		q.publish(publish{topic: p.topic(name), payload: "new", qos: 2})
		for m := s.next(); m.payload != "new"; m = s.next() {
		}
		s.nothing()
	}
}

package clauses

import (
	"fmt"
	"testing"
)

// TestRetain holds the statements on retained messages that the versions
// share.
func TestRetain(t *testing.T) {
	t.Parallel()
	act(t, both,
		scene{"stored", retainStored},
		scene{"replaced", retainReplaced},
		scene{"cleared", retainCleared},
		scene{"plain-message-leaves-it", retainPlain},
		scene{"not-set-for-the-established", retainEstablished},
		scene{"wildcards", retainWildcards},
		scene{"overlapping", retainOverlapping},
		scene{"subscribed-again", retainAgain},
		scene{"outlives-the-publisher", retainOutlives},
	)
}

// retain publishes a message to be retained, and returns when it is: another
// one behind it has been acknowledged.
func (x *peer) retain(topic, payload string, qos byte) {
	x.Helper()
	x.publish(publish{topic: topic, payload: payload, qos: qos, retain: true})
	if qos == 0 {
		x.publish(publish{topic: x.id + "/behind", payload: "behind", qos: 1, retain: true})
	}
}

// retained wants a retained message as the next packet.
func (x *peer) retained(topic, payload string, qos byte) packet {
	x.Helper()
	m := x.take(topic, payload)
	if !m.retain() || m.qos() != qos || m.dup() {
		x.Fatalf("%s: %s, want it retained with QoS %d", x.id, m, qos)
	}
	return m
}

// retainStored: with its QoS, which the granted one limits.
func retainStored(p *play) {
	q := p.join("q")
	for qos := range byte(3) {
		topic := p.topic(fmt.Sprint(qos))
		q.retain(topic, "kept", qos)
		for granted := range byte(3) {
			s := p.join("s")
			s.on(topic, granted)
			s.retained(topic, "kept", min(qos, granted))
			s.silent(q)
		}
	}
}

// retainReplaced: the last one only, QoS 0 as well.
func retainReplaced(p *play) {
	q := p.join("q")
	for i := range 6 {
		q.retain(p.topic("t"), fmt.Sprint(i), byte(2-i%3))
	}
	q.leave()
	s := p.join("s")
	s.on(p.topic("t"), 2)
	s.retained(p.topic("t"), "5", 0)
	s.silent(p.join("q"))
}

// retainCleared: no bytes clear it, reach those who are there as any message,
// and are not kept themselves.
func retainCleared(p *play) {
	q, here := p.join("q"), p.join("here")
	q.retain(p.topic("t"), "kept", 1)
	here.on(p.topic("t"), 1)
	here.retained(p.topic("t"), "kept", 1)
	q.retain(p.topic("t"), "", 1)
	if m := here.take(p.topic("t"), ""); m.retain() {
		p.Fatalf("got %s", m)
	}
	q.retain(p.topic("never"), "", 0)
	q.nothing()
	s := p.join("s")
	s.on(p.topic("#"), 1)
	s.silent(q)
}

func retainPlain(p *play) {
	q := p.join("q")
	q.retain(p.topic("t"), "kept", 1)
	for qos := range byte(3) {
		q.publish(publish{topic: p.topic("t"), payload: "passing", qos: qos})
		q.publish(publish{topic: p.topic("t"), qos: qos})
		q.publish(publish{topic: p.topic("u"), payload: "passing", qos: qos})
	}
	s := p.join("s")
	s.on(p.topic("+"), 1)
	s.retained(p.topic("t"), "kept", 1)
	s.silent(q)
}

func retainEstablished(p *play) {
	q, s := p.join("q"), p.join("s")
	s.on(p.topic("t"), 2)
	for qos := range byte(3) {
		q.retain(p.topic("t"), "live", qos)
		if m := s.take(p.topic("t"), "live"); m.retain() || m.qos() != qos {
			p.Fatalf("got %s", m)
		}
	}
}

// retainWildcards: of each topic that matches, the last one.
func retainWildcards(p *play) {
	q := p.join("q")
	for _, topic := range []string{"a", "a/b", "a/b/c", "d", "d/b"} {
		q.retain(p.topic(topic), topic, 1)
	}
	for filter, want := range map[string][]string{
		"#": {"a", "a/b", "a/b/c", "d", "d/b"}, "+": {"a", "d"}, "a/#": {"a", "a/b", "a/b/c"},
		"+/b": {"a/b", "d/b"}, "a/+/c": {"a/b/c"}, "a/b": {"a/b"}, "A": nil, "a/+/c/#": {"a/b/c"},
	} {
		s := p.join("s")
		s.on(p.topic(filter), 1)
		left := map[string]bool{}
		for _, topic := range want {
			left[topic] = true
		}
		for range want {
			m := s.want(publishType)
			s.settle(m)
			if m.topic != p.topic(m.payload) || !m.retain() || !left[m.payload] {
				p.Fatalf("%s: got %s", filter, m)
			}
			delete(left, m.payload)
		}
		s.silent(q)
	}
}

// retainOverlapping: each subscription of its own brings it.
func retainOverlapping(p *play) {
	q, s := p.join("q"), p.join("s")
	q.retain(p.topic("a/b"), "kept", 2)
	s.on(p.topic("a/#"), 1)
	s.retained(p.topic("a/b"), "kept", 1)
	s.on(p.topic("+/b"), 2)
	s.retained(p.topic("a/b"), "kept", 2)
	s.silent(q)
}

// retainAgain: a subscription that replaces one brings it again.
func retainAgain(p *play) {
	q, s := p.join("q"), p.join("s")
	q.retain(p.topic("t"), "kept", 1)
	for range 3 {
		s.on(p.topic("t"), 1)
		s.retained(p.topic("t"), "kept", 1)
	}
	s.unsubscribe(p.topic("t"))
	s.on(p.topic("t"), 0)
	s.retained(p.topic("t"), "kept", 0)
	s.silent(q)
}

// retainOutlives: it belongs to no session.
func retainOutlives(p *play) {
	q := p.join("q", lasting)
	q.retain(p.topic("t"), "kept", 1)
	q.leave()
	p.join("q").leave()
	s := p.join("s")
	s.on(p.topic("t"), 1)
	s.retained(p.topic("t"), "kept", 1)
}

package clauses

import (
	"fmt"
	"testing"
)

// TestAlias5 holds the statements on topic aliases.
func TestAlias5(t *testing.T) {
	t.Parallel()
	act(t, only5,
		scene{"from-a-client", aliasFromAClient},
		scene{"up-to-the-maximum", aliasUpToTheMaximum},
		scene{"zero", aliasZero},
		scene{"above-the-maximum", aliasAbove},
		scene{"unknown", aliasUnknown},
		scene{"of-another-connection", aliasOfAnotherConnection},
		scene{"none-for-who-allows-none", aliasNoneAllowed},
		scene{"to-a-client", aliasToAClient},
		scene{"to-a-client-at-once", aliasAtOnce},
		scene{"to-a-resumed-client", aliasToAResumed},
	)
}

// allowed returns how many aliases the server accepts, which ours does.
func (x *peer) allowed() int {
	x.Helper()
	n, is := x.connack.num(aliasMaximum)
	if !is || n == 0 {
		x.Fatal("the server accepts no topic aliases")
	}
	return int(n)
}

func aliased(topic, payload string, alias int) publish {
	return publish{topic: topic, payload: payload, props: prop16(topicAlias, alias)}
}

// aliasFromAClient: set, used, and set anew; the alias stays with the
// connection.
func aliasFromAClient(p *play) {
	s, q := p.join("s"), p.join("q")
	q.allowed()
	s.on(p.topic("#"), 1)
	for _, topic := range []string{"a", "b"} {
		q.publish(aliased(p.topic(topic), "set", 1))
		s.take(p.topic(topic), "set")
		for qos := range byte(3) {
			m := aliased("", "used", 1)
			m.qos = qos
			q.publish(m)
			if got := s.take(p.topic(topic), "used"); len(got.props) > 0 {
				p.Errorf("got %s", got)
			}
		}
	}
	m := aliased("", "kept", 1)
	m.retain, m.qos = true, 1
	q.publish(m)
	s.take(p.topic("b"), "kept")
	late := p.join("late")
	late.on(p.topic("b"), 1)
	late.retained(p.topic("b"), "kept", 1)
}

func aliasUpToTheMaximum(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("+"), 0)
	most := q.allowed()
	for _, alias := range []int{1, most/2 + 1, most} {
		q.publish(aliased(p.topic(fmt.Sprint(alias)), "set", alias))
		s.take(p.topic(fmt.Sprint(alias)), "set")
	}
	q.publish(aliased("", "used", 1))
	q.publish(aliased("", "used", most))
	s.take(p.topic("1"), "used")
	s.take(p.topic(fmt.Sprint(most)), "used")
}

func aliasZero(p *play) {
	x := p.join("x")
	x.send(aliased(p.topic("t"), "m", 0).bytes(v5))
	x.ends(0x94)
}

func aliasAbove(p *play) {
	x := p.join("x")
	if most := x.allowed(); most < 65535 {
		x.send(aliased(p.topic("t"), "m", most+1).bytes(v5))
		x.ends(0x94)
		x = p.join("x")
		x.send(aliased(p.topic("t"), "m", 65535).bytes(v5))
		x.ends(0x94)
	}
}

func aliasUnknown(p *play) {
	x := p.join("x")
	x.send(aliased("", "m", 1).bytes(v5))
	x.ends(0x82)
}

// aliasOfAnotherConnection: neither of this client before, nor of others.
func aliasOfAnotherConnection(p *play) {
	x := p.join("x", lasting)
	x.publish(aliased(p.topic("t"), "m", 1))
	x.nothing()
	y := p.join("y")
	y.send(aliased("", "m", 1).bytes(v5))
	y.ends(0x82)
	x.leave()
	x = p.resume("x")
	x.send(aliased("", "m", 1).bytes(v5))
	x.ends(0x82)
}

func aliasNoneAllowed(p *play) {
	q := p.join("q")
	for i, o := range []option{with(), with(prop16(aliasMaximum, 0))} {
		s := p.join(fmt.Sprint("s", i), o)
		s.on(p.topic("t"), 0)
		for range 10 {
			q.say(p.topic("t"), "m")
			if m := s.take(p.topic("t"), "m"); len(m.props) > 0 {
				p.Fatalf("got %s", m)
			}
		}
	}
}

// resolve replaces the alias of a message by its topic, as a client does.
func resolve(p *play, known map[uint32]string, most uint32, m packet) packet {
	p.Helper()
	alias, is := m.num(topicAlias)
	switch {
	case !is:
	case alias > most:
		p.Fatalf("alias %d, above %d [MQTT-3.3.2-11]", alias, most)
	case m.topic != "":
		known[alias] = m.topic
	case known[alias] == "":
		p.Fatalf("alias %d is not known", alias)
	default:
		m.topic = known[alias]
	}
	return m
}

// aliasToAClient: many topics through few aliases, in any order.
func aliasToAClient(p *play) {
	q := p.join("q")
	s := p.join("s", with(prop16(aliasMaximum, 3)))
	s.on(p.topic("+"), 1)
	known := map[uint32]string{}
	for i := range 200 {
		topic := p.topic(fmt.Sprint(i * i % 7))
		q.publish(publish{topic: topic, payload: fmt.Sprint(i), qos: byte(i % 2)})
		m := s.want(publishType)
		s.settle(m)
		if m = resolve(p, known, 3, m); m.topic != topic || m.payload != fmt.Sprint(i) {
			p.Fatalf("got %s, want %s", m, topic)
		}
	}
}

// aliasAtOnce: the first message of a topic sets the alias, the next ones use
// it, at each QoS.
func aliasAtOnce(p *play) {
	q, s := p.join("q"), p.join("s", with(prop16(aliasMaximum, 1)))
	s.on(p.topic("t"), 2)
	for i, topic := range []string{p.topic("t"), "", ""} {
		q.publish(publish{topic: p.topic("t"), payload: "m", qos: byte(i)})
		if alias, is := s.take(topic, "m").num(topicAlias); !is || alias != 1 {
			p.Errorf("message %d has no alias", i)
		}
	}
}

// aliasToAResumed: what is sent again must not lean on an alias of before.
func aliasToAResumed(p *play) {
	q := p.join("q")
	s := p.join("s", lasting, with(prop16(aliasMaximum, 5)))
	s.on(p.topic("t"), 1)
	for range 3 {
		q.say(p.topic("t"), "m")
		s.want(publishType)
	}
	s.drop()
	for _, most := range []uint32{0, 5} {
		s = p.resume("s", with(prop16(aliasMaximum, int(most))))
		known := map[uint32]string{}
		for range 3 {
			if m := resolve(p, known, most, s.want(publishType)); m.topic != p.topic("t") {
				p.Fatalf("got %s", m)
			}
		}
		s.drop()
	}
}

package clauses

import (
	"fmt"
	"strings"
	"testing"
)

// TestFlow5 holds the statements on flow control and the size of packets.
func TestFlow5(t *testing.T) {
	t.Parallel()
	act(t, only5,
		scene{"receive-maximum-of-a-client", receiveMaximumOfAClient},
		scene{"pubrec-is-no-end", pubrecIsNoEnd},
		scene{"refused-frees", refusedFrees},
		scene{"other-packets-pass", otherPacketsPass},
		scene{"again-on-reconnect", quotaAgain},
		scene{"receive-maximum-zero", receiveMaximumZero},
		scene{"pubrec-with-an-error-is-an-end", pubrecError},
		scene{"packet-too-large-for-a-client", packetTooLarge},
		scene{"maximum-packet-size-zero", packetSizeZero},
		scene{"server-maximum-packet-size", serverPacketSize},
		scene{"acks-within-the-maximum", acksWithin},
		scene{"disconnect-within-the-maximum", disconnectWithin},
	)
}

func window(n int) option { return with(prop16(receiveMaximum, n)) }

// receiveMaximumOfAClient: no more than it said is on its way.
func receiveMaximumOfAClient(p *play) {
	q := p.join("q")
	for _, n := range []int{1, 2, 5} {
		s := p.join(fmt.Sprint("s", n), window(n))
		s.on(p.topic(fmt.Sprint(n)), 1)
		for i := range 12 {
			q.say(p.topic(fmt.Sprint(n)), fmt.Sprint(i))
		}
		var open []packet
		for i := range 12 {
			if len(open) == n {
				s.nothing()
				s.settle(open[0])
				open = open[1:]
			}
			open = append(open, s.receive(p.topic(fmt.Sprint(n)), fmt.Sprint(i)))
		}
	}
}

// pubrecIsNoEnd: the place of QoS 2 is free with the PUBCOMP.
func pubrecIsNoEnd(p *play) {
	q, s := p.join("q"), p.join("s", window(1))
	s.on(p.topic("t"), 2)
	for _, payload := range []string{"a", "b"} {
		q.publish(publish{topic: p.topic("t"), payload: payload, qos: 2})
	}
	m := s.receive(p.topic("t"), "a")
	s.nothing()
	s.send(ack(pubrecType, m.id))
	s.wantAck(pubrelType, m.id)
	s.nothing()
	s.send(ack(pubcompType, m.id))
	s.take(p.topic("t"), "b")
}

// refusedFrees: a PUBACK or PUBREC with an error ends the message; it is not
// sent again.
func refusedFrees(p *play) {
	q, s := p.join("q"), p.join("s", lasting, window(1))
	s.on(p.topic("t"), 2)
	for i := range 4 {
		q.publish(publish{topic: p.topic("t"), payload: fmt.Sprint(i), qos: 1 + byte(i%2)})
	}
	for i := range 4 {
		m := s.receive(p.topic("t"), fmt.Sprint(i))
		s.nothing()
		s.send(ackBy(pubackType+m.qos()-1, m.id, 0x83))
	}
	s.nothing()
	s.leave()
	p.resume("s").silent(q)
}

// otherPacketsPass: while the quota is used up, all but PUBLISH goes on.
func otherPacketsPass(p *play) {
	q, s := p.join("q"), p.join("s", window(1))
	s.on(p.topic("t"), 1)
	for i := range 5 {
		q.say(p.topic("t"), fmt.Sprint(i))
	}
	s.receive(p.topic("t"), "0")
	s.nothing()
	s.on(p.topic("u"), 2)
	s.unsubscribe(p.topic("u"))
	s.publish(publish{topic: p.topic("v"), qos: 1})
	s.publish(publish{topic: p.topic("v"), qos: 2})
	s.nothing()
}

// quotaAgain: each connection starts with a quota of its own.
func quotaAgain(p *play) {
	q, s := p.join("q"), p.join("s", lasting, window(4))
	s.on(p.topic("t"), 1)
	for i := range 6 {
		q.say(p.topic("t"), fmt.Sprint(i))
	}
	for i := range 4 {
		s.receive(p.topic("t"), fmt.Sprint(i))
	}
	s.nothing()
	s.drop()
	s = p.resume("s", window(2))
	first, second := s.receive(p.topic("t"), "0"), s.receive(p.topic("t"), "1")
	s.nothing()
	s.settle(first)
	s.settle(second)
	for i := 2; i < 6; i++ {
		s.take(p.topic("t"), fmt.Sprint(i))
	}
	s.nothing()
}

func receiveMaximumZero(p *play) {
	p.ask("x", window(0)).ends(0x82)
}

// pubrecError: after a PUBREC that the server refused with, the identifier is
// free; and a PUBREL with an error ends as well.
func pubrecError(p *play) {
	q, s := p.join("q"), p.join("s")
	s.on(p.topic("t"), 2)
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 2})
	m := s.receive(p.topic("t"), "m")
	s.send(ackBy(pubrecType, m.id, 0x80))
	s.nothing()
	s.send(ack(pubcompType, m.id))
	s.silent(q)
}

// packetTooLarge: the server drops it and goes on as if it had been sent.
func packetTooLarge(p *play) {
	q, s := p.join("q"), p.join("s", lasting, with(prop32(maximumPacket, 100)))
	all := p.join("all")
	s.on(p.topic("t"), 2)
	all.on(p.topic("t"), 2)
	exact := 100 - len(publish{topic: p.topic("t"), qos: 1, id: 1}.bytes(v5))
	for qos := range byte(3) {
		large := strings.Repeat("x", 100)
		q.publish(publish{topic: p.topic("t"), payload: large, qos: qos})
		all.take(p.topic("t"), large)
		q.publish(publish{topic: p.topic("t"), payload: "small", qos: qos, props: propPair("n", strings.Repeat("v", 100))})
		all.take(p.topic("t"), "small")
		fits := strings.Repeat("y", exact)
		q.publish(publish{topic: p.topic("t"), payload: fits, qos: qos})
		all.take(p.topic("t"), fits)
		s.take(p.topic("t"), fits)
	}
	q.say(p.topic("t"), strings.Repeat("z", exact+1))
	s.silent(q)
	s.leave()
	q.say(p.topic("t"), strings.Repeat("x", 100))
	q.say(p.topic("t"), "last")
	s = p.resume("s", with(prop32(maximumPacket, 100)))
	s.take(p.topic("t"), "last")
	s.silent(q)
}

func packetSizeZero(p *play) {
	p.ask("x", with(prop32(maximumPacket, 0))).ends(0x82)
}

// serverPacketSize: what the server says that it takes, it takes, and no more.
func serverPacketSize(p *play) {
	x := p.join("x")
	most, is := x.connack.num(maximumPacket)
	if !is {
		return
	}
	m := publish{topic: p.topic("t"), qos: 1, id: 1, payload: string(make([]byte, int(most)))}
	m.payload = m.payload[len(m.bytes(v5))-int(most):]
	x.send(m.bytes(v5))
	x.wantAck(pubackType, 1)
	m.payload += "x"
	x.offer(m.bytes(v5))
	x.endsUnread(0x95)
}

// acksWithin: no acknowledgement is made too large by what it explains, for
// clients of which some could take no explanation at all.
func acksWithin(p *play) {
	long := strings.Repeat("n", 100)
	for _, most := range []uint32{30, 40} {
		x := p.join(fmt.Sprint("x", most), with(prop32(maximumPacket, most)))
		x.send(publish{topic: long, qos: 1, id: 1}.bytes(v5), publish{topic: long, qos: 2, id: 2}.bytes(v5), ack(pubrelType, 77), ack(pubrecType, 78),
			unsubscribe(v5, 3, long), subscribe(v5, 4, nil, sub{long, 0}), subscribe(v5, 5, nil, sub{long, 1}))
		types := map[byte]int{}
		for range 7 {
			got := x.next()
			if types[got.typ]++; got.size() > int(most) {
				p.Errorf("%d bytes for a client of %d: %s", got.size(), most, got)
			}
		}
		if len(types) != 6 {
			p.Errorf("answers of %v", types)
		}
		x.nothing()
	}
}

// disconnectWithin: nor is a DISCONNECT.
func disconnectWithin(p *play) {
	for _, most := range []uint32{30, 40} {
		for _, bad := range [][]byte{{pingrespType << 4, 0}, aliased(strings.Repeat("n", 100), "m", 65535).bytes(v5), publish{topic: "a/+"}.bytes(v5)} {
			x := p.join("x", with(prop32(maximumPacket, most)))
			x.send(bad)
			if got := x.want(disconnectType); got.size() > int(most) {
				p.Errorf("%d bytes for a client of %d: %s", got.size(), most, got)
			}
			x.closed()
		}
	}
}

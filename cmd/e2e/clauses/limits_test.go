package clauses

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestLimits holds what a server with limits says and does.
func TestLimits(t *testing.T) {
	t.Parallel()
	n := alone(t, `mqtt { max_clientid_length = 30, receive_maximum = 3, server_keepalive = 1, max_topic_alias = 2, session_expiry_interval = 10s,
		max_packet_size = 1KB, max_queue_bytes = 8MiB, max_subscriptions = 4, max_queue_length = 5, response_information = "answers/" }`)
	actOn(t, n,
		cast{both, []scene{
			{"long-client-id", longClientID},
			{"largest-packet", largestPacket},
			{"too-many-subscriptions", tooManySubscriptions},
			{"full-queue", fullQueue},
		}},
		cast{only5, []scene{
			{"said", limitsSaid},
			{"receive-maximum", receiveMaximumOfTheServer},
			{"server-keep-alive", serverKeepAliveEnds},
			{"aliases", aliasesOfTheServer},
			{"session-expiry", expiryOfTheServer},
			{"response-information", responseInfoOfTheServer},
		}})
}

func longClientID(p *play) {
	x := p.ask("", func(c *connect) { c.id = p.base + strings.Repeat("x", 31-len(p.base)) })
	if got := x.want(connackType); p.v == v3 && got.reason != 2 || p.v == v5 && got.reason != 0x85 {
		p.Errorf("got %s", got)
	}
	x.closed()
	p.join("", func(c *connect) { c.id = p.base + strings.Repeat("x", 30-len(p.base)) }).nothing()
}

func largestPacket(p *play) {
	x := p.join("x")
	m := publish{topic: p.topic("t"), qos: 1, id: 1, payload: strings.Repeat("x", 1000)}
	m.payload = m.payload[len(m.bytes(p.v))-1000:]
	x.send(m.bytes(p.v))
	x.wantAck(pubackType, 1)
	m.payload += "y"
	x.offer(m.bytes(p.v))
	if p.v == v3 {
		x.closed()
	} else {
		x.endsUnread(0x95)
	}
}

// tooManySubscriptions: each filter is answered for itself; one that is there
// may be changed all the same.
func tooManySubscriptions(p *play) {
	x := p.join("x")
	no := byte(0x80)
	if p.v == v5 {
		no = 0x97
	}
	for _, want := range [][]byte{{0, 0, 0, 0, no, 0}, {0, 0, 0, 0, no, 0}} {
		x.send(subscribe(p.v, 1, nil, sub{p.topic("1"), 0}, sub{p.topic("2"), 0}, sub{p.topic("3"), 0}, sub{p.topic("4"), 0}, sub{p.topic("5"), 0}, sub{p.topic("1"), 0}))
		if got := x.want(subackType); !slices.Equal(got.codes, want) {
			p.Fatalf("got %s, want %x", got, want)
		}
	}
	x.unsubscribe(p.topic("2"))
	x.on(p.topic("5"), 0)
}

// fullQueue: the oldest go, and the order stays.
func fullQueue(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("t"), 1)
	s.leave()
	for i := range 12 {
		q.say(p.topic("t"), fmt.Sprint(i))
	}
	s = p.resume("s")
	for i := 7; i < 12; i++ {
		s.take(p.topic("t"), fmt.Sprint(i))
	}
	s.silent(q)
}

func limitsSaid(p *play) {
	c := p.join("x", expiring(3600), keep(60)).connack
	for id, want := range map[byte]uint32{receiveMaximum: 3, serverKeepAlive: 1, aliasMaximum: 2, sessionExpiry: 10, maximumPacket: 1000} {
		if got, is := c.num(id); !is || got != want {
			p.Errorf("property %#x is %d, %v, want %d", id, got, is, want)
		}
	}
}

// receiveMaximumOfTheServer: what is not complete counts, QoS 2 until its
// PUBCOMP. One more is one too many.
func receiveMaximumOfTheServer(p *play) {
	x := p.join("x")
	for id := 1; id <= 3; id++ {
		x.send(publish{topic: p.topic("t"), qos: 2, id: id}.bytes(v5))
		x.wantAck(pubrecType, id)
	}
	x.send(ack(pubrelType, 2))
	x.wantAck(pubcompType, 2)
	x.send(publish{topic: p.topic("t"), qos: 2, id: 4}.bytes(v5), publish{topic: p.topic("t")}.bytes(v5))
	x.wantAck(pubrecType, 4)
	x.send(publish{topic: p.topic("t"), qos: 2, id: 5}.bytes(v5))
	x.ends(0x93)
}

// serverKeepAliveEnds: the server's interval counts, whatever the client asked
// for.
func serverKeepAliveEnds(p *play) {
	for _, seconds := range []int{600, 0} {
		begin := time.Now()
		x := p.join("x", keep(seconds))
		x.ends(0x8D)
		if took := time.Since(begin); took < 1400*time.Millisecond || took > 5*time.Second {
			p.Errorf("closed after %s with a server keep alive of 1 s", took)
		}
	}
}

func aliasesOfTheServer(p *play) {
	x := p.join("x")
	x.publish(aliased(p.topic("a"), "m", 1))
	x.publish(aliased(p.topic("b"), "m", 2))
	x.publish(aliased("", "m", 1))
	x.nothing()
	x.send(aliased(p.topic("c"), "m", 3).bytes(v5))
	x.ends(0x94)
}

func expiryOfTheServer(p *play) {
	if _, is := p.join("x", expiring(5)).connack.num(sessionExpiry); is {
		p.Log("an interval within the limit was repeated, which is no fault")
	}
	if got, _ := p.join("y", expiring(0xFFFFFFFF)).connack.num(sessionExpiry); got != 10 {
		p.Errorf("session expiry %d", got)
	}
}

func responseInfoOfTheServer(p *play) {
	if got := p.join("x", with(prop8(requestResponse, 1))).connack.texts(responseInfo); len(got) != 1 || !strings.HasPrefix(got[0], "answers/") {
		p.Errorf("response information %q", got)
	}
	for _, o := range []option{with(), with(prop8(requestResponse, 0))} {
		if got := p.join("x", o).connack.texts(responseInfo); got != nil {
			p.Errorf("response information %q that nobody asked for", got)
		}
	}
}

// TestRestricted holds what a server says and does that was told to do less
// than it can.
func TestRestricted(t *testing.T) {
	t.Parallel()
	n := alone(t, "mqtt { max_qos_allowed = 1, retain_available = off, wildcard_subscription = off, shared_subscription = off }")
	actOn(t, n,
		cast{only5, []scene{
			{"said", restrictionsSaid},
			{"wills", restrictedWills},
			{"messages", restrictedMessages},
			{"subscriptions", restrictedSubscriptions},
		}},
		cast{only3, []scene{{"old-clients", restrictedOldClients}}})
}

func restrictionsSaid(p *play) {
	c := p.join("x").connack
	for id, want := range map[byte]uint32{maximumQoS: 1, retainAvailable: 0, wildcardSubs: 0, sharedSubs: 0} {
		if got, is := c.num(id); !is || got != want {
			p.Errorf("property %#x is %d, %v, want %d", id, got, is, want)
		}
	}
}

func restrictedWills(p *play) {
	p.ask("x", willing(will{topic: p.topic("w"), qos: 2})).ends(0x9B)
	p.ask("x", willing(will{topic: p.topic("w"), retain: true})).ends(0x9A)
	p.join("x", willing(will{topic: p.topic("w"), qos: 1})).leave()
}

func restrictedMessages(p *play) {
	s := p.join("s")
	s.on(p.topic("t"), 1)
	x := p.join("x")
	x.send(publish{topic: p.topic("t"), qos: 2, id: 1}.bytes(v5))
	x.ends(0x9B)
	x = p.join("x")
	x.send(publish{topic: p.topic("t"), retain: true}.bytes(v5))
	x.ends(0x9A)
	s.silent(p.join("q"))
}

// restrictedSubscriptions: a QoS that is not had may still be asked for.
func restrictedSubscriptions(p *play) {
	x := p.join("x")
	x.send(subscribe(v5, 1, nil, sub{p.topic("t"), 2}, sub{p.topic("+"), 0}, sub{p.group("g", "t"), 0}, sub{p.topic("#"), 1}))
	got := x.next()
	if got.typ == disconnectType && slices.Contains([]byte{0xA2, 0x9E}, got.reason) {
		x.closed()
		x = p.join("x")
		x.send(subscribe(v5, 1, nil, sub{p.topic("t"), 2}))
		if got = x.next(); len(got.codes) != 1 || got.codes[0] > 2 {
			p.Fatalf("got %s", got)
		}
	} else if got.typ != subackType || got.codes[0] > 2 || !slices.Equal(got.codes[1:], []byte{0xA2, 0x9E, 0xA2}) {
		p.Fatalf("got %s", got)
	}
	p.join("q").say(p.topic("t"), "m")
	if m := x.take(p.topic("t"), "m"); m.qos() != 1 {
		p.Errorf("got %s", m)
	}
}

// restrictedOldClients: 3.1.1 has no words for it.
func restrictedOldClients(p *play) {
	for i, bytes := range [][]byte{publish{topic: p.topic("t"), qos: 2, id: 1}.bytes(v3), publish{topic: p.topic("t"), retain: true}.bytes(v3)} {
		x := p.join(fmt.Sprint("x", i))
		x.send(bytes)
		x.closed()
	}
	x := p.join("x")
	x.send(subscribe(v3, 1, nil, sub{p.topic("t"), 2}, sub{p.topic("+"), 0}))
	if got := x.want(subackType); got.codes[0] > 2 || got.codes[1] != 0x80 {
		p.Errorf("got %s", got)
	}
}

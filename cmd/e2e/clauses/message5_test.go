package clauses

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMessage5 holds what 5.0 says of the properties of a message.
func TestMessage5(t *testing.T) {
	t.Parallel()
	act(t, only5,
		scene{"unaltered", unaltered},
		scene{"user-properties-in-order", userProperties},
		scene{"left-out-for-3.1.1", leftOutFor3},
		scene{"kept-with-a-retained-message", propertiesRetained},
		scene{"kept-in-a-queue", propertiesQueued},
		scene{"of-a-will", propertiesOfAWill},
		scene{"request-and-response", requestAndResponse},
		scene{"response-topic-with-wildcards", responseWildcards},
		scene{"payload-format", payloadFormats},
		scene{"expired-is-not-delivered", expired},
		scene{"expiry-counts-down", expiryCountsDown},
		scene{"expiry-of-a-retained-message", expiryRetained},
		scene{"expiry-of-what-was-sent", expirySent},
		scene{"expired-flow-goes-on", expiredFlow},
		scene{"no-matching-subscribers", noMatching},
	)
}

// everything is all that goes through unaltered.
var everything = cat(prop8(payloadFormat, 1), propStr(contentType, "text/plain; \u20ac"), propStr(responseTopic, "an/answer"),
	propStr(correlationData, "\x00\xff\x01"), propPair("a", "1"), propPair("", ""), propPair("a", "1"))

func (x *peer) wantEverything(m packet) {
	x.Helper()
	format, is := m.num(payloadFormat)
	if !is || format != 1 || !slices.Equal(m.texts(contentType), []string{"text/plain; \u20ac"}) || !slices.Equal(m.texts(responseTopic), []string{"an/answer"}) ||
		!slices.Equal(m.texts(correlationData), []string{"\x00\xff\x01"}) || !slices.Equal(m.texts(userProperty), []string{"a=1", "=", "a=1"}) {
		x.Errorf("%s: got %s", x.id, m)
	}
}

func unaltered(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("t"), 2)
	for qos := range byte(3) {
		q.publish(publish{topic: p.topic("t"), payload: "m", qos: qos, props: everything})
		s.wantEverything(s.take(p.topic("t"), "m"))
	}
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 1})
	if m := s.take(p.topic("t"), "m"); len(m.props) > 0 {
		p.Errorf("got %s, published without any", m)
	}
	q.publish(publish{topic: p.topic("t"), payload: "m", props: prop8(payloadFormat, 0)})
	if format, is := s.take(p.topic("t"), "m").num(payloadFormat); is && format != 0 {
		p.Errorf("payload format %d", format)
	}
}

func userProperties(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("t"), 0)
	var list []byte
	var want []string
	for i := range 40 {
		name, value := string(rune('z'-i%20)), strings.Repeat("v", i*7)
		list, want = cat(list, propPair(name, value)), append(want, name+"="+value)
	}
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 1, props: list})
	if got := s.take(p.topic("t"), "m").texts(userProperty); !slices.Equal(got, want) {
		p.Errorf("got %q", got)
	}
}

func leftOutFor3(p *play) {
	s, q := p.join("s", as(v3)), p.join("q")
	s.on(p.topic("t"), 2)
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 2, props: cat(everything, prop32(messageExpiry, 60))})
	s.take(p.topic("t"), "m")
	s.say(p.topic("u"), "from 3.1.1")
	q.on(p.topic("u"), 0)
	s.say(p.topic("u"), "from 3.1.1")
	if m := q.take(p.topic("u"), "from 3.1.1"); len(m.props) > 0 {
		p.Errorf("got %s", m)
	}
}

func propertiesRetained(p *play) {
	s, q := p.join("s"), p.join("q")
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 1, retain: true, props: everything})
	s.on(p.topic("t"), 1)
	s.wantEverything(s.retained(p.topic("t"), "m", 1))
}

func propertiesQueued(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("t"), 1)
	s.leave()
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 1, props: everything})
	s = p.resume("s")
	s.wantEverything(s.receive(p.topic("t"), "m"))
	s.drop()
	s = p.resume("s")
	s.wantEverything(s.take(p.topic("t"), "m"))
}

func propertiesOfAWill(p *play) {
	s := p.join("s")
	s.on(p.topic("w"), 1)
	p.join("x", willing(will{topic: p.topic("w"), payload: "m", qos: 1, props: cat(everything, prop32(messageExpiry, 100), prop32(willDelay, 0))})).drop()
	m := s.take(p.topic("w"), "m")
	s.wantEverything(m)
	if left, is := m.num(messageExpiry); !is || left > 100 || left < 90 {
		p.Errorf("message expiry of %d", left)
	}
}

func requestAndResponse(p *play) {
	asker, answerer := p.join("asker"), p.join("answerer")
	asker.on(p.topic("answers"), 1)
	answerer.on(p.topic("questions"), 1)
	asker.publish(publish{topic: p.topic("questions"), payload: "?", qos: 1, props: cat(propStr(responseTopic, p.topic("answers")), propStr(correlationData, "no. 1"))})
	m := answerer.take(p.topic("questions"), "?")
	to, with := m.texts(responseTopic), m.texts(correlationData)
	if len(to) != 1 || len(with) != 1 {
		p.Fatalf("got %s", m)
	}
	answerer.publish(publish{topic: to[0], payload: "!", qos: 1, props: propStr(correlationData, with[0])})
	if m := asker.take(p.topic("answers"), "!"); !slices.Equal(m.texts(correlationData), []string{"no. 1"}) || m.texts(responseTopic) != nil {
		p.Errorf("got %s", m)
	}
}

func responseWildcards(p *play) {
	for _, topic := range []string{"a/+", "#", "a/#/b"} {
		x := p.join("x")
		x.send(publish{topic: p.topic("t"), props: propStr(responseTopic, topic)}.bytes(v5))
		x.ends(0x82, 0x81, 0x90)
		y := p.ask("y", willing(will{topic: p.topic("t"), props: propStr(responseTopic, topic)}))
		y.ends(0x82, 0x81, 0x90)
	}
}

// payloadFormats: 0 and 1 are all; a server may look whether a payload is
// what it says, and then refuses the message alone, or the client.
func payloadFormats(p *play) {
	x := p.join("x")
	x.send(publish{topic: p.topic("t"), props: prop8(payloadFormat, 2)}.bytes(v5))
	x.ends(0x82)
	y := p.join("y")
	y.send(publish{topic: p.topic("t"), payload: "\xff", qos: 1, id: 1, props: prop8(payloadFormat, 1)}.bytes(v5))
	if got := y.next(); !(got.typ == pubackType && slices.Contains([]byte{0, 0x10, 0x99}, got.reason)) && !(got.typ == disconnectType && got.reason == 0x99) {
		p.Errorf("got %s", got)
	}
}

func expired(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("t"), 2)
	s.leave()
	for qos := byte(1); qos <= 2; qos++ {
		q.publish(publish{topic: p.topic("t"), payload: "short", qos: qos, props: prop32(messageExpiry, 1)})
		q.publish(publish{topic: p.topic("t"), payload: "long", qos: qos, props: prop32(messageExpiry, 100)})
	}
	q.quiet(2200 * time.Millisecond)
	s = p.resume("s")
	s.take(p.topic("t"), "long")
	s.take(p.topic("t"), "long")
	s.silent(q)
}

func expiryCountsDown(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("t"), 1)
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 1, props: prop32(messageExpiry, 100)})
	if left, is := s.take(p.topic("t"), "m").num(messageExpiry); !is || left > 100 || left < 98 {
		p.Errorf("at once: %d of 100 s are left", left)
	}
	s.leave()
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 1, props: prop32(messageExpiry, 100)})
	q.quiet(2200 * time.Millisecond)
	if left, is := p.resume("s").take(p.topic("t"), "m").num(messageExpiry); !is || left > 98 || left < 90 {
		p.Errorf("after 2.2 s: %d of 100 s are left", left)
	}
}

func expiryRetained(p *play) {
	q, s := p.join("q"), p.join("s")
	q.publish(publish{topic: p.topic("long"), payload: "m", qos: 1, retain: true, props: prop32(messageExpiry, 100)})
	q.publish(publish{topic: p.topic("short"), payload: "m", qos: 1, retain: true, props: prop32(messageExpiry, 1)})
	q.quiet(2200 * time.Millisecond)
	s.on(p.topic("+"), 1)
	if left, is := s.retained(p.topic("long"), "m", 1).num(messageExpiry); !is || left > 98 || left < 90 {
		p.Errorf("after 2.2 s: %d of 100 s are left", left)
	}
	s.silent(q)
}

// expirySent: what was sent before it expired is sent again.
func expirySent(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("t"), 2)
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 2, props: prop32(messageExpiry, 1)})
	was := s.receive(p.topic("t"), "m")
	s.drop()
	q.quiet(2200 * time.Millisecond)
	if m := p.resume("s").take(p.topic("t"), "m"); m.id != was.id {
		p.Errorf("got %s, want %s", m, was)
	}
}

// expiredFlow: the flow of QoS 2 with the publisher goes on when the message
// has expired meanwhile.
func expiredFlow(p *play) {
	q := p.join("q")
	q.send(publish{topic: p.topic("t"), payload: "m", qos: 2, id: 3, props: prop32(messageExpiry, 1)}.bytes(v5))
	q.wantAck(pubrecType, 3)
	q.quiet(2200 * time.Millisecond)
	q.send(publish{topic: p.topic("t"), payload: "m", qos: 2, id: 3, dup: true, props: prop32(messageExpiry, 1)}.bytes(v5))
	q.wantAck(pubrecType, 3)
	q.send(ack(pubrelType, 3))
	q.wantAck(pubcompType, 3)
}

// noMatching: said where a server knows; ours does.
func noMatching(p *play) {
	q, s := p.join("q"), p.join("s")
	s.on(p.topic("t"), 1)
	q.send(publish{topic: p.topic("none"), qos: 1, id: 1}.bytes(v5))
	q.wantAck(pubackType, 1, 0x10)
	q.send(publish{topic: p.topic("none"), qos: 2, id: 2}.bytes(v5))
	q.wantAck(pubrecType, 2, 0x10)
	q.send(ack(pubrelType, 2))
	q.wantAck(pubcompType, 2, 0)
	q.send(publish{topic: p.topic("t"), qos: 1, id: 3}.bytes(v5))
	q.wantAck(pubackType, 3, 0)
}

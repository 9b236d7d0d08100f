package clauses

import (
	"fmt"
	"strings"
	"testing"
)

// TestPublish holds the statements on messages on their way in and out.
func TestPublish(t *testing.T) {
	t.Parallel()
	act(t, both,
		scene{"qos-matrix", qosMatrix},
		scene{"reserved-qos", reservedQoS},
		scene{"dup-with-qos-0", dupWithQoS0},
		scene{"dup-is-not-passed-on", dupIsNotPassedOn},
		scene{"wildcard-topic", wildcardTopic},
		scene{"empty-topic", emptyTopic},
		scene{"identifier-zero", identifierZero},
		scene{"any-payload", anyPayload},
		scene{"same-identifier-again", sameIdentifierAgain},
		scene{"qos-2-duplicate", qos2Duplicate},
		scene{"qos-2-duplicate-after-resume", qos2DuplicateAfterResume},
		scene{"release-of-nothing", releaseOfNothing},
		scene{"acks-in-order", acksInOrder},
		scene{"messages-in-order", messagesInOrder},
		scene{"both-directions-share-no-identifiers", bothDirections},
		scene{"own-messages-come-back", ownMessagesComeBack},
	)
}

// qosMatrix: the lower of the QoS published and granted, with the whole flow
// on both sides.
func qosMatrix(p *play) {
	q := p.join("q")
	for granted := range byte(3) {
		s := p.join(fmt.Sprint("s", granted))
		topic := p.topic(fmt.Sprint(granted))
		s.on(topic, granted)
		for qos := range byte(3) {
			q.publish(publish{topic: topic, payload: fmt.Sprint(qos), qos: qos})
			if m := s.take(topic, fmt.Sprint(qos)); m.qos() != min(qos, granted) || m.dup() || m.retain() {
				p.Fatalf("published with %d, granted %d: %s", qos, granted, m)
			}
		}
		s.silent(q)
	}
}

func reservedQoS(p *play) {
	x := p.join("x")
	x.send(publish{topic: p.topic("t"), qos: 3, id: 1}.bytes(p.v))
	x.ends(0x81)
}

func dupWithQoS0(p *play) {
	x := p.join("x")
	x.send(publish{topic: p.topic("t"), dup: true}.bytes(p.v))
	x.ends(0x81, 0x82)
}

func dupIsNotPassedOn(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("t"), 2)
	for qos := byte(1); qos <= 2; qos++ {
		q.publish(publish{topic: p.topic("t"), payload: "m", qos: qos, dup: true})
		if m := s.take(p.topic("t"), "m"); m.dup() {
			p.Fatalf("got %s", m)
		}
	}
}

func wildcardTopic(p *play) {
	s := p.join("s")
	s.on(p.topic("#"), 0)
	for i, topic := range []string{"+", "#", "a/+", "a/#", "a+", "a#b", "+/a"} {
		x := p.join(fmt.Sprint("x", i))
		x.send(publish{topic: p.topic(topic), payload: "x", qos: byte(i % 3), id: 1}.bytes(p.v))
		x.ends(0x90, 0x81, 0x82)
	}
	s.silent(p.join("q"))
}

func emptyTopic(p *play) {
	x := p.join("x")
	x.send(publish{payload: "x"}.bytes(p.v))
	x.ends(0x82, 0x81, 0x90)
	x = p.join("x")
	x.send(frame(publishType << 4))
	x.ends(0x81)
}

func identifierZero(p *play) {
	for name, bytes := range map[string][]byte{
		"publish 1":   publish{topic: p.topic("t"), qos: 1}.bytes(p.v),
		"publish 2":   publish{topic: p.topic("t"), qos: 2}.bytes(p.v),
		"subscribe":   subscribe(p.v, 0, nil, sub{p.topic("t"), 0}),
		"unsubscribe": unsubscribe(p.v, 0, p.topic("t")),
	} {
		x := p.join("x")
		x.id = name
		x.send(bytes)
		x.ends(0x81, 0x82)
	}
}

// anyPayload: nothing, and any bytes, up to what the server accepts. A PUBLISH
// of QoS 0 has no identifier, else two bytes of the payload would be missing.
func anyPayload(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("t"), 2)
	for _, payload := range []string{"", "\x00", "\xff\xfe", strings.Repeat("a", 127), strings.Repeat("b", 16384), strings.Repeat("c", 900_000)} {
		for qos := range byte(3) {
			q.publish(publish{topic: p.topic("t"), payload: payload, qos: qos})
			s.take(p.topic("t"), payload)
		}
	}
}

// sameIdentifierAgain: after the PUBACK it is a new message, DUP or not.
func sameIdentifierAgain(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("t"), 1)
	for i := range 4 {
		q.publish(publish{topic: p.topic("t"), payload: fmt.Sprint(i), qos: 1, id: 77, dup: i%2 == 1})
		s.take(p.topic("t"), fmt.Sprint(i))
	}
}

// qos2Duplicate: until the PUBREL it is the same message, after it a new one.
func qos2Duplicate(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("t"), 2)
	m := publish{topic: p.topic("t"), payload: "once", qos: 2, id: 65535}
	for i := range 5 {
		m.dup = i > 0
		q.send(m.bytes(p.v))
		q.wantAck(pubrecType, m.id)
	}
	q.send(ack(pubrelType, m.id))
	q.wantAck(pubcompType, m.id)
	s.take(p.topic("t"), "once")
	s.silent(q)
	for range 2 {
		m.payload = "anew"
		q.publish(m)
		s.take(p.topic("t"), "anew")
	}
}

// qos2DuplicateAfterResume: the identifier is part of the session.
func qos2DuplicateAfterResume(p *play) {
	s, q := p.join("s"), p.join("q", lasting)
	s.on(p.topic("t"), 2)
	m := publish{topic: p.topic("t"), payload: "once", qos: 2, id: 9}
	q.send(m.bytes(p.v))
	q.wantAck(pubrecType, 9)
	s.take(p.topic("t"), "once")
	q.drop()
	q = p.resume("q")
	m.dup = true
	q.send(m.bytes(p.v))
	q.wantAck(pubrecType, 9)
	q.drop()
	q = p.resume("q")
	q.send(ack(pubrelType, 9))
	q.wantAck(pubcompType, 9)
	s.silent(q)
	m.payload, m.dup = "anew", false
	q.publish(m)
	s.take(p.topic("t"), "anew")
}

// releaseOfNothing: a PUBREL is answered even when its message is not known.
func releaseOfNothing(p *play) {
	x := p.join("x")
	x.send(ack(pubrelType, 4321))
	x.wantAck(pubcompType, 4321, 0x92)
	x.nothing()
}

// acksInOrder: PUBACKs as their PUBLISHes came, PUBRECs and PUBCOMPs too.
func acksInOrder(p *play) {
	x := p.join("x")
	var all []byte
	const n = 20
	for i := 1; i <= n; i++ {
		all = cat(all, publish{topic: p.topic(fmt.Sprint(i % 3)), payload: "m", qos: 1, id: i}.bytes(p.v))
	}
	x.send(all)
	for i := 1; i <= n; i++ {
		x.wantAck(pubackType, i)
	}
	all = nil
	for i := n; i >= 1; i-- {
		all = cat(all, publish{topic: p.topic(fmt.Sprint(i % 3)), payload: "m", qos: 2, id: i}.bytes(p.v))
	}
	x.send(all)
	for i := n; i >= 1; i-- {
		x.wantAck(pubrecType, i)
	}
	for i := n; i >= 1; i-- {
		x.send(ack(pubrelType, i))
	}
	for i := n; i >= 1; i-- {
		x.wantAck(pubcompType, i)
	}
}

// messagesInOrder: those of one publisher on one topic stay in order at each
// QoS; here over all topics at once.
func messagesInOrder(p *play) {
	q := p.join("q")
	for granted := range byte(3) {
		s := p.join(fmt.Sprint("s", granted))
		filter := p.topic(fmt.Sprint(granted))
		s.on(filter+"/+", granted)
		for i := range 150 {
			q.send(publish{topic: fmt.Sprintf("%s/%d", filter, i%2), payload: fmt.Sprint(i), qos: 2 * bits(i%3 == 0), id: 1 + i}.bytes(p.v))
			if i%3 == 0 {
				q.wantAck(pubrecType, 1+i)
				q.send(ack(pubrelType, 1+i))
				q.wantAck(pubcompType, 1+i)
			}
		}
		for i := range 150 {
			s.take(fmt.Sprintf("%s/%d", filter, i%2), fmt.Sprint(i))
		}
	}
}

// bothDirections: client and server number their messages apart.
func bothDirections(p *play) {
	x, q := p.join("x"), p.join("q")
	x.on(p.topic("in"), 2)
	q.publish(publish{topic: p.topic("in"), payload: "a", qos: 2})
	in := x.receive(p.topic("in"), "a")
	x.send(publish{topic: p.topic("out"), payload: "b", qos: 2, id: in.id}.bytes(p.v))
	x.wantAck(pubrecType, in.id)
	x.send(ack(pubrecType, in.id))
	x.wantAck(pubrelType, in.id)
	x.send(ack(pubrelType, in.id))
	x.wantAck(pubcompType, in.id)
	x.send(ack(pubcompType, in.id))
	x.nothing()
	q.publish(publish{topic: p.topic("in"), payload: "c", qos: 2})
	x.take(p.topic("in"), "c")
}

func ownMessagesComeBack(p *play) {
	x := p.join("x")
	x.on(p.topic("t"), 0)
	x.send(publish{topic: p.topic("t"), payload: "mine"}.bytes(p.v))
	x.take(p.topic("t"), "mine")
	x.nothing()
}

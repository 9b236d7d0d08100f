package clauses

import (
	"testing"
)

// TestErrors5 holds what is malformed, or against the protocol, in 5.0 alone.
func TestErrors5(t *testing.T) {
	t.Parallel()
	act(t, only5,
		scene{"properties-twice", propertiesTwice},
		scene{"properties-out-of-place", propertiesOutOfPlace},
		scene{"properties-unknown", propertiesUnknown},
		scene{"properties-of-bad-length", propertiesBadLength},
		scene{"values-out-of-range", valuesOutOfRange},
		scene{"reasons-out-of-place", reasonsOutOfPlace},
		scene{"short-forms", shortForms},
		scene{"no-reason-strings-for-who-wants-none", noReasonStrings},
		scene{"auth-without-a-method", authWithoutAMethod},
		scene{"unknown-method", unknownMethod},
		scene{"auth-data-alone", authDataAlone},
		scene{"auth-flags", authFlags},
		scene{"disconnect-reasons", disconnectReasons},
		scene{"topic-name-of-a-share", topicOfAShare},
		scene{"user-properties-everywhere", userPropertiesEverywhere},
	)
}

// messageWith is a PUBLISH of QoS 1 with properties.
func (p *play) messageWith(list ...[]byte) []byte {
	return publish{topic: p.topic("t"), qos: 1, id: 1, props: cat(list...)}.bytes(v5)
}

func propertiesTwice(p *play) {
	for _, one := range [][]byte{prop8(payloadFormat, 1), prop32(messageExpiry, 1), prop16(topicAlias, 1), propStr(responseTopic, "a"), propStr(correlationData, "a"), propStr(contentType, "a")} {
		x := p.join("x")
		x.send(p.messageWith(one, one))
		x.ends(0x82)
	}
	for _, one := range [][]byte{prop32(sessionExpiry, 1), prop16(receiveMaximum, 1), prop32(maximumPacket, 100), prop16(aliasMaximum, 1), prop8(requestResponse, 1), prop8(requestProblem, 1), propStr(authMethod, "a")} {
		p.ask("x", with(one, one)).ends(0x82)
	}
	for _, one := range [][]byte{prop32(willDelay, 1), prop8(payloadFormat, 1), prop32(messageExpiry, 1), propStr(contentType, "a"), propStr(responseTopic, "a"), propStr(correlationData, "a")} {
		p.ask("x", willing(will{topic: p.topic("w"), props: cat(one, one)})).ends(0x82)
	}
	x := p.join("x", expiring(5))
	x.send(leave(0, prop32(sessionExpiry, 1), prop32(sessionExpiry, 1)))
	x.ends(0x82)
	x = p.join("x")
	x.send(frame(pubackType<<4, u16(1), []byte{0}, props(v5, propStr(reasonString, "a"), propStr(reasonString, "a"))))
	x.ends(0x82)
}

// propertiesOutOfPlace: each property in a packet that has none such.
func propertiesOutOfPlace(p *play) {
	for _, one := range [][]byte{prop32(sessionExpiry, 1), prop16(receiveMaximum, 1), propStr(reasonString, "a"), prop32(willDelay, 1), propStr(assignedID, "a"), propStr(authMethod, "a"), prop8(maximumQoS, 1)} {
		x := p.join("x")
		x.send(p.messageWith(one))
		x.ends(0x81)
	}
	for _, one := range [][]byte{prop8(payloadFormat, 1), prop16(topicAlias, 1), propStr(assignedID, "a"), prop16(serverKeepAlive, 1), prop32(willDelay, 1), propStr(reasonString, "a"), prop8(sharedSubs, 1), propVar(subscriptionID, 1)} {
		p.ask("x", with(one)).ends(0x81)
	}
	for _, one := range [][]byte{prop32(sessionExpiry, 1), prop16(topicAlias, 1), propVar(subscriptionID, 1)} {
		p.ask("x", willing(will{topic: p.topic("w"), props: one})).ends(0x81)
	}
	for _, bytes := range [][]byte{
		subscribe(v5, 1, prop32(messageExpiry, 1), sub{p.topic("t"), 0}), subscribe(v5, 1, propStr(reasonString, "a"), sub{p.topic("t"), 0}),
		frame(unsubscribeType<<4|2, u16(1), props(v5, propVar(subscriptionID, 1)), str(p.topic("t"))),
		frame(pubackType<<4, u16(1), []byte{0}, props(v5, prop32(sessionExpiry, 1))), leave(0, propStr(serverReference, "elsewhere"), prop16(receiveMaximum, 1)),
		frame(pubrelType<<4|2, u16(1), []byte{0}, props(v5, prop8(payloadFormat, 1))), leave(0, propStr(authMethod, "a")),
	} {
		x := p.join("x")
		x.send(bytes)
		x.ends(0x81)
	}
}

func propertiesUnknown(p *play) {
	for _, id := range []byte{0x00, 0x04, 0x0A, 0x2B, 0x7F} {
		x := p.join("x")
		x.send(p.messageWith([]byte{id, 0}))
		x.ends(0x81)
		p.ask("x", with([]byte{id, 0})).ends(0x81)
	}
	x := p.join("x")
	x.send(p.messageWith([]byte{0x80, 0x01, 0}))
	x.ends(0x81)
}

// propertiesBadLength: longer or shorter than what is there.
func propertiesBadLength(p *play) {
	topic := str(p.topic("t"))
	for name, bytes := range map[string][]byte{
		"beyond the packet":     frame(publishType<<4, topic, []byte{10, messageExpiry}),
		"inside a property":     frame(publishType<<4, topic, []byte{3, messageExpiry, 0, 0, 0, 1}),
		"inside a string":       frame(publishType<<4, topic, []byte{4, contentType, 0, 3, 'a'}, []byte("bcd")),
		"absent":                frame(publishType<<4, topic),
		"of five bytes":         frame(publishType<<4, topic, []byte{0x80, 0x80, 0x80, 0x80, 0x01}),
		"absent in SUBSCRIBE":   frame(subscribeType<<4|2, u16(1)),
		"beyond a DISCONNECT":   frame(disconnectType<<4, []byte{0, 5}),
		"beyond a PUBACK":       frame(pubackType<<4, u16(1), []byte{0, 9, 1}),
		"bytes behind a PUBACK": frame(pubackType<<4, u16(1), []byte{0, 0, 7}),
		"half a pair":           frame(publishType<<4, topic, []byte{4, userProperty, 0, 1, 'a'}),
	} {
		x := p.join("x")
		x.id = name
		x.send(bytes)
		x.ends(0x81, 0x82)
	}
}

func valuesOutOfRange(p *play) {
	for _, one := range [][]byte{prop8(requestResponse, 2), prop8(requestProblem, 2), prop8(requestProblem, 255), prop16(receiveMaximum, 0), prop32(maximumPacket, 0)} {
		p.ask("x", with(one)).ends(0x82)
	}
	p.ask("x", willing(will{topic: p.topic("w"), props: prop8(payloadFormat, 2)})).ends(0x82)
}

// reasonsOutOfPlace: each in a packet that has none such.
func reasonsOutOfPlace(p *play) {
	for _, bytes := range [][]byte{ackBy(pubackType, 1, 0x01), ackBy(pubackType, 1, 0x92), ackBy(pubrecType, 1, 0x81), ackBy(pubrelType, 1, 0x80),
		ackBy(pubcompType, 1, 0x10), leave(0x01), leave(0x10), leave(0x8E), leave(0x9D), leave(0xFF)} {
		x := p.join("x")
		x.send(bytes)
		x.ends(0x81, 0x82)
	}
}

// shortForms: a reason of 0 and properties of length 0 may be left out at the
// end.
func shortForms(p *play) {
	q := p.join("q")
	s := p.join("s")
	s.on(p.topic("t"), 2)
	forms := []func(typ byte, id int) []byte{
		ack,
		func(typ byte, id int) []byte { return ackBy(typ, id, 0) },
		func(typ byte, id int) []byte { return frame(typ<<4|relBits(typ), u16(id), []byte{0, 0}) },
		func(typ byte, id int) []byte {
			return frame(typ<<4|relBits(typ), u16(id), []byte{0}, props(v5, propStr(reasonString, "fine"), propPair("a", "b"), propPair("a", "b")))
		},
	}
	for _, form := range forms {
		q.publish(publish{topic: p.topic("t"), payload: "1", qos: 1})
		s.send(form(pubackType, s.receive(p.topic("t"), "1").id))
		q.send(publish{topic: p.topic("t"), payload: "2", qos: 2, id: 9}.bytes(v5))
		q.wantAck(pubrecType, 9)
		q.send(form(pubrelType, 9))
		q.wantAck(pubcompType, 9)
		m := s.receive(p.topic("t"), "2")
		s.send(form(pubrecType, m.id))
		s.wantAck(pubrelType, m.id)
		s.send(form(pubcompType, m.id))
	}
	s.silent(q)
	for i, bytes := range [][]byte{disconnect, frame(disconnectType<<4, []byte{0}), leave(0), leave(0, propStr(reasonString, "enough"), propPair("a", "b"))} {
		x := p.join(string(rune('a'+i)), willing(will{topic: p.topic("t"), payload: "no"}))
		x.send(bytes)
		x.closed()
		s.silent(p.join(string(rune('a' + i))))
	}
}

// noReasonStrings: a client that wants no problem information gets reason
// strings and user properties in CONNACK, PUBLISH and DISCONNECT at most.
func noReasonStrings(p *play) {
	x := p.join("x", with(prop8(requestProblem, 0)))
	x.send(publish{topic: p.topic("none"), qos: 1, id: 1}.bytes(v5), publish{topic: p.topic("none"), qos: 2, id: 2}.bytes(v5),
		ack(pubrelType, 77), ack(pubrecType, 78), unsubscribe(v5, 3, "none"), subscribe(v5, 4, nil, sub{"$share/x/a", 0}))
	for range 6 {
		if got := x.next(); got.texts(reasonString) != nil || got.texts(userProperty) != nil {
			p.Errorf("got %s [MQTT-3.1.2-29]", got)
		}
	}
	s := p.join("s")
	s.on(p.topic("t"), 0)
	x.on(p.topic("t"), 0)
	s.publish(publish{topic: p.topic("t"), payload: "m", props: propPair("a", "b")})
	if m := x.take(p.topic("t"), "m"); len(m.texts(userProperty)) != 1 {
		p.Errorf("got %s: the publisher's own stay", m)
	}
}

func authPacket(reason byte, list ...[]byte) []byte {
	return frame(authType<<4, []byte{reason}, props(v5, list...))
}

// authWithoutAMethod: the CONNECT named none.
func authWithoutAMethod(p *play) {
	for _, bytes := range [][]byte{authPacket(0x19, propStr(authMethod, "m")), authPacket(0x18, propStr(authMethod, "m"), propStr(authData, "d")), authPacket(0), {authType << 4, 0}} {
		x := p.join("x")
		x.send(bytes)
		x.ends(0x82, 0x8C, 0x81)
	}
}

func unknownMethod(p *play) {
	for _, list := range [][]byte{propStr(authMethod, "no such method"), cat(propStr(authMethod, ""), propStr(authData, "data"))} {
		p.ask("x", with(list)).ends(0x8C, 0x87)
	}
}

func authDataAlone(p *play) {
	p.ask("x", with(propStr(authData, "data"))).ends(0x82)
}

func authFlags(p *play) {
	for flags := byte(1); flags < 16; flags <<= 1 {
		x := p.join("x")
		bytes := authPacket(0x19, propStr(authMethod, "m"))
		bytes[0] |= flags
		x.send(bytes)
		x.ends(0x81)
	}
}

// disconnectReasons: all that a client may give; the server says nothing to
// them, and the will goes out for all but 0.
func disconnectReasons(p *play) {
	s := p.join("s")
	s.on(p.topic("w"), 0)
	for _, reason := range []byte{0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99} {
		x := p.join("x", willing(will{topic: p.topic("w"), payload: string(rune('A' + reason%64))}))
		x.send(leave(reason))
		x.closed()
		s.take(p.topic("w"), string(rune('A'+reason%64)))
	}
}

// topicOfAShare: "$share/..." is no topic that others would get.
func topicOfAShare(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.group("g", "t"), 1)
	q.send(publish{topic: p.group("g", "t"), payload: "x", qos: 0}.bytes(v5))
	q.nothing()
	s.silent(q)
}

// userPropertiesEverywhere: each packet of a client may have many.
func userPropertiesEverywhere(p *play) {
	many := cat(propPair("a", "1"), propPair("a", "2"), propPair("", ""))
	x := p.join("x", with(many), willing(will{topic: p.topic("w"), props: many}))
	x.subscribeBy(many, sub{p.topic("t"), 0})
	x.send(frame(unsubscribeType<<4|2, u16(9), props(v5, many), str(p.topic("t"))))
	if got := x.want(unsubackType); got.id != 9 || got.codes[0] != 0 {
		p.Errorf("got %s", got)
	}
	x.send(leave(0, many, propStr(reasonString, "enough")))
	x.closed()
}

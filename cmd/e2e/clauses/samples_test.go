package clauses

// samples returns one right packet of each type, whoever sends it.
func samples(v byte) map[byte][]byte {
	user, pass := "user", "pass"
	c := connect{v: v, id: "samples", clean: true, keep: 60, user: &user, pass: &pass, will: &will{topic: "samples/will", payload: "will", qos: 1}}
	if v == v5 {
		c.props = cat(prop32(sessionExpiry, 1), prop16(receiveMaximum, 10), propPair("name", "value"))
		c.will.props = cat(prop8(payloadFormat, 1), propStr(contentType, "text"))
	}
	m := publish{topic: "samples/topic", payload: "payload", qos: 1, id: 1}
	if v == v5 {
		m.props = cat(prop32(messageExpiry, 60), propStr(responseTopic, "samples/answer"), propPair("name", "value"))
	}
	all := map[byte][]byte{
		connectType:     c.bytes(),
		connackType:     frame(connackType<<4, []byte{0, 0}, props(v)),
		publishType:     m.bytes(v),
		subscribeType:   subscribe(v, 1, nil, sub{"samples/topic", 1}, sub{"samples/#", 0}),
		subackType:      frame(subackType<<4, u16(1), props(v), []byte{0}),
		unsubscribeType: unsubscribe(v, 1, "samples/topic", "samples/+"),
		unsubackType:    frame(unsubackType<<4, u16(1), props(v)),
		pingreqType:     pingreq,
		pingrespType:    {pingrespType << 4, 0},
		disconnectType:  disconnect,
	}
	for typ := pubackType; typ <= pubcompType; typ++ {
		all[typ] = ack(typ, 1)
		if v == v5 {
			all[typ] = frame(typ<<4|relBits(typ), u16(1), []byte{0}, props(v, propStr(reasonString, "why"), propPair("name", "value")))
		}
	}
	if v == v5 {
		all[subscribeType] = subscribe(v, 1, propVar(subscriptionID, 300), sub{"samples/topic", 1}, sub{"samples/#", 0})
		all[disconnectType] = leave(0, propStr(reasonString, "why"), propPair("name", "value"))
		all[authType] = frame(authType<<4, []byte{0x18}, props(v, propStr(authMethod, "method"), propStr(authData, "data")))
	}
	return all
}

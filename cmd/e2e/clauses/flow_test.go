package clauses

import "slices"

// subscribe subscribes and wants each filter granted as it was asked for.
func (x *peer) subscribe(subs ...sub) {
	x.Helper()
	x.subscribeBy(nil, subs...)
}

// on is subscribe of one filter.
func (x *peer) on(filter string, options byte) {
	x.Helper()
	x.subscribe(sub{filter, options})
}

// subscribeBy is subscribe with properties.
func (x *peer) subscribeBy(list []byte, subs ...sub) {
	x.Helper()
	id := x.number()
	x.send(subscribe(x.v, id, list, subs...))
	x.wantGrants(id, subs)
}

func (x *peer) wantGrants(id int, subs []sub) {
	x.Helper()
	var want []byte
	for _, s := range subs {
		want = append(want, s.options&3)
	}
	// A server may send messages before the SUBACK.
	got := x.past(func(p packet) bool { return p.typ != publishType })
	if got.typ != subackType || got.id != id || !slices.Equal(got.codes, want) {
		x.Fatalf("%s: %s, want a SUBACK of %d with %x", x.id, got, id, want)
	}
	if len(x.nodes) > 1 {
		x.visible(x.at)
	}
}

// unsubscribe wants each filter to have been subscribed to.
func (x *peer) unsubscribe(filters ...string) {
	x.Helper()
	id := x.number()
	x.send(unsubscribe(x.v, id, filters...))
	got := x.want(unsubackType)
	if got.id != id || x.v == v5 && !slices.Equal(got.codes, make([]byte, len(filters))) {
		x.Fatalf("%s: %s, want identifier %d and success", x.id, got, id)
	}
}

// publish publishes with the whole flow of its QoS.
func (x *peer) publish(m publish) {
	x.Helper()
	if m.qos > 0 && m.id == 0 {
		m.id = x.number()
	}
	x.send(m.bytes(x.v))
	switch m.qos {
	case 1:
		x.wantAck(pubackType, m.id)
	case 2:
		x.wantAck(pubrecType, m.id)
		x.send(ack(pubrelType, m.id))
		x.wantAck(pubcompType, m.id)
	}
}

// say publishes a text with QoS 1.
func (x *peer) say(topic, payload string) {
	x.Helper()
	x.publish(publish{topic: topic, payload: payload, qos: 1})
}

// take wants a message as the next packet and acknowledges it.
func (x *peer) take(topic, payload string) packet {
	x.Helper()
	m := x.receive(topic, payload)
	x.settle(m)
	return m
}

// receive wants a message as the next packet, and leaves it unacknowledged.
func (x *peer) receive(topic, payload string) packet {
	x.Helper()
	m := x.want(publishType)
	if m.topic != topic || m.payload != payload {
		x.Fatalf("%s: %s, want %s = %q", x.id, m, topic, payload)
	}
	return m
}

// settle acknowledges a message with the whole flow of its QoS.
func (x *peer) settle(m packet) {
	x.Helper()
	switch m.qos() {
	case 1:
		x.send(ack(pubackType, m.id))
	case 2:
		x.send(ack(pubrecType, m.id))
		x.released(m.id)
		x.send(ack(pubcompType, m.id))
	}
}

// released wants the PUBREL of a message; other messages may come before it,
// and are the next to be returned.
func (x *peer) released(id int) {
	x.Helper()
	p := x.past(func(p packet) bool { return p.typ != publishType })
	if p.typ != pubrelType || p.id != id || p.reason != 0 {
		x.Fatalf("%s: got %s, want the PUBREL of %d", x.id, p, id)
	}
}

// past returns the first packet that is one, and keeps those before it for
// next.
func (x *peer) past(is func(packet) bool) packet {
	x.Helper()
	var early []packet
	for {
		p := x.next()
		if is(p) {
			x.early = append(early, x.early...)
			return p
		}
		early = append(early, p)
	}
}

// silent wants that nothing was on its way to x from a publisher: a message
// that it sends now is the next that comes.
func (x *peer) silent(from *peer) {
	x.Helper()
	marker := x.topic("marker/" + x.id)
	x.on(marker, 0)
	from.say(marker, "marker")
	x.take(marker, "marker")
}

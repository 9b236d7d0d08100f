package clauses

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestConnect holds the statements on CONNECT and CONNACK that the versions
// share.
func TestConnect(t *testing.T) {
	t.Parallel()
	act(t, both,
		scene{"first-packet", firstPacket},
		scene{"second-connect", secondConnect},
		scene{"protocol-name", protocolName},
		scene{"protocol-level", protocolLevel},
		scene{"reserved-flag", reservedFlag},
		scene{"will-flags", willFlags},
		scene{"missing-fields", missingFields},
		scene{"too-many-fields", tooManyFields},
		scene{"whole-payload", wholePayload},
		scene{"client-id-alphabet", clientIDAlphabet},
		scene{"client-id-is-the-session", clientIDIsTheSession},
		scene{"empty-client-id", emptyClientID},
		scene{"takeover", takeover},
		scene{"session-present", sessionPresent},
		scene{"clean-discards", cleanDiscards},
		scene{"connack-first", connackFirst},
		scene{"refused-then-data", refusedThenData},
		scene{"in-pieces", inPieces},
		scene{"at-once", atOnce},
	)
}

func firstPacket(p *play) {
	for typ, bytes := range samples(p.v) {
		if typ == connectType {
			continue
		}
		x := p.dial()
		x.id = typeName(typ)
		x.send(bytes)
		x.closed()
	}
}

func secondConnect(p *play) {
	x := p.join("x")
	x.send(connect{v: p.v, id: x.id, clean: true}.bytes())
	x.ends(0x82)
}

// protocolName: a server may go on by another specification, or answer 0x84;
// ours does not go on.
func protocolName(p *play) {
	for _, name := range []string{"MQTX", "mqtt", "MQTTT", "M", "\x00QTT"} {
		x := p.dial()
		x.send(connect{v: p.v, id: p.id("x"), clean: true, name: name}.bytes())
		if q, err := x.poll(within); err == nil {
			if q.typ != connackType || p.v == v5 && !slices.Contains([]byte{0x81, 0x82, 0x84}, q.reason) || q.reason == 0 {
				p.Fatalf("name %q: got %s", name, q)
			}
			x.closed()
		} else if !over(err) {
			p.Fatalf("name %q: %v", name, err)
		}
	}
}

// protocolLevel: which version the refusal of an unknown one is written in
// nobody says; 0x01 of 3.1.1 and 0x84 of 5.0 are both right.
func protocolLevel(p *play) {
	for _, level := range []byte{0, 1, 2, 3, 6, 7, 127, 255} {
		x := p.dial()
		x.send(cat(frame(connectType<<4, str("MQTT"), []byte{level, 2}, u16(0), props(p.v), str(p.id("x")))))
		answer := x.rest()
		old := string(answer) == "\x20\x02\x00\x01"
		if now := len(answer) > 4 && answer[0] == 0x20 && answer[2] == 0 && answer[3] == 0x84; !old && !now {
			p.Fatalf("level %d: answered %x", level, answer)
		}
	}
}

func reservedFlag(p *play) {
	x := p.dial()
	x.send(connect{v: p.v, id: p.id("x"), clean: true, flags: 1}.bytes())
	x.ends(0x81)
}

// willFlags: will QoS and will retain are zero without a will, and QoS is
// never 3.
func willFlags(p *play) {
	cases := map[string]connect{
		"qos without will":    {flags: 1 << 3},
		"qos 2 without will":  {flags: 2 << 3},
		"retain without will": {flags: 1 << 5},
		"will qos 3":          {will: &will{topic: p.topic("w"), payload: "w", qos: 3}},
	}
	for name, c := range cases {
		c.v, c.id, c.clean = p.v, p.id("x"), true
		x := p.dial()
		x.id = name
		x.send(c.bytes())
		x.ends(0x81, 0x82)
	}
	for qos := range byte(3) {
		p.join("y", willing(will{topic: p.topic("w"), payload: "w", qos: qos})).leave()
	}
}

// missingFields: a flag without its field.
func missingFields(p *play) {
	for name, flags := range map[string]byte{"user name": 1 << 7, "password": 1<<7 | 1<<6, "will": 1 << 2} {
		x := p.dial()
		x.id = name
		x.send(connect{v: p.v, id: p.id("x"), clean: true, flags: flags}.bytes())
		x.ends(0x81)
	}
	x := p.dial()
	x.send(frame(connectType<<4, str("MQTT"), []byte{p.v, 2}, u16(0), props(p.v)))
	x.ends(0x81)
}

// tooManyFields: a field without its flag.
func tooManyFields(p *play) {
	for name, field := range map[string][]byte{"one byte": {0}, "user name": str("me"), "will": cat(props(p.v), str("t"), str("m"))} {
		x := p.dial()
		x.id = name
		x.send(frame(connectType<<4, str("MQTT"), []byte{p.v, 2}, u16(0), props(p.v), str(p.id("x")), field))
		x.ends(0x81, 0x82)
	}
}

// wholePayload: all fields, in their order, become what they are.
func wholePayload(p *play) {
	user, pass := "user", "\x00\xff"
	s := p.join("s")
	s.on(p.topic("w"), 2)
	x := p.join("x", func(c *connect) { c.user, c.pass, c.keep = &user, &pass, 600 },
		willing(will{topic: p.topic("w"), payload: "\xff\x00", qos: 1}))
	x.drop()
	if m := s.take(p.topic("w"), "\xff\x00"); m.qos() != 1 {
		p.Fatalf("the will came as %s", m)
	}
}

func clientIDAlphabet(p *play) {
	const all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := 0; i < len(all); i += 23 {
		id := all[i:min(i+23, len(all))]
		p.join("", func(c *connect) { c.id = version(p.v)[:1] + id[1:] }).leave()
	}
	p.join("", func(c *connect) { c.id = string(all[int(p.v)]) }).leave()
}

// clientIDIsTheSession: two client IDs, two sessions; one of 23 letters that
// differs in the last is another one.
func clientIDIsTheSession(p *play) {
	long := strings.Repeat("q", 22-len(p.base))
	a := p.join(long+"a", lasting)
	a.on(p.topic("a"), 1)
	a.leave()
	if b := p.join(long+"b", lasting); b.connack.present {
		p.Fatal("the session of another client ID")
	}
	p.resume(long + "a")
}

// emptyClientID: a unique one is assigned, and used.
func emptyClientID(p *play) {
	nameless := func(c *connect) { c.id = "" }
	a, b := p.join("", nameless), p.join("", nameless)
	a.on(p.topic("t"), 0)
	b.on(p.topic("t"), 0)
	a.send(publish{topic: p.topic("t"), payload: "x"}.bytes(p.v))
	a.take(p.topic("t"), "x")
	b.take(p.topic("t"), "x")
	a.nothing()
	if p.v == v3 {
		x := p.ask("", nameless, lasting)
		if got := x.want(connackType); got.reason != 2 {
			p.Fatalf("got %s, want 2 for a session without a name [MQTT-3.1.3-8]", got)
		}
		x.closed()
	}
}

func takeover(p *play) {
	old := p.join("x")
	old.on(p.topic("t"), 1)
	now := p.join("x")
	old.ends(0x8E)
	now.on(p.topic("t"), 1)
	p.join("q").say(p.topic("t"), "to the new one")
	now.take(p.topic("t"), "to the new one")
	now.nothing()
}

func sessionPresent(p *play) {
	if x := p.join("x"); x.connack.present {
		p.Fatal("clean, and present")
	}
	if x := p.join("x", lasting); x.connack.present {
		p.Fatal("the clean session was kept")
	}
	p.resume("x").leave()
	p.resume("x").drop()
	if x := p.join("x"); x.connack.present {
		p.Fatal("clean, and present")
	}
	if x := p.join("x", lasting); x.connack.present {
		p.Fatal("the session was not discarded")
	}
}

// cleanDiscards: neither subscriptions nor messages of the session before.
func cleanDiscards(p *play) {
	q := p.join("q")
	x := p.join("x", lasting)
	x.on(p.topic("t"), 1)
	x.leave()
	q.say(p.topic("t"), "for the old session")
	x = p.join("x")
	x.nothing()
	q.say(p.topic("t"), "for nobody")
	x.silent(q)
	x.leave()
	if x = p.join("x", lasting); x.connack.present {
		p.Fatal("a clean session outlived its connection")
	}
	x.silent(q)
}

// connackFirst: the messages that waited come after the CONNACK.
func connackFirst(p *play) {
	x := p.join("x", lasting)
	x.on(p.topic("t"), 1)
	x.leave()
	q := p.join("q")
	for range 50 {
		q.say(p.topic("t"), "m")
	}
	x = p.resume("x")
	for range 50 {
		x.take(p.topic("t"), "m")
	}
	x.nothing()
}

// refusedThenData: what comes behind a refused CONNECT does nothing.
func refusedThenData(p *play) {
	s := p.join("s")
	s.on(p.topic("#"), 1)
	x := p.dial()
	bad := connect{v: p.v, id: p.id("x"), clean: true, flags: 1}
	if p.v == v5 {
		bad.flags, bad.props = 0, propStr(authMethod, "no such method")
	}
	x.offer(bad.bytes(), publish{topic: p.topic("t"), payload: "x"}.bytes(p.v), publish{topic: p.topic("t"), payload: "r", retain: true}.bytes(p.v))
	x.ends(0x8C)
	s.silent(p.join("q"))
}

// inPieces: a packet may come in any pieces.
func inPieces(p *play) {
	x := p.dial()
	for _, b := range (connect{v: p.v, id: p.id("x"), clean: true}).bytes() {
		x.send([]byte{b})
	}
	x.want(connackType)
	for _, b := range subscribe(p.v, 7, nil, sub{p.topic("t"), 1}) {
		x.send([]byte{b})
	}
	x.wantGrants(7, []sub{{"", 1}})
}

// atOnce: a client need not wait for the CONNACK.
func atOnce(p *play) {
	x := p.dial()
	x.send(connect{v: p.v, id: p.id("x"), clean: true}.bytes(), subscribe(p.v, 1, nil, sub{p.topic("t"), 0}),
		publish{topic: p.topic("t"), payload: "m"}.bytes(p.v), pingreq)
	x.want(connackType)
	got := map[byte]int{}
	for range 3 {
		got[x.next().typ]++
	}
	if got[subackType] != 1 || got[publishType] != 1 || got[pingrespType] != 1 {
		p.Fatalf("got %v", got)
	}
}

// rest returns all bytes until the end of the connection.
func (x *peer) rest() []byte {
	x.Helper()
	_ = x.conn.SetReadDeadline(time.Now().Add(within))
	var all []byte
	for {
		b, err := x.r.ReadByte()
		if over(err) {
			return all
		}
		if err != nil {
			x.Fatalf("%s: %v, want the end of the connection", x.id, err)
		}
		all = append(all, b)
	}
}

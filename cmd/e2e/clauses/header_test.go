package clauses

import (
	"fmt"
	"slices"
	"testing"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// TestHeader holds the statements on the fixed header, and on packets that
// have no business where they are.
func TestHeader(t *testing.T) {
	t.Parallel()
	actOn(t, []*solo.Node{shared(t)},
		cast{both, []scene{
			{"reserved-flags", reservedFlags},
			{"reserved-flags-of-connect", reservedFlagsOfConnect},
			{"packets-of-a-server", packetsOfAServer},
			{"length-of-five-bytes", lengthOfFiveBytes},
			{"longest-forms-of-a-length", lengthForms},
			{"bodies-that-are-none", bodiesThatAreNone},
			{"too-large", tooLarge},
			{"after-disconnect", afterDisconnect},
		}},
		cast{only3, []scene{{"auth-of-5.0", authIn3}}},
		cast{only5, []scene{{"length-longer-than-it-needs", lengthLonger}}})
}

// authIn3: 3.1.1 knows no AUTH.
func authIn3(p *play) {
	x := p.join("x")
	x.send([]byte{authType << 4, 0})
	x.closed()
}

// reservedFlags: each type with each flag flipped that is not its own.
func reservedFlags(p *play) {
	for typ, bytes := range samples(p.v) {
		if typ == publishType || typ == connectType || typ == authType {
			continue
		}
		for flags := range byte(16) {
			if flags == relBits(typ) {
				continue
			}
			x := p.join("x")
			x.id = fmt.Sprintf("%s flags %x", typeName(typ), flags)
			x.send(append([]byte{typ<<4 | flags}, bytes[1:]...))
			if isOfAServer(typ) { // it is wrong either way
				x.ends(0x81, 0x82)
				continue
			}
			x.ends(0x81)
		}
	}
}

func isOfAServer(typ byte) bool {
	return slices.Contains([]byte{connackType, subackType, unsubackType, pingrespType}, typ)
}

func reservedFlagsOfConnect(p *play) {
	for flags := byte(1); flags < 16; flags++ {
		x := p.dial()
		bytes := connect{v: p.v, id: p.id("x"), clean: true}.bytes()
		bytes[0] |= flags
		x.send(bytes)
		answer := x.rest()
		if len(answer) > 0 && (p.v == v3 || answer[0] != 0x20 || len(answer) < 4 || answer[3] < 0x80) {
			p.Fatalf("flags %x: answered %x", flags, answer)
		}
	}
}

// packetsOfAServer: those that only a server sends, and the type 0.
func packetsOfAServer(p *play) {
	for _, typ := range []byte{0, connackType, subackType, unsubackType, pingrespType} {
		bytes := samples(p.v)[typ]
		if typ == 0 {
			bytes = []byte{0, 0}
		}
		x := p.join("x")
		x.id = typeName(typ)
		x.send(bytes)
		x.ends(0x82, 0x81)
	}
}

func lengthOfFiveBytes(p *play) {
	for _, bytes := range [][]byte{{0x30, 0x80, 0x80, 0x80, 0x80, 0x01}, {0xC0, 0xff, 0xff, 0xff, 0xff}, {0xC0, 0x80, 0x80, 0x80, 0x80}} {
		x := p.join("x")
		x.send(bytes)
		x.ends(0x81)
		y := p.dial()
		y.send(append([]byte{0x10}, bytes[1:]...))
		y.closedOr(0x81)
	}
}

// closedOr is ends for one whose CONNECT was not read so far that its version
// is known: there may be no answer.
func (x *peer) closedOr(reasons ...byte) {
	x.Helper()
	if answer := x.rest(); len(answer) > 0 && (len(answer) < 4 || answer[0] != 0x20 || answer[2] != 0 || answer[3] != reasons[0]) {
		x.Fatalf("%s: answered %x, want the end of the connection", x.id, answer)
	}
}

// lengthForms: lengths of one to three bytes at their edges.
func lengthForms(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("t"), 0)
	head := len(publish{topic: p.topic("t")}.bytes(p.v)) - 2
	for _, length := range []int{127, 128, 16383, 16384} {
		payload := string(make([]byte, length-head))
		q.send(publish{topic: p.topic("t"), payload: payload}.bytes(p.v))
		s.take(p.topic("t"), payload)
	}
}

// lengthLonger: the fewest bytes that hold it.
func lengthLonger(p *play) {
	for name, bytes := range map[string][]byte{
		"remaining length": {0xC0, 0x80, 0x00},
		"property length":  frame(publishType<<4, str(p.topic("t")), []byte{0x80, 0x00}),
		"identifier":       frame(subscribeType<<4|2, u16(1), []byte{3, subscriptionID, 0x81, 0x00}, str(p.topic("t")), []byte{0}),
	} {
		x := p.join("x")
		x.id = name
		x.send(bytes)
		x.ends(0x81)
	}
}

// bodiesThatAreNone: types without a body that have one, and identifiers that
// are cut.
func bodiesThatAreNone(p *play) {
	bad := map[string][]byte{
		"PINGREQ with a body":   frame(pingreqType<<4, []byte{0}),
		"PUBACK of one byte":    frame(pubackType<<4, []byte{0}),
		"PUBREC of nothing":     frame(pubrecType << 4),
		"PUBREL of one byte":    frame(pubrelType<<4|2, []byte{1}),
		"PUBCOMP of nothing":    frame(pubcompType << 4),
		"SUBSCRIBE of nothing":  frame(subscribeType<<4 | 2),
		"filter without QoS":    frame(subscribeType<<4|2, u16(1), props(p.v), str(p.topic("t"))),
		"PUBLISH without an id": frame(publishType<<4|2, str(p.topic("t"))),
	}
	if p.v == v3 {
		bad["DISCONNECT with a body"] = frame(disconnectType<<4, []byte{0})
		bad["PUBACK with a reason"] = ackBy(pubackType, 1, 0)
	}
	for name, bytes := range bad {
		x := p.join("x")
		x.id = name
		x.send(bytes)
		x.ends(0x81, 0x82)
	}
}

// tooLarge: larger than the server takes, which it says in 5.0; nothing of it
// is waited for.
func tooLarge(p *play) {
	x := p.join("x")
	x.send([]byte{publishType << 4, 0xff, 0xff, 0xff, 0x7f})
	x.ends(0x95)
	y := p.dial()
	y.send([]byte{connectType << 4, 0xff, 0xff, 0xff, 0x7f})
	y.closedOr(0x95)
	z := p.join("z")
	z.offer(publish{topic: p.topic("t"), payload: string(make([]byte, 1_200_000))}.bytes(p.v))
	if p.v == v3 {
		z.rest()
	} else {
		z.endsUnread(0x95)
	}
}

// endsUnread is ends after more was sent than was read: what the server said
// may be lost with the connection.
func (x *peer) endsUnread(reason byte) {
	x.Helper()
	got, err := x.poll(within)
	if err == nil && got.typ == disconnectType && got.reason == reason {
		x.closed()
	} else if !over(err) {
		x.Fatalf("%s: got %s, %v", x.id, got, err)
	}
}

// afterDisconnect: what comes behind a DISCONNECT does nothing.
func afterDisconnect(p *play) {
	s := p.join("s")
	s.on(p.topic("t"), 0)
	x := p.join("x")
	x.send(publish{topic: p.topic("t"), payload: "before"}.bytes(p.v), disconnect, publish{topic: p.topic("t"), payload: "behind"}.bytes(p.v), pingreq)
	if rest := x.rest(); len(rest) > 0 {
		p.Fatalf("answered %x", rest)
	}
	s.take(p.topic("t"), "before")
	s.silent(p.join("x"))
}

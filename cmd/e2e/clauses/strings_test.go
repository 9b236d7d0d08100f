package clauses

import (
	"fmt"
	"testing"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// TestStrings holds the statements on UTF-8 strings, wherever one stands.
func TestStrings(t *testing.T) {
	t.Parallel()
	actOn(t, []*solo.Node{shared(t)},
		cast{both, []scene{
			{"in-connect", stringsInConnect},
			{"in-other-packets", stringsInOthers},
			{"byte-order-mark", byteOrderMark},
			{"longer-than-the-packet", longerThanThePacket},
		}},
		cast{only5, []scene{{"in-properties", stringsInProperties}}})
}

// notUTF8 are strings that none may send: ill-formed, cut, too long for what
// they say, surrogates, beyond Unicode, U+0000.
var notUTF8 = []string{"\xff", "a\x80", "\xc3", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xed\xbf\xbf", "a\xed\xa0\xbd\xed\xb8\x80",
	"\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "a\x00b", "\x00", "\xc0\x80"}

func stringsInConnect(p *play) {
	for _, bad := range notUTF8 {
		for name, c := range map[string]connect{
			"client ID":  {id: bad},
			"user name":  {id: p.id("x"), user: &bad},
			"will topic": {id: p.id("x"), will: &will{topic: bad, payload: "w"}},
		} {
			c.v, c.clean = p.v, true
			x := p.dial()
			x.id = fmt.Sprintf("%s %q", name, bad)
			x.send(c.bytes())
			x.ends(0x81, 0x82, 0x85, 0x90)
		}
	}
	// Passwords and payloads are bytes.
	user, bytes := "user", "\xff\x00"
	p.join("x", func(c *connect) { c.user, c.pass = &user, &bytes }).leave()
}

func stringsInOthers(p *play) {
	s := p.join("s")
	s.on(p.topic("#"), 0)
	for _, bad := range notUTF8 {
		topic := p.topic(bad)
		for name, bytes := range map[string][]byte{
			"topic":          publish{topic: topic, payload: "x"}.bytes(p.v),
			"filter":         subscribe(p.v, 1, nil, sub{topic, 0}),
			"second filter":  subscribe(p.v, 1, nil, sub{p.topic("a"), 0}, sub{topic, 0}),
			"to unsubscribe": unsubscribe(p.v, 1, topic),
		} {
			x := p.join("x")
			x.id = fmt.Sprintf("%s %q", name, bad)
			x.send(bytes)
			x.ends(0x81, 0x82, 0x8F, 0x90)
		}
	}
	s.silent(p.join("q"))
}

// byteOrderMark: U+FEFF is a character like any other.
func byteOrderMark(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("+"), 0)
	for _, topic := range []string{"\ufeff", "\ufeffa", "a\ufeffb"} {
		q.say(p.topic(topic), "m")
		s.take(p.topic(topic), "m")
	}
	x := p.join("", func(c *connect) { c.id = "\ufeff" + p.id("x") })
	y := p.join("", func(c *connect) { c.id = p.id("x") })
	x.nothing()
	y.nothing()
	s.silent(q)
	t := p.join("t")
	t.on("\ufeff"+p.topic("a"), 0)
	q.say("\ufeff"+p.topic("a"), "with")
	t.take("\ufeff"+p.topic("a"), "with")
}

// longerThanThePacket: a length of a string that leaves the packet.
func longerThanThePacket(p *play) {
	for name, bytes := range map[string][]byte{
		"topic":          frame(publishType<<4, u16(65535), []byte("abc")),
		"filter":         frame(subscribeType<<4|2, u16(1), props(p.v), u16(10), []byte("a\x00")),
		"to unsubscribe": frame(unsubscribeType<<4|2, u16(1), props(p.v), u16(4), []byte("abc")),
		"half a length":  frame(publishType<<4, []byte{0}),
	} {
		x := p.join("x")
		x.id = name
		x.send(bytes)
		x.ends(0x81)
	}
}

func stringsInProperties(p *play) {
	for _, bad := range notUTF8 {
		for name, list := range map[string][]byte{
			"content type":   propStr(contentType, bad),
			"response topic": propStr(responseTopic, bad),
			"name":           propPair(bad, "v"),
			"value":          propPair("n", bad),
		} {
			x := p.join("x")
			x.id = fmt.Sprintf("%s %q", name, bad)
			x.send(publish{topic: p.topic("t"), props: list}.bytes(v5))
			x.ends(0x81, 0x82)
		}
		x := p.ask("x", with(propStr(authMethod, bad)))
		x.ends(0x81, 0x8C)
		x = p.ask("x", with(propPair(bad, "v")))
		x.ends(0x81, 0x82)
		x = p.ask("x", willing(will{topic: p.topic("w"), props: propStr(contentType, bad)}))
		x.ends(0x81, 0x82)
	}
}

package clauses

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestSubscribe holds the statements on SUBSCRIBE and UNSUBSCRIBE that the
// versions share, and the rules of matching.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	act(t, both,
		scene{"codes-in-order", codesInOrder},
		scene{"no-filters", noFilters},
		scene{"reserved-options", reservedOptions},
		scene{"filters-that-are-none", filtersThatAreNone},
		scene{"matching", matching},
		scene{"dollar", dollar},
		scene{"no-normalization", noNormalization},
		scene{"long-topics", longTopics},
		scene{"replaces", subscribeReplaces},
		scene{"overlapping", overlapping},
		scene{"many-filters-at-once", manyFilters},
		scene{"unsubscribe", unsubscribeStops},
		scene{"unsubscribe-compares-exactly", unsubscribeExactly},
		scene{"unsubscribe-completes-deliveries", unsubscribeCompletes},
		scene{"unsubscribe-many", unsubscribeMany},
		scene{"unsubscribe-nothing", unsubscribeNothing},
	)
}

func codesInOrder(p *play) {
	x := p.join("x")
	for _, id := range []int{1, 256, 65535} {
		x.send(subscribe(p.v, id, nil, sub{p.topic("a"), 2}, sub{p.topic("b"), 0}, sub{p.topic("c"), 1}, sub{p.topic("a"), 0}))
		if got := x.want(subackType); got.id != id || !slices.Equal(got.codes, []byte{2, 0, 1, 0}) {
			p.Fatalf("got %s", got)
		}
	}
}

func noFilters(p *play) {
	x := p.join("x")
	x.send(subscribe(p.v, 1, nil))
	x.ends(0x82)
	x = p.join("x")
	x.send(unsubscribe(p.v, 1))
	x.ends(0x82)
}

// reservedOptions: bits that mean nothing, and QoS 3.
func reservedOptions(p *play) {
	bad := []byte{3, 1 << 6, 1 << 7, 0xC1, 7}
	if p.v == v3 {
		bad = append(bad, 1<<2, 1<<3, 1<<4, 1<<5)
	}
	for _, options := range bad {
		x := p.join("x")
		x.id = fmt.Sprintf("options %x", options)
		x.send(subscribe(p.v, 1, nil, sub{p.topic("a"), options}))
		x.ends(0x81, 0x82)
	}
}

// filtersThatAreNone: a server may refuse them alone, or the client.
func filtersThatAreNone(p *play) {
	s := p.join("s")
	s.on(p.topic("#"), 0)
	for i, filter := range []string{"", "#/a", "a/#/b", "a#", "a/b#", "a+", "+a", "a/+b/c", "##", "a/##", "a/++"} {
		x := p.join(fmt.Sprint("x", i))
		x.id = fmt.Sprintf("filter %q", filter)
		x.send(subscribe(p.v, 1, nil, sub{filter, 0}))
		got, err := x.poll(within)
		switch {
		case err == nil && got.typ == subackType && slices.Equal(got.codes, []byte{0x8F}) && p.v == v5:
		case err == nil && got.typ == subackType && slices.Equal(got.codes, []byte{0x80}) && p.v == v3:
		case err == nil && got.typ == disconnectType && slices.Contains([]byte{0x81, 0x82, 0x8F}, got.reason):
			x.closed()
		case over(err) && p.v == v3:
		default:
			p.Errorf("filter %q: got %s, %v", filter, got, err)
		}
	}
}

// matching: the tables and examples of section 4.7, and the edges of each
// rule. Topics are under one of the scene's own.
func matching(p *play) {
	q := p.join("q")
	for _, c := range []struct{ filter, yes, no string }{
		{"a/#", "a a/ a/b a/b/c a//c", "b ab /a A/b"},
		{"a/+", "a/b a/", "a a/b/c A/b"},
		{"+/+", "a/b / /a a/", "a a/b/c"},
		{"+", "a b", "a/b a/ /"},
		{"/+", "/a /", "a a/b"},
		{"/", "/", "a a/ // /a"},
		{"a/+/c", "a/b/c a//c", "a/c a/b/b/c a/b/c/d"},
		{"a/+/+/#", "a/b/c a/b/c/d a///", "a/b a"},
		{"+/b/#", "a/b a/b/c /b", "b a/c"},
		{"a//b", "a//b", "a/b a/x/b a///b"},
		{"a/b", "a/b", "a a/b/ a/B /a/b a/b/c"},
	} {
		x := p.join("x")
		x.on(p.topic(c.filter), 0)
		for _, topic := range strings.Fields(c.no) {
			q.say(p.topic(topic), "no")
		}
		for _, topic := range strings.Fields(c.yes) {
			q.say(p.topic(topic), "yes "+c.filter)
			x.take(p.topic(topic), "yes "+c.filter)
		}
		x.silent(q)
	}
}

// dollar: a wildcard at the start matches no topic that starts with $.
func dollar(p *play) {
	q := p.join("q")
	wild, plus, named, mine := p.join("w"), p.join("p"), p.join("n"), p.join("m")
	special, plain := "$top/"+p.base, "top/"+p.base
	wild.on("#", 0)
	plus.on("+/"+p.base, 0)
	named.on("$top/#", 0)
	mine.on("$top/+", 0)
	q.say(special, "special")
	named.take(special, "special")
	mine.take(special, "special")
	q.say(plain, "plain")
	plus.take(plain, "plain")
	for m := wild.want(publishType); m.topic != plain; m = wild.want(publishType) {
		if m.topic == special {
			p.Fatal("# matched a topic that starts with $ [MQTT-4.7.2-1]")
		}
	}
}

// noNormalization: what looks alike is not the same.
func noNormalization(p *play) {
	q := p.join("q")
	twins := []string{"a", "A", "a ", " a", "\u00e9", "e\u0301", "\ufeffa", "a\ufeff", "a/", "/a", "\u212b", "\u00c5", "a.", "%61", "a*", "?"}
	for i, topic := range twins {
		x := p.join("x")
		x.on(p.topic(topic), 0)
		for _, other := range twins {
			q.say(p.topic(other), fmt.Sprint(i))
		}
		x.take(p.topic(topic), fmt.Sprint(i))
		x.silent(q)
	}
}

// longTopics: as long as a string may be, with as many levels as fit.
func longTopics(p *play) {
	x, q := p.join("x"), p.join("q")
	for _, topic := range []string{
		p.base + "/" + strings.Repeat("t", 65534-len(p.base)),
		p.base + strings.Repeat("/", 200), p.base + strings.Repeat("/x", 20_000), p.base + "/\u20ac", p.base + "/\U0001F600/x",
	} {
		x.on(topic, 1)
		q.say(topic, "m")
		x.take(topic, "m")
	}
	x.on(p.base+strings.Repeat("/+", 19_999)+"/#", 0)
	q.say(p.base+strings.Repeat("/y", 20_000), "deep")
	x.take(p.base+strings.Repeat("/y", 20_000), "deep")
	x.silent(q)
}

// subscribeReplaces: the same filter again changes the grant, adds no copy,
// and interrupts nothing.
func subscribeReplaces(p *play) {
	s, q := p.join("s"), p.join("q")
	for _, granted := range []byte{0, 2, 1, 0} {
		s.on(p.topic("a/+"), granted)
		q.publish(publish{topic: p.topic("a/b"), payload: "m", qos: 2})
		if m := s.take(p.topic("a/b"), "m"); m.qos() != granted {
			p.Fatalf("granted %d, got %s", granted, m)
		}
	}
	s.silent(q)
}

// overlapping: the highest QoS granted; a server may send a copy for each
// subscription, ours sends one.
func overlapping(p *play) {
	s, q := p.join("s"), p.join("q")
	s.subscribe(sub{p.topic("#"), 1}, sub{p.topic("a/b"), 0}, sub{p.topic("+/b"), 2}, sub{p.topic("a/#"), 0})
	for qos := range byte(3) {
		q.publish(publish{topic: p.topic("a/b"), payload: "m", qos: qos})
		if m := s.take(p.topic("a/b"), "m"); m.qos() != qos {
			p.Fatalf("got %s, want QoS %d", m, qos)
		}
		s.silent(q)
	}
	s.unsubscribe(p.topic("+/b"))
	q.publish(publish{topic: p.topic("a/b"), payload: "m", qos: 2})
	if m := s.take(p.topic("a/b"), "m"); m.qos() != 1 {
		p.Fatalf("got %s, want QoS 1", m)
	}
	s.silent(q)
}

// manyFilters: one packet with many is as good as many packets.
func manyFilters(p *play) {
	s, q := p.join("s"), p.join("q")
	var subs []sub
	for i := range 500 {
		subs = append(subs, sub{p.topic(fmt.Sprint(i)), byte(i % 3)})
	}
	s.subscribe(subs...)
	for i := 0; i < 500; i += 83 {
		q.publish(publish{topic: subs[i].filter, payload: "m", qos: 2})
		if m := s.take(subs[i].filter, "m"); m.qos() != subs[i].options {
			p.Fatalf("got %s", m)
		}
	}
}

func unsubscribeStops(p *play) {
	s, q := p.join("s"), p.join("q")
	s.subscribe(sub{p.topic("a"), 1}, sub{p.topic("b"), 1})
	q.say(p.topic("a"), "1")
	s.take(p.topic("a"), "1")
	s.unsubscribe(p.topic("a"))
	q.say(p.topic("a"), "2")
	q.say(p.topic("b"), "3")
	s.take(p.topic("b"), "3")
	s.silent(q)
}

// unsubscribeExactly: character by character, wildcards too.
func unsubscribeExactly(p *play) {
	s, q := p.join("s"), p.join("q")
	s.on(p.topic("a/+"), 1)
	for i, filter := range []string{"#", "a/#", "+/+", "a/b", "A/+", "a/+/", "/a/+", "a/+/#"} {
		s.send(unsubscribe(p.v, 100+i, p.topic(filter)))
		if got := s.want(unsubackType); got.id != 100+i || p.v == v5 && !slices.Equal(got.codes, []byte{0x11}) {
			p.Fatalf("%s: got %s", filter, got)
		}
	}
	q.say(p.topic("a/b"), "still")
	s.take(p.topic("a/b"), "still")
	s.unsubscribe(p.topic("a/+"))
	q.say(p.topic("a/b"), "no more")
	s.silent(q)
}

// unsubscribeCompletes: what was sent is completed.
func unsubscribeCompletes(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.on(p.topic("t"), 2)
	q.publish(publish{topic: p.topic("t"), payload: "one", qos: 1})
	q.publish(publish{topic: p.topic("t"), payload: "two", qos: 2})
	one, two := s.receive(p.topic("t"), "one"), s.receive(p.topic("t"), "two")
	s.unsubscribe(p.topic("t"))
	s.settle(two)
	s.leave()
	s = p.resume("s")
	if m := s.take(p.topic("t"), "one"); m.id != one.id || !m.dup() {
		p.Fatalf("got %s, want %s again", m, one)
	}
	s.silent(q)
}

func unsubscribeMany(p *play) {
	s, q := p.join("s"), p.join("q")
	s.subscribe(sub{p.topic("a"), 0}, sub{p.topic("b"), 0}, sub{p.topic("c"), 0})
	s.send(unsubscribe(p.v, 9, p.topic("a"), p.topic("none"), p.topic("c"), p.topic("a")))
	if got := s.want(unsubackType); got.id != 9 || p.v == v5 && !slices.Equal(got.codes, []byte{0, 0x11, 0, 0x11}) {
		p.Fatalf("got %s", got)
	}
	for _, topic := range []string{"a", "b", "c"} {
		q.say(p.topic(topic), topic)
	}
	s.take(p.topic("b"), "b")
	s.silent(q)
}

func unsubscribeNothing(p *play) {
	x := p.join("x")
	x.send(unsubscribe(p.v, 65535, p.topic("t")))
	if got := x.want(unsubackType); got.id != 65535 || p.v == v5 && !slices.Equal(got.codes, []byte{0x11}) {
		p.Fatalf("got %s", got)
	}
}

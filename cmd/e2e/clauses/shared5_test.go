package clauses

import (
	"fmt"
	"slices"
	"testing"
)

// TestShared5 holds the statements on shared subscriptions.
func TestShared5(t *testing.T) {
	t.Parallel()
	act(t, only5,
		scene{"one-of-a-group", sharedOne},
		scene{"groups-apart", sharedGroups},
		scene{"beside-its-own", sharedBesideOwn},
		scene{"leaving", sharedLeaving},
		scene{"subscribed-twice", sharedTwice},
		scene{"no-retained", sharedNoRetained},
		scene{"granted-qos", sharedQoS},
		scene{"names-that-are-none", sharedNames},
		scene{"no-local", sharedNoLocal},
		scene{"the-others-while-one-is-away", sharedAway},
		scene{"refused-is-gone", sharedRefused},
		scene{"completed-on-return", sharedCompleted},
		scene{"ended-session", sharedEnded},
		scene{"filter", sharedFilter},
		scene{"identifier", sharedIdentifier},
	)
}

// gather counts what each of the peers gets of n messages, until all have
// come; every peer must end with a marker from the publisher.
func gather(q *peer, topic string, n int, members ...*peer) []int {
	q.Helper()
	for i := range n {
		q.say(topic, fmt.Sprint(i))
	}
	seen := map[string]bool{}
	counts := make([]int, len(members))
	for i, m := range members {
		marker := q.topic("end/" + m.id)
		q.say(marker, "end")
		for {
			got := m.want(publishType)
			m.settle(got)
			if got.topic == marker {
				break
			}
			if got.topic != topic || seen[got.payload] {
				q.Fatalf("%s: got %s, which another one had", m.id, got)
			}
			seen[got.payload] = true
			counts[i]++
		}
	}
	if len(seen) != n {
		q.Fatalf("%d of %d messages came", len(seen), n)
	}
	return counts
}

// member joins and subscribes to a shared filter, and to its own marker.
func (p *play) member(name, filter string, options byte, with ...option) *peer {
	p.Helper()
	x := p.join(name, with...)
	x.subscribe(sub{p.topic("end/" + x.id), 1}, sub{filter, options})
	return x
}

func (p *play) group(name, topic string) string {
	return "$share/" + p.base + name + "/" + p.topic(topic)
}

// sharedOne: each message to one, and each member gets some.
func sharedOne(p *play) {
	q := p.join("q")
	var members []*peer
	for i := range 3 {
		members = append(members, p.member(fmt.Sprint("m", i), p.group("g", "t"), byte(i)))
	}
	counts := gather(q, p.topic("t"), 90, members...)
	if slices.Min(counts) == 0 {
		p.Errorf("shares of %v", counts)
	}
}

func sharedGroups(p *play) {
	q, plain := p.join("q"), p.member("plain", p.topic("t"), 1)
	a, b := p.member("a", p.group("a", "t"), 1), p.member("b", p.group("b", "+"), 1)
	for i := range 10 {
		q.say(p.topic("t"), fmt.Sprint(i))
		for _, x := range []*peer{plain, a, b} {
			x.take(p.topic("t"), fmt.Sprint(i))
		}
	}
}

// sharedBesideOwn: a client may get one copy by each.
func sharedBesideOwn(p *play) {
	q := p.join("q")
	x := p.member("x", p.group("g", "t"), 1)
	x.on(p.topic("t"), 1)
	q.say(p.topic("t"), "m")
	x.take(p.topic("t"), "m")
	x.take(p.topic("t"), "m")
	x.silent(q)
}

// sharedLeaving: by UNSUBSCRIBE with the whole filter, or with the session.
func sharedLeaving(p *play) {
	q := p.join("q")
	a, b, c := p.member("a", p.group("g", "t"), 1), p.member("b", p.group("g", "t"), 1), p.member("c", p.group("g", "t"), 1)
	a.send(unsubscribe(v5, 50, p.topic("t"), p.group("h", "t")))
	if got := a.want(unsubackType); !slices.Equal(got.codes, []byte{0x11, 0x11}) {
		p.Errorf("got %s", got)
	}
	a.unsubscribe(p.group("g", "t"))
	b.leave()
	if counts := gather(q, p.topic("t"), 20, a, c); counts[0] != 0 {
		p.Errorf("shares of %v, of which the first has left", counts)
	}
	c.drop()
	p.join("c").leave()
	q.publish(publish{topic: p.topic("t"), payload: "for nobody", qos: 1})
	d := p.member("d", p.group("g", "t"), 1)
	d.silent(q)
}

func sharedTwice(p *play) {
	q := p.join("q")
	a := p.member("a", p.group("g", "t"), 0)
	a.on(p.group("g", "t"), 1)
	q.say(p.topic("t"), "m")
	if m := a.take(p.topic("t"), "m"); m.qos() != 1 {
		p.Errorf("got %s", m)
	}
	a.unsubscribe(p.group("g", "t"))
	q.say(p.topic("t"), "m")
	a.silent(q)
}

func sharedNoRetained(p *play) {
	q := p.join("q")
	q.retain(p.topic("t"), "kept", 1)
	a := p.member("a", p.group("g", "t"), 1)
	a.silent(q)
	b := p.member("b", p.group("g", "t"), 1|retainIfNew)
	b.silent(q)
	q.retain(p.topic("t"), "live", 1)
	a.drop()
}

func sharedQoS(p *play) {
	q := p.join("q")
	for granted := range byte(3) {
		a := p.member(fmt.Sprint("a", granted), p.group(fmt.Sprint("g", granted), "t"), granted)
		for qos := range byte(3) {
			q.publish(publish{topic: p.topic("t"), payload: "m", qos: qos})
			if m := a.take(p.topic("t"), "m"); m.qos() != min(qos, granted) {
				p.Errorf("published with %d, granted %d: %s", qos, granted, m)
			}
		}
	}
}

func sharedNames(p *play) {
	for _, filter := range []string{"$share//t", "$share/g", "$share/g/", "$share/+/t", "$share/#", "$share/a+b/t", "$share/a#/t", "$share", "$share/", "$share/g/#/a", "$share/g/a+"} {
		x := p.join("x")
		x.id = fmt.Sprintf("filter %q", filter)
		x.send(subscribe(v5, 1, nil, sub{filter, 0}))
		got := x.next()
		switch {
		case got.typ == subackType && slices.Equal(got.codes, []byte{0x8F}):
		case got.typ == subackType && filter == "$share": // an odd filter, but one
		case got.typ == disconnectType && slices.Contains([]byte{0x81, 0x82, 0x8F}, got.reason):
			x.closed()
		default:
			p.Errorf("filter %q: got %s", filter, got)
		}
	}
}

func sharedNoLocal(p *play) {
	x := p.join("x")
	x.send(subscribe(v5, 1, nil, sub{p.group("g", "t"), noLocal}))
	x.ends(0x82)
}

// sharedAway: a server is free in whom it chooses; ours prefers who is there.
func sharedAway(p *play) {
	q := p.join("q")
	a, b := p.member("a", p.group("g", "t"), 1, lasting), p.member("b", p.group("g", "t"), 1)
	a.leave()
	if counts := gather(q, p.topic("t"), 20, b); counts[0] != 20 {
		p.Errorf("shares of %v", counts)
	}
	p.resume("a").silent(q)
}

// sharedRefused: what a member refuses goes to no other one.
func sharedRefused(p *play) {
	q := p.join("q")
	a, b := p.member("a", p.group("g", "t"), 2, lasting), p.member("b", p.group("g", "t"), 2, lasting)
	for qos := byte(1); qos <= 2; qos++ {
		for range 4 {
			q.publish(publish{topic: p.topic("t"), payload: "m", qos: qos})
		}
	}
	refused := 0
	for _, x := range []*peer{a, b} {
		q.say(p.topic("end/"+x.id), "end")
		m := x.want(publishType)
		for ; m.topic == p.topic("t"); m = x.want(publishType) {
			x.send(ackBy(pubackType+m.qos()-1, m.id, 0x80))
			refused++
		}
		x.settle(m)
	}
	if refused != 8 {
		p.Errorf("%d of 8 messages came", refused)
	}
	a.silent(q)
	b.silent(q)
	a.leave()
	b.leave()
	p.resume("a").silent(q)
	p.resume("b").silent(q)
}

// sharedCompleted: QoS 2 that was begun with a member is completed with it.
func sharedCompleted(p *play) {
	q := p.join("q")
	a := p.member("a", p.group("g", "t"), 2, lasting)
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 2})
	was := a.receive(p.topic("t"), "m")
	b := p.member("b", p.group("g", "t"), 2)
	a.drop()
	a = p.resume("a")
	if m := a.take(p.topic("t"), "m"); m.id != was.id || !m.dup() {
		p.Errorf("got %s, want %s again", m, was)
	}
	b.silent(q)
}

// sharedEnded: QoS 2 that was begun with a session goes nowhere when the
// session ends.
func sharedEnded(p *play) {
	q := p.join("q")
	a := p.member("a", p.group("g", "t"), 2, lasting)
	q.publish(publish{topic: p.topic("t"), payload: "m", qos: 2})
	a.receive(p.topic("t"), "m")
	b := p.member("b", p.group("g", "t"), 2)
	a.drop()
	p.join("a").leave()
	b.silent(q)
}

// sharedFilter: what is behind the group is a filter with all its rules.
func sharedFilter(p *play) {
	q := p.join("q")
	a := p.member("a", "$share/"+p.base+"//"+p.base+"/+/x", 0)
	q.say("/"+p.base+"/b/x", "yes")
	a.take("/"+p.base+"/b/x", "yes")
	q.say(p.topic("b/x"), "no")
	q.say("$share/"+p.base+"//"+p.base+"/b/x", "no")
	a.silent(q)
}

func sharedIdentifier(p *play) {
	q, a := p.join("q"), p.join("a")
	a.subscribeBy(propVar(subscriptionID, 11), sub{p.group("g", "t"), 1})
	q.say(p.topic("t"), "m")
	a.identified(p.topic("t"), "m", 11)
}

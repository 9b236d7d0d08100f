package clauses

import (
	"slices"
	"testing"
)

// TestOptions5 holds the subscription options and identifiers of 5.0.
func TestOptions5(t *testing.T) {
	t.Parallel()
	act(t, only5,
		scene{"no-local", noLocalOption},
		scene{"no-local-overlapping", noLocalOverlapping},
		scene{"retain-as-published", retainAsPublishedOption},
		scene{"retain-handling-0", retainHandling0},
		scene{"retain-handling-1", retainHandling1},
		scene{"retain-handling-2", retainHandling2},
		scene{"retain-handling-3", retainHandling3},
		scene{"replaced-options", replacedOptions},
		scene{"identifier", identifier},
		scene{"identifiers-of-all-that-match", identifiersOfAll},
		scene{"identifier-changed-and-taken-away", identifierChanged},
		scene{"identifier-of-a-retained-message", identifierRetained},
		scene{"identifier-of-a-session", identifierOfASession},
		scene{"identifier-out-of-range", identifierOutOfRange},
		scene{"identifier-from-a-client", identifierFromAClient},
	)
}

func noLocalOption(p *play) {
	x, q := p.join("x"), p.join("q")
	x.subscribe(sub{p.topic("t"), 1 | noLocal}, sub{p.topic("u"), 1})
	x.say(p.topic("t"), "mine")
	q.say(p.topic("t"), "theirs")
	x.take(p.topic("t"), "theirs")
	x.send(publish{topic: p.topic("u"), payload: "mine"}.bytes(v5))
	x.take(p.topic("u"), "mine")
	x.nothing()
}

// noLocalOverlapping: another subscription may bring what this one does not.
func noLocalOverlapping(p *play) {
	x := p.join("x")
	x.subscribeBy(propVar(subscriptionID, 1), sub{p.topic("t"), 2 | noLocal})
	x.subscribeBy(propVar(subscriptionID, 2), sub{p.topic("+"), 1})
	x.send(publish{topic: p.topic("t"), payload: "mine"}.bytes(v5))
	if m := x.take(p.topic("t"), "mine"); !slices.Equal(m.nums(subscriptionID), []uint32{2}) {
		p.Fatalf("got %s, want it by the second subscription alone", m)
	}
	x.nothing()
}

func retainAsPublishedOption(p *play) {
	with, without, q := p.join("with"), p.join("without"), p.join("q")
	with.on(p.topic("t"), 1|retainAsPublished)
	without.on(p.topic("t"), 1)
	for _, retain := range []bool{true, false} {
		q.publish(publish{topic: p.topic("t"), payload: "m", qos: 1, retain: retain})
		if m := with.take(p.topic("t"), "m"); m.retain() != retain {
			p.Errorf("as published: got %s, want retain %v", m, retain)
		}
		if m := without.take(p.topic("t"), "m"); m.retain() {
			p.Errorf("got %s", m)
		}
	}
	q.retain(p.topic("t"), "", 1)
	if m := with.take(p.topic("t"), ""); !m.retain() {
		p.Errorf("the clearing message came as %s", m)
	}
	// What is sent for a new subscription is retained, whatever the option.
	q.retain(p.topic("u"), "kept", 1)
	for i, options := range []byte{1, 1 | retainAsPublished} {
		s := p.join(string(rune('a' + i)))
		s.on(p.topic("u"), options)
		s.retained(p.topic("u"), "kept", 1)
	}
}

func retainHandling0(p *play) {
	q, s := p.join("q"), p.join("s")
	q.retain(p.topic("t"), "kept", 1)
	for range 2 {
		s.on(p.topic("+"), 1)
		s.retained(p.topic("t"), "kept", 1)
	}
	s.silent(q)
}

// retainHandling1: only for a subscription that is new, also after it was
// taken back.
func retainHandling1(p *play) {
	q, s := p.join("q"), p.join("s", lasting)
	q.retain(p.topic("t"), "kept", 1)
	s.on(p.topic("+"), 1|retainIfNew)
	s.retained(p.topic("t"), "kept", 1)
	for _, options := range []byte{1 | retainIfNew, retainIfNew, 2 | retainIfNew | noLocal} {
		s.on(p.topic("+"), options)
		s.silent(q)
	}
	s.leave()
	s = p.resume("s")
	s.on(p.topic("+"), 1|retainIfNew)
	s.silent(q)
	s.unsubscribe(p.topic("+"))
	s.on(p.topic("+"), 1|retainIfNew)
	s.retained(p.topic("t"), "kept", 1)
}

func retainHandling2(p *play) {
	q, s := p.join("q"), p.join("s")
	q.retain(p.topic("t"), "kept", 1)
	for range 2 {
		s.on(p.topic("t"), 1|retainNever)
		s.silent(q)
	}
	q.retain(p.topic("t"), "live", 1)
	if m := s.take(p.topic("t"), "live"); m.retain() {
		p.Errorf("got %s", m)
	}
}

func retainHandling3(p *play) {
	x := p.join("x")
	x.send(subscribe(v5, 1, nil, sub{p.topic("t"), 3 << 4}))
	x.ends(0x82)
}

// replacedOptions: the new ones stand alone.
func replacedOptions(p *play) {
	x, q := p.join("x"), p.join("q")
	x.on(p.topic("t"), 1|noLocal|retainAsPublished)
	x.on(p.topic("t"), 0)
	x.send(publish{topic: p.topic("t"), payload: "mine"}.bytes(v5))
	x.take(p.topic("t"), "mine")
	q.retain(p.topic("t"), "kept", 2)
	if m := x.take(p.topic("t"), "kept"); m.retain() || m.qos() != 0 {
		p.Errorf("got %s", m)
	}
	x.silent(q)
}

// identified wants a message as the next packet, with these identifiers.
func (x *peer) identified(topic, payload string, ids ...uint32) {
	x.Helper()
	if m := x.take(topic, payload); !slices.Equal(m.nums(subscriptionID), ids) {
		x.Errorf("%s: got %s, want identifiers %d", x.id, m, ids)
	}
}

func identifier(p *play) {
	s, none, q := p.join("s"), p.join("none"), p.join("q")
	none.on(p.topic("#"), 0)
	for _, id := range []int{1, 127, 128, 16384, 268435455} {
		s.subscribeBy(propVar(subscriptionID, id), sub{p.topic("t"), 0}, sub{p.topic("u"), 2})
		q.say(p.topic("t"), "t")
		q.say(p.topic("u"), "u")
		s.identified(p.topic("t"), "t", uint32(id))
		s.identified(p.topic("u"), "u", uint32(id))
		none.identified(p.topic("t"), "t")
		none.identified(p.topic("u"), "u")
	}
}

// identifiersOfAll: one copy with the identifiers of all subscriptions that
// match; one without an identifier adds none; two may have the same.
func identifiersOfAll(p *play) {
	s, q := p.join("s"), p.join("q")
	s.subscribeBy(propVar(subscriptionID, 7), sub{p.topic("a/#"), 0})
	s.subscribeBy(propVar(subscriptionID, 300), sub{p.topic("a/+"), 2})
	s.subscribeBy(nil, sub{p.topic("+/b"), 1})
	q.publish(publish{topic: p.topic("a/b"), payload: "m", qos: 2})
	s.identified(p.topic("a/b"), "m", 7, 300)
	s.subscribeBy(propVar(subscriptionID, 7), sub{p.topic("a/b"), 1})
	q.publish(publish{topic: p.topic("a/b"), payload: "m", qos: 2})
	m := s.take(p.topic("a/b"), "m")
	if ids := slices.Compact(m.nums(subscriptionID)); !slices.Equal(ids, []uint32{7, 300}) || m.qos() != 2 {
		p.Errorf("got %s", m)
	}
	q.say(p.topic("a"), "m")
	s.identified(p.topic("a"), "m", 7)
	s.silent(q)
}

func identifierChanged(p *play) {
	s, q := p.join("s"), p.join("q")
	for _, id := range []int{5, 6} {
		s.subscribeBy(propVar(subscriptionID, id), sub{p.topic("t"), 0})
		q.say(p.topic("t"), "m")
		s.identified(p.topic("t"), "m", uint32(id))
	}
	s.subscribeBy(nil, sub{p.topic("t"), 0})
	q.say(p.topic("t"), "m")
	s.identified(p.topic("t"), "m")
}

func identifierRetained(p *play) {
	s, q := p.join("s"), p.join("q")
	q.retain(p.topic("t"), "kept", 0)
	s.subscribeBy(propVar(subscriptionID, 1), sub{p.topic("#"), 0})
	s.identified(p.topic("t"), "kept", 1)
	s.subscribeBy(propVar(subscriptionID, 2), sub{p.topic("t"), 0})
	s.identified(p.topic("t"), "kept", 2)
}

func identifierOfASession(p *play) {
	s, q := p.join("s", lasting), p.join("q")
	s.subscribeBy(propVar(subscriptionID, 9), sub{p.topic("t"), 1})
	s.leave()
	q.say(p.topic("t"), "waited")
	s = p.resume("s")
	s.identified(p.topic("t"), "waited", 9)
	q.say(p.topic("t"), "live")
	s.identified(p.topic("t"), "live", 9)
}

func identifierOutOfRange(p *play) {
	for _, list := range [][]byte{propVar(subscriptionID, 0), cat(propVar(subscriptionID, 1), propVar(subscriptionID, 2))} {
		x := p.join("x")
		x.send(subscribe(v5, 1, list, sub{p.topic("t"), 0}))
		x.ends(0x82)
	}
	x := p.join("x")
	x.send(subscribe(v5, 1, []byte{subscriptionID, 0xff, 0xff, 0xff, 0xff, 0x01}, sub{p.topic("t"), 0}))
	x.ends(0x81)
}

func identifierFromAClient(p *play) {
	x := p.join("x")
	x.send(publish{topic: p.topic("t"), props: propVar(subscriptionID, 1)}.bytes(v5))
	x.ends(0x82)
}

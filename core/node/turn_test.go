package node

import (
	"slices"
	"testing"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/lane"
)

// counter is lanes of 1000 bytes, and publishers that the test runs one by one,
// in any order.
type counter struct {
	n       Node
	lanes   []*outLane
	waiting []*publishing
}

func newCounter(lanes int) *counter {
	c := &counter{}
	for range lanes {
		o := lane.Options{MaxBytes: 1000, QoS0Bytes: 300, BatchBytes: 100}
		c.lanes = append(c.lanes, newOutLane(o, &lanePair{number: 1}))
	}
	return c
}

// put publishes a message to the lanes named by bits; nil: it is admitted, or
// dropped, at once.
func (c *counter) put(size int, to uint64, qos core.QoS) *publishing {
	p := &publishing{m: &core.Message{QoS: qos}, encoded: make([]byte, size)}
	p.nodes = to
	if c.try(p) {
		return nil
	}
	c.waiting = append(c.waiting, p)
	return p
}

// try is one turn of the loop of forward.
func (c *counter) try(p *publishing) bool {
	var lanes []*outLane
	for i, l := range c.lanes {
		if p.nodes&(1<<i) != 0 {
			l.mu.Lock()
			lanes = append(lanes, l)
		}
	}
	wait, _ := c.n.obstacle(lanes, p)
	if wait == nil {
		c.n.number(lanes, p)
	}
	for _, l := range lanes {
		l.mu.Unlock()
	}
	if wait != nil {
		p.queue.move(wait)
		return false
	}
	c.forget(p)
	return true
}

// forget ends a publish.
func (c *counter) forget(p *publishing) {
	p.queue.end()
	c.waiting = slices.DeleteFunc(c.waiting, func(w *publishing) bool { return w == p })
}

// called returns those who are worth running.
func (c *counter) called() (out []*publishing) {
	for _, p := range c.waiting {
		if p.queue.places[len(p.queue.places)-1].called {
			out = append(out, p)
		}
	}
	return out
}

// ack acknowledges all that a lane holds.
func (c *counter) ack(i int) {
	l := c.lanes[i]
	for ok := true; ok; {
		_, ok = l.sender.Next()
	}
	if err := l.ack(l.sender.Last()); err != nil {
		panic(err)
	}
}

// Who waits for room is not overtaken by those who come later, and goes on when
// there is room for it; then it is their turn.
func TestWaitingForRoomIsInTurn(t *testing.T) {
	c := newCounter(1)
	if c.put(950, 1, 1) != nil || c.put(50, 1, 2) != nil {
		t.Fatal("it waits, though it fits")
	}
	large, small := c.put(900, 1, 1), c.put(50, 1, 1)
	if large == nil || small == nil || len(c.called()) != 0 {
		t.Fatal("it does not wait, or is called though there is no room")
	}
	c.ack(0)
	if got := c.called(); len(got) != 2 || got[0] != large {
		t.Fatalf("%d are called", len(got))
	}
	huge := c.put(5000, 1, 1)
	if !c.try(small) || !c.try(large) || huge == nil {
		t.Error("what was promised is not kept")
	}
	if c.ack(0); !c.try(huge) || len(c.waiting) != 0 {
		t.Error("what is larger than the lane does not get an empty one")
	}
}

// However late one that is called runs, maxPassed messages overtake it and no
// more, though each of them leaves it its room; and not one before it is called.
func TestFewOvertake(t *testing.T) {
	c := newCounter(1)
	c.put(1000, 1, 1)
	p, passed := c.put(500, 1, 1), 0
	for round := range 100 {
		for range 3 {
			if c.put(100, 1, 1) == nil {
				passed++
			}
		}
		if round == 0 && passed > 0 {
			t.Error("overtaken while it waits")
		}
		for _, other := range c.called() {
			if other != p && c.try(other) {
				passed++
			}
		}
		c.ack(0)
	}
	if passed != maxPassed || !c.try(p) {
		t.Errorf("%d have overtaken it, or its room is lost", passed)
	}
}

// QoS 0 has no turn, and does not hold up those who have: it takes nothing that
// is promised, and is dropped rather than fill the lane under a large message.
func TestSparedByQoS0(t *testing.T) {
	for _, x := range []struct {
		name            string
		held, waits     int
		acked           bool
		zero, forwarded int
	}{
		{"beside one that waits", 800, 700, false, 100, 1},
		{"its own bound", 200, 900, false, 301, 0},
		{"under one that waits", 800, 950, false, 100, 0},
		{"under one larger than the lane", 800, 1001, false, 1, 0},
		{"beside what is promised", 800, 900, true, 100, 1},
		{"of what is promised", 800, 900, true, 101, 0},
	} {
		c := newCounter(1)
		c.put(x.held, 1, 1)
		p := c.put(x.waits, 1, 1)
		if x.acked {
			c.ack(0)
		}
		before := c.lanes[0].forwarded
		c.put(x.zero, 1, 0)
		if got := int(c.lanes[0].forwarded - before); got != x.forwarded {
			t.Errorf("%s: %d forwarded", x.name, got)
		}
		if c.ack(0); p == nil || !c.try(p) {
			t.Errorf("%s: the waiting one has no room", x.name)
		}
	}
}

// What is promised beside messages that are still held is not QoS 0's either.
func TestPromisedBesideHeld(t *testing.T) {
	c := newCounter(1)
	l := c.lanes[0]
	c.put(500, 1, 1)
	c.put(500, 1, 1)
	p := c.put(400, 1, 1)
	l.sender.Next()
	if err := l.ack(1); err != nil || len(c.called()) != 1 {
		t.Fatal("not called", err)
	}
	c.put(101, 1, 0)
	if c.put(100, 1, 0); l.forwarded != 3 || !c.try(p) {
		t.Errorf("%d messages forwarded, and no room for the one that was called", l.forwarded)
	}
}

// Nobody waits for a peer that has failed.
func TestTurnsEndWithThePeer(t *testing.T) {
	c := newCounter(1)
	c.put(1000, 1, 1)
	first, second := c.put(100, 1, 1), c.put(1000, 1, 1)
	c.lanes[0].giveUp()
	if len(c.called()) != 2 || !c.try(second) {
		t.Fatal("not everybody is called")
	}
	c.lanes[0].revive() // before the other has run
	if c.try(first) || len(c.called()) != 0 {
		t.Error("it finds room where there is none")
	}
	if c.ack(0); !c.try(first) {
		t.Error("it is not called")
	}
}

// A message for two lanes that are filled up whenever they have room is not
// sent from the one to the other for ever.
func TestTurnOnTwoLanes(t *testing.T) {
	for size := 100; size <= 1100; size += 100 {
		c := newCounter(2)
		fill := func() {
			for i := range 2 {
				for c.put(50, 1<<i, 1) == nil {
				}
			}
		}
		fill()
		wide, rounds := c.put(size, 3, 1), 0
		for done := false; !done && rounds < 10; rounds++ {
			c.ack(rounds % 2)
			for _, p := range c.called() {
				done = c.try(p) && p == wide || done
			}
			fill()
		}
		if rounds > 4 { // two of each lane
			t.Errorf("%d bytes: %d rounds", size, rounds)
		}
	}
}

// Room is held for one message at most for want of room at another lane, and
// not for ever.
func TestHeldRoomIsBounded(t *testing.T) {
	c := newCounter(2)
	for i := range 2 {
		c.put(1000, 1<<i, 1)
	}
	first, second := c.put(300, 3, 1), c.put(300, 3, 1)
	c.ack(0)
	if c.try(first) || c.try(second) || len(first.queue.places) != 2 || len(second.queue.places) != 1 {
		t.Fatal("the first does not hold its room, or the second does")
	}
	for range 2 * maxPassed { // it loses nothing by that, so that they may
		if c.put(1, 1, 1) != nil {
			t.Fatal("one that comes later waits, though there is room beside what is held")
		}
	}
	if c.put(700-2*maxPassed, 1, 1) != nil || c.put(100, 1, 1) == nil {
		t.Error("another does not get the rest, or gets what is held")
	}
	first.queue.letGo()
	if got := c.called(); len(got) != 1 || !c.try(got[0]) {
		t.Error("what is let go is nobody's")
	}
	c.ack(1)
	if c.try(first) || len(first.queue.places) != 1 {
		t.Error("it holds again")
	}
}

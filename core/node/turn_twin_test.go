package node

import (
	"testing"

	"pgregory.net/rapid"
)

// watched is a counter whose every admission is checked by walking over all who
// wait.
type watched struct {
	*counter
	t      *rapid.T
	passed map[*publishing]map[*outLane]int // by those who came later
}

// run tries a publisher, a new one or one that waits.
func (c *watched) run(p *publishing, admit func() bool) {
	before := make([]uint64, len(c.lanes))
	for i, l := range c.lanes {
		before[i] = l.forwarded
	}
	place := noTicket
	if p != nil {
		place = p.queue.ticket
	}
	if !admit() {
		return
	}
	for i, l := range c.lanes {
		if l.forwarded > before[i] {
			c.check(l, place)
		}
	}
}

// check looks at a lane after a message of QoS 1 or 2 has been admitted to it.
func (c *watched) check(l *outLane, place uint64) {
	promised := 0
	for _, w := range c.waiting {
		t := w.queue.at(l)
		if t == nil || w.queue.ticket > place {
			continue
		}
		if !t.called {
			c.t.Fatalf("ticket %d is overtaken by %d while it waits", w.queue.ticket, place)
		}
		promised += t.size
		if c.passed[w] == nil {
			c.passed[w] = map[*outLane]int{}
		}
		if c.passed[w][l]++; !t.held && t.passed > maxPassed {
			c.t.Fatalf("ticket %d is overtaken %d times", w.queue.ticket, c.passed[w][l])
		}
	}
	if held := l.sender.Bytes(); promised > 0 && held+promised > 1000 {
		c.t.Fatalf("%d bytes are held and %d promised", held, promised)
	}
}

// settled fails unless the first of each lane that is not called has a reason
// to wait.
func (c *watched) settled() {
	for _, l := range c.lanes {
		before := l.turns.ahead(noTicket)
		if w := before.waiting; w != nil && l.roomBehind(before.promised, w.size) {
			c.t.Fatalf("ticket %d waits, though it has room", w.ticket)
		}
		if len(l.turns) > len(c.waiting) {
			c.t.Fatalf("%d places for %d who wait", len(l.turns), len(c.waiting))
		}
	}
}

func (c *watched) step() {
	t := c.t
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		c.ack(rapid.IntRange(0, len(c.lanes)-1).Draw(t, "lane"))
	case 1:
		if len(c.waiting) > 0 { // its time is over
			c.forget(rapid.SampledFrom(c.waiting).Draw(t, "who"))
		}
	case 2:
		c.put(rapid.IntRange(1, 200).Draw(t, "size"), rapid.Uint64Range(1, 7).Draw(t, "to"), 0)
	case 3:
		if len(c.waiting) > 0 {
			rapid.SampledFrom(c.waiting).Draw(t, "who").queue.letGo()
		}
	case 4, 5, 6:
		if ready := c.called(); len(ready) > 0 {
			p := rapid.SampledFrom(ready).Draw(t, "who")
			c.run(p, func() bool { return c.try(p) })
		}
	default:
		size := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(100, 1200)).Draw(t, "size")
		to := rapid.Uint64Range(1, 7).Draw(t, "to")
		c.run(nil, func() bool { return c.put(size, to, 1) == nil })
	}
}

// Whatever the scheduling, nobody is overtaken who waits for room, what is
// promised is kept, nobody waits for nothing, and in the end everybody is
// served, the first of those who wait within one round.
func TestTurnsUnderAnySchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &watched{counter: newCounter(3), t: t, passed: map[*publishing]map[*outLane]int{}}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			c.step()
			c.settled()
		}
		for len(c.waiting) > 0 {
			first := c.waiting[0]
			for i := range c.lanes {
				c.ack(i)
			}
			for _, p := range c.called() {
				c.run(p, func() bool { return c.try(p) })
			}
			if len(c.waiting) > 0 && c.waiting[0] == first {
				t.Fatalf("ticket %d is not served", first.queue.ticket)
			}
		}
		for i, l := range c.lanes {
			if c.ack(i); len(l.turns) > 0 || l.sender.Bytes() > 0 {
				t.Fatalf("%d have left their places behind", len(l.turns))
			}
		}
	})
}

package membership

import (
	"testing"
	"time"
)

// relaying makes a world of n nodes that relay, all linked.
func relaying(t *testing.T, n int) *world {
	w := newWorld(t, n, Options{})
	for _, node := range w.nodes {
		node.relays = true
	}
	for a := range n {
		for b := range a {
			w.link(b, a)
		}
	}
	w.run(time.Second)
	return w
}

// goes fails the test unless the link from one node to another goes through
// the node, or nobody, or is none.
func (w *world) goes(from, to, via int) {
	w.t.Helper()
	n := w.nodes[from]
	got, relayed := n.via[to]
	if !relayed {
		got = direct
	}
	if !n.links[to] || got != via {
		w.t.Errorf("at %s %d goes to %d through %d (link %v), want %d\n%s", w.now.Sub(w.start), from, to, got, n.links[to], via, w.log)
	}
	if row := n.rows[uid(to)]; row.Relayed != (via != direct) || row.Reach != Reached {
		w.t.Errorf("%d says of %d: %+v", from, to, row)
	}
}

// never fails the test if anybody was failed to anybody.
func (w *world) never(state string) {
	w.t.Helper()
	for _, line := range w.log {
		if len(line) >= len(state) && line[len(line)-len(state):] == state {
			w.t.Errorf("%s\n%s", line, w.log)
			return
		}
	}
}

// Where A-C is cut but A-B-C lives the two are linked through B before anybody
// has failed, and directly again soon after the way is healed.
func TestRelayAroundCut(t *testing.T) {
	w := relaying(t, 3)
	w.split(true, []int{0}, []int{2})
	w.run(4 * time.Second)
	w.all("aaa")
	w.goes(0, 2, 1)
	w.goes(2, 0, 1)
	w.goes(0, 1, direct)
	w.run(time.Minute)
	w.all("aaa")
	w.never("failed")
	w.split(false, []int{0}, []int{2})
	w.run(3 * time.Second)
	w.all("aaa")
	w.goes(0, 2, direct)
	w.goes(2, 0, direct)
	w.never("failed")
}

// A cut in one direction is a cut.
func TestRelayAroundOneWayCut(t *testing.T) {
	w := relaying(t, 3)
	w.cut[[2]int{2, 0}] = true
	w.run(5 * time.Second)
	w.all("aaa")
	w.goes(0, 2, 1)
	w.never("failed")
}

// When the node between dies, another one takes its place; when there is none,
// the two have failed for one another.
func TestRelayDies(t *testing.T) {
	w := relaying(t, 4)
	w.split(true, []int{0}, []int{3})
	w.run(4 * time.Second)
	first, second := w.nodes[0].via[3], 1
	if first == 1 {
		second = 2
	}
	w.kill(first)
	w.run(4 * time.Second)
	w.goes(0, 3, second)
	w.goes(3, 0, second)
	w.kill(second)
	w.run(8 * time.Second)
	w.is(0, "afff")
	w.is(3, "fffa")
}

// Two nodes between are one too many, and a node that is reached through
// another relays to nobody it does not reach itself.
func TestRelayOnlyOnce(t *testing.T) {
	w := relaying(t, 4)
	w.split(true, []int{0}, []int{2, 3})
	w.split(true, []int{1}, []int{3})
	w.run(20 * time.Second)
	w.goes(0, 2, 1)
	w.goes(1, 3, 2)
	w.is(0, "aaaf")
	w.is(3, "faaa")
}

// Nobody is asked who does not relay, and a process that is gone is not looked
// for on a detour for long.
func TestRelayNotAsked(t *testing.T) {
	w := relaying(t, 3)
	w.nodes[1].relays = false
	w.link(0, 1)
	w.link(2, 1)
	w.split(true, []int{0}, []int{2})
	w.run(10 * time.Second)
	w.is(0, "aaf")
	w.is(2, "faa")

	w = relaying(t, 3)
	w.kill(2)
	w.run(2 * time.Second)
	w.is(0, "aaf")
	w.is(1, "aaf")
	before := w.nodes[0].s.nodes[uid(2)].detours
	w.run(time.Minute)
	if after := w.nodes[0].s.nodes[uid(2)].detours; after != before || after > 3 {
		t.Errorf("%d, then %d detours to a node that is gone", before, after)
	}
}

// Echoes on the detour do not hurry the dials of the cut way.
func TestRelayDialsOnAtItsPace(t *testing.T) {
	w := relaying(t, 3)
	w.split(true, []int{0}, []int{2})
	w.run(10 * time.Second)
	n := w.nodes[0].s.nodes[uid(2)]
	before := n.tries
	w.run(30 * time.Second)
	if dials := n.tries - before; dials < 8 || dials > 14 { // a second of waiting, two of pause
		t.Errorf("%d dials of the cut way in 30 s", dials)
	}
	if n.detours != 1 {
		t.Errorf("%d attempts at the detour", n.detours)
	}
}

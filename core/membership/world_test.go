package membership

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// world runs the memberships of several nodes on one virtual clock. Links
// carry rows and entries at once; dials and probes take what cut and down
// say. It stands in for core/node and the wire.
type world struct {
	t     *testing.T
	now   time.Time
	start time.Time
	stamp core.Stamp
	nodes []*worldNode
	cut   map[[2]int]bool // nothing passes, silently
	log   []string
}

type worldNode struct {
	w        *world
	id       int
	s        *State
	rec      Record
	inc      core.Incarnation
	down     bool // the process is gone: dials are refused
	relays   bool
	via      map[int]int // links that go through another node
	rows     map[core.UID]ReachRow
	links    map[int]bool
	dials    []pendingDial
	expelled bool
}

// pendingDial is a dial into a cut: it fails when its second is over.
type pendingDial struct {
	uid core.UID
	at  time.Time
}

func uid(i int) core.UID { return core.UID{0: byte(i + 1)} }

func newWorld(t *testing.T, n int, o Options) *world {
	w := &world{t: t, now: time.Unix(1000, 0), start: time.Unix(1000, 0), stamp: 1 << 20, cut: map[[2]int]bool{}}
	for i := range n {
		rec := Record{UID: uid(i), Name: core.NodeID(fmt.Sprintf("n%d@h", i)), Addr: fmt.Sprint(i), Joined: core.Stamp(i + 1)}
		o.Rand = rand.New(rand.NewPCG(uint64(i), 7))
		w.nodes = append(w.nodes, &worldNode{w: w, id: i, s: New(rec, 1, o), rec: rec, inc: 1, rows: map[core.UID]ReachRow{}, links: map[int]bool{}, via: map[int]int{}})
	}
	return w
}

func (w *world) tick() core.Stamp { w.stamp++; return w.stamp }

// direct is no node that a link goes through.
const direct = -1

// link brings a link up on both sides.
func (w *world) link(a, b int) { w.linkBy(a, b, direct) }

// linkBy brings a link up that goes through a node, or is direct.
func (w *world) linkBy(a, b, via int) {
	for _, p := range [][2]int{{a, b}, {b, a}} {
		n, o := w.nodes[p[0]], w.nodes[p[1]]
		n.links[o.id] = true
		if delete(n.via, o.id); via != direct {
			n.via[o.id] = via
		}
		n.s.Met(w.now, w.tick(), Hello{
			UID: o.rec.UID, Name: o.rec.Name, Addr: o.rec.Addr, Incarnation: o.inc, Relays: o.relays, Relayed: via != direct,
		})
	}
	for _, p := range [][2]int{{a, b}, {b, a}} {
		n, o := w.nodes[p[0]], w.nodes[p[1]]
		n.s.RecordRow(w.now, o.rec.UID, o.rec)
		for _, r := range o.rows {
			n.s.ReachRow(w.now, o.rec.UID, r, false)
		}
		n.s.Merge(w.now, o.s.Entries())
	}
}

func (w *world) unlink(a, b int) {
	for _, p := range [][2]int{{a, b}, {b, a}} {
		n := w.nodes[p[0]]
		if n.links[p[1]] {
			delete(n.links, p[1])
			n.s.LinkDown(w.now, uid(p[1]))
		}
	}
}

// settle carries out effects until there are none.
func (w *world) settle() {
	for busy := true; busy; {
		busy = false
		for _, n := range w.nodes {
			for _, e := range n.s.Effects() {
				busy = true
				n.do(e)
			}
		}
	}
}

func (n *worldNode) do(e Effect) {
	w := n.w
	if n.down {
		return
	}
	switch e := e.(type) {
	case Dial:
		w.dial(n, e)
	case Relay:
		w.relay(n, int(e.UID[0])-1, int(e.Via[0])-1)
	case Probe:
		o := int(e.UID[0]) - 1
		if n.links[o] && n.passes(o) && w.nodes[o].passes(n.id) {
			n.s.Echo(w.now, e.UID)
		}
	case Cut:
		delete(n.links, int(e.UID[0])-1)
		if o := int(e.UID[0]) - 1; n.passes(o) {
			w.unlink(n.id, o)
		}
	case WriteReach:
		n.rows[e.Row.UID] = e.Row
		n.tell(func(o *worldNode) { o.s.ReachRow(w.now, n.rec.UID, e.Row, false) })
	case EraseReach:
		delete(n.rows, e.UID)
		n.tell(func(o *worldNode) { o.s.ReachRow(w.now, n.rec.UID, ReachRow{UID: e.UID}, true) })
	case Tell:
		n.tell(func(o *worldNode) { o.s.Merge(w.now, e.Entries) })
	case Forget:
		n.s.Forgets(w.now, w.tick(), e.UID)
	case Expelled:
		n.expelled = true
		n.rows = map[core.UID]ReachRow{}
		n.s.Clear(n.rec)
	case Changed:
		w.log = append(w.log, fmt.Sprintf("%6s %d: %d %s→%s", w.now.Sub(w.start), n.id, e.UID[0]-1, e.From, e.To))
	}
}

func (n *worldNode) tell(f func(*worldNode)) {
	for i := range n.w.nodes {
		if n.links[i] && n.passes(i) {
			f(n.w.nodes[i])
		}
	}
}

// passes reports whether what n sends to a node that it has a link to gets
// there.
func (n *worldNode) passes(to int) bool {
	via, relayed := n.via[to]
	if !relayed {
		return !n.w.cut[[2]int{n.id, to}]
	}
	return !n.w.cut[[2]int{n.id, via}] && !n.w.cut[[2]int{via, to}] && !n.w.nodes[via].down
}

// relay links two nodes through a third, as that one would: only if it has a
// link to the other that is direct itself.
func (w *world) relay(n *worldNode, to, via int) {
	v := w.nodes[via]
	_, relayed := v.via[to]
	open := !v.down && !w.nodes[to].down && v.links[to] && !relayed
	for _, p := range [][2]int{{n.id, via}, {via, to}} {
		open = open && !w.cut[p] && !w.cut[[2]int{p[1], p[0]}]
	}
	if open {
		w.linkBy(n.id, to, via)
	}
	n.s.Relayed(w.now, uid(to), open)
}

func (w *world) dial(n *worldNode, d Dial) {
	o := w.nodes[int(d.UID[0])-1]
	switch {
	case w.cut[[2]int{n.id, o.id}] || w.cut[[2]int{o.id, n.id}]:
		n.dials = append(n.dials, pendingDial{uid: d.UID, at: w.now.Add(time.Second)})
	case o.down:
		n.s.DialFailed(w.now, d.UID, true)
	case o.fenced(n) || n.fenced(o) || n.expelled || o.expelled:
		n.s.DialFailed(w.now, d.UID, false)
	default:
		w.link(n.id, o.id)
	}
}

func (n *worldNode) fenced(o *worldNode) bool {
	_, f := n.s.Fenced(o.rec.UID)
	return f
}

// run advances the clock by d, in steps of what is due next.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for w.settle(); ; w.settle() {
		next := end
		for _, n := range w.nodes {
			if at := n.s.Next(); !n.down && !at.IsZero() && at.Before(next) {
				next = at
			}
			for _, p := range n.dials {
				if p.at.Before(next) {
					next = p.at
				}
			}
		}
		if !next.After(w.now) {
			next = w.now.Add(time.Millisecond)
		}
		if next.After(end) {
			w.now = end
			return
		}
		w.now = next
		for _, n := range w.nodes {
			n.due()
		}
	}
}

func (n *worldNode) due() {
	if n.down {
		return
	}
	dials := n.dials
	n.dials = nil
	for _, p := range dials {
		if p.at.After(n.w.now) {
			n.dials = append(n.dials, p)
		} else {
			n.s.DialFailed(n.w.now, p.uid, false)
		}
	}
	n.s.Tick(n.w.now)
}

// kill ends a process: its links break at once, its address refuses dials.
func (w *world) kill(i int) {
	w.nodes[i].down = true
	for j := range w.nodes {
		w.unlink(j, i)
	}
}

// restart starts a killed process again with what it remembered.
func (w *world) restart(i int, o Options) {
	n := w.nodes[i]
	known, entries := n.s.Remembered()
	n.inc++
	n.s, n.down, n.rows, n.links, n.dials = New(n.rec, n.inc, o), false, map[core.UID]ReachRow{}, map[int]bool{}, nil
	n.via = map[int]int{}
	n.s.Remember(w.now, known, entries)
}

func (w *world) split(on bool, a, b []int) {
	for _, i := range a {
		for _, j := range b {
			w.cut[[2]int{i, j}], w.cut[[2]int{j, i}] = on, on
		}
	}
}

// is fails the test unless node i sees the nodes in the given states, one
// letter each: a, s, f, l; '-' for no member.
func (w *world) is(i int, want string) {
	w.t.Helper()
	got := ""
	for j := range w.nodes {
		state, ok := w.nodes[i].s.StateOf(uid(j))
		if !ok {
			got += "-"
			continue
		}
		got += state.String()[:1]
	}
	if got != want {
		w.t.Errorf("at %s node %d sees %q, want %q\n%s", w.now.Sub(w.start), i, got, want, w.log)
	}
}

func (w *world) all(want string) {
	w.t.Helper()
	for i, n := range w.nodes {
		if !n.down && !n.expelled {
			w.is(i, want)
		}
	}
}

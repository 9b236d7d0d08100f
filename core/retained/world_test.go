package retained

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
)

// world is some nodes with stores, lanes and links between them.
type world struct {
	t     testing.TB
	rng   *rand.Rand
	now   time.Time
	opts  Options
	nodes []*node
	cut   map[[2]int]bool
	last  map[core.Topic]*core.Message // of all writes the one that must stand
	loss  bool                         // frames get lost on links that live on
	// lossBack is loss while a node returns
	lossBack bool
}

// node is one of them.
type node struct {
	store   *Store
	log     []Change // what it recorded; nil for a node without a disk
	durable bool
	up      bool
	members map[int]bool
	links   map[int]*end
	lanes   map[int][]*core.Message // to whom
}

// end is this node's end of a link, and what is on the way to the other.
type end struct {
	sync *Sync
	way  []Numbered
}

func newWorld(t testing.TB, seed uint64, n int) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: start, cut: map[[2]int]bool{}, last: map[core.Topic]*core.Message{}}
	w.opts = Options{ChunkBytes: 200}
	for range n {
		w.join(true)
	}
	return w
}

// join adds a node that everybody knows at once.
func (w *world) join(durable bool) int {
	i := len(w.nodes)
	n := &node{durable: durable, up: true, members: map[int]bool{i: true}, links: map[int]*end{}, lanes: map[int][]*core.Message{}}
	w.nodes = append(w.nodes, n)
	n.store = w.store(i)
	for j, o := range w.nodes {
		n.members[j], o.members[i] = true, true
	}
	return i
}

func (w *world) store(i int) *Store {
	o := w.opts
	o.Self = uid(i + 1)
	o.Record = func(c Change) {
		if n := w.nodes[i]; n.durable {
			n.log = append(n.log, c)
		}
	}
	return New(o)
}

func (w *world) stamp() core.Stamp { return core.StampAt(w.now) }

// clock is the present of node i, whose cluster time is a little off.
func (w *world) clock(i int) Now {
	return Now{Time: w.now, Stamp: w.stamp() + core.Stamp(i%3)<<17}
}

// publish writes a topic at a node and sends it to all that it is linked to.
func (w *world) publish(i int, topic, payload string, expires time.Duration) {
	n := w.nodes[i]
	if !n.up {
		return
	}
	w.now = w.now.Add(time.Millisecond)
	m := message(topic, payload, w.stamp())
	m.Extra.Node = uid(i + 1)
	if expires > 0 {
		m.Extra.Expires = w.now.Add(expires)
	}
	if got := n.store.Put(w.clock(i), m, Published); got != Taken {
		w.t.Errorf("publish: %d", got)
	}
	w.last[m.Topic] = m
	for j := range w.nodes {
		if n.links[j] != nil && (w.rng == nil || w.rng.IntN(10) > 0) { // else dropped at a full lane
			n.lanes[j] = append(n.lanes[j], m)
		}
	}
}

// relink brings the links in line with who is up and what is cut.
func (w *world) relink() {
	for i, a := range w.nodes {
		for j, b := range w.nodes[:i] {
			want := a.up && b.up && !w.cut[[2]int{i, j}] && !w.cut[[2]int{j, i}]
			switch has := a.links[j] != nil; {
			case want && !has:
				a.links[j] = &end{sync: a.store.Link(uid(j+1), w.clock(i))}
				b.links[i] = &end{sync: b.store.Link(uid(i+1), w.clock(j))}
			case !want && has:
				a.store.Unlink(a.links[j].sync)
				b.store.Unlink(b.links[i].sync)
				delete(a.links, j)
				delete(b.links, i)
			}
		}
	}
}

// run lets time pass, in steps, with everything delivered in each.
func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(250 * time.Millisecond) {
		w.relink()
		for range 400 {
			if !w.flow() {
				break
			}
		}
		for i, n := range w.nodes {
			n.store.Expire(w.clock(i), 100)
			n.store.Collect(w.now, w.uids(n), 100)
		}
	}
}

func (w *world) uids(n *node) (out []core.UID) {
	for _, i := range slices.Sorted(maps.Keys(n.members)) {
		out = append(out, uid(i+1))
	}
	return out
}

// flow moves at most one message a link and lane; false if nothing moved.
func (w *world) flow() (moved bool) {
	for i, n := range w.nodes {
		for _, j := range slices.Sorted(maps.Keys(n.links)) {
			to := w.nodes[j]
			if len(n.lanes[j]) > 0 {
				moved = true
				to.store.Put(w.clock(j), n.lanes[j][0], Forwarded)
				n.lanes[j] = n.lanes[j][1:]
			}
			e := n.links[j]
			if m, ok := e.sync.Next(w.clock(i)); ok {
				moved = true
				if !w.loss || w.rng.IntN(15) > 0 {
					e.way = append(e.way, m)
				}
			}
			if len(e.way) > 0 {
				moved = true
				m := e.way[0]
				e.way = e.way[1:]
				w.receive(j, to.links[i].sync, m)
			}
		}
	}
	return moved
}

func (w *world) receive(i int, x *Sync, m Numbered) {
	if err := x.Receive(w.clock(i), m); err != nil {
		w.t.Errorf("%+v: %v", m, err)
	}
	if tomb, ok := m.Message.(Tombstones); ok {
		x.Kept(tomb.To)
	}
}

// kill ends a node; what it had sent and nobody received is lost.
func (w *world) kill(i int) {
	n := w.nodes[i]
	n.up = false
	w.relink()
	clear(n.lanes)
}

// start starts a node with what it kept.
func (w *world) start(i int) {
	n := w.nodes[i]
	if n.up {
		return
	}
	n.store = w.store(i)
	log := n.log
	n.log = nil
	for _, c := range log {
		n.store.Restore(w.clock(i), c)
	}
	n.up, n.log = true, log
	if len(log) > 50 {
		w.compact(n)
	}
}

func (w *world) compact(n *node) {
	n.log = nil
	for cursor, more := core.Topic(""), true; more; {
		cursor, more = n.store.Dump(cursor, 3, func(c Change) { n.log = append(n.log, c) })
	}
}

// equal fails the test unless all stores hold the same.
func (w *world) equal() {
	w.t.Helper()
	for i, n := range w.nodes {
		if diff := cmp.Diff(all(w.nodes[0].store, w.now), all(n.store, w.now)); diff != "" || n.store.Sums() != w.nodes[0].store.Sums() {
			w.t.Errorf("node %d holds something else than node 0 (-0 +%d):\n%s", i, i, diff)
		}
	}
}

// stands fails the test unless the last write of each topic is what is held.
func (w *world) stands() {
	w.t.Helper()
	want := map[string]string{}
	for _, m := range w.last {
		if len(m.Payload) > 0 && !m.Expired(w.now) {
			want[string(m.Topic)] = string(m.Payload)
		}
	}
	if diff := cmp.Diff(want, all(w.nodes[0].store, w.now)); diff != "" {
		w.t.Errorf("last writes (-want +held):\n%s", diff)
	}
}

// Whatever is published, lost, cut, killed and restarted: once it is quiet all
// stores are equal, the last write of each topic stands, nothing that was
// deleted is back, and no tombstone is left.
func TestManyNodes(t *testing.T) {
	for seed := range uint64(50) {
		w := newWorld(t, seed, 2+int(seed%4))
		w.loss = seed%3 == 0
		memory := seed%5 == 4
		for _, n := range w.nodes {
			n.durable = !memory
		}
		for i := range 150 {
			w.chaos(i)
		}
		clear(w.cut)
		w.loss = false
		for i := range w.nodes {
			w.start(i)
		}
		w.run(150 * time.Second)
		w.equal()
		if !memory {
			w.stands()
		}
		for i, n := range w.nodes {
			if left := countsOf(n.store)["retained_tombstones"]; left != 0 {
				t.Errorf("node %d keeps %d tombstones", i, left)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// chaos does one thing.
func (w *world) chaos(step int) {
	i, j := w.rng.IntN(len(w.nodes)), w.rng.IntN(len(w.nodes))
	topic := fmt.Sprint("t/", w.rng.IntN(25))
	switch w.rng.IntN(14) {
	case 0:
		w.kill(i)
	case 1, 2:
		w.start(i)
	case 3:
		w.cut[[2]int{i, j}] = true
	case 4, 5:
		delete(w.cut, [2]int{i, j})
		delete(w.cut, [2]int{j, i})
	case 6:
		w.publish(i, topic, "", 0)
		w.publish(j, topic, fmt.Sprint(step), 0)
	case 7, 8:
		w.publish(i, topic, "", 0)
	case 9:
		w.publish(i, topic, fmt.Sprint(step), time.Duration(1+w.rng.IntN(60))*time.Second)
	default:
		w.publish(i, topic, fmt.Sprint(step), 0)
	}
	if w.rng.IntN(3) == 0 {
		w.run(time.Duration(w.rng.IntN(20)) * time.Second)
	}
}

// away lets node i be gone for long: it is cut off, both sides forget each
// other, and their tombstones go.
func (w *world) away(i int, down bool) {
	for j := range w.nodes {
		w.cut[[2]int{i, j}] = j != i
	}
	w.relink()
	if down {
		w.kill(i)
	}
	w.run(time.Minute)
	for j, o := range w.nodes {
		if j != i {
			delete(o.members, i)
		}
	}
	if !down {
		w.nodes[i].members = map[int]bool{i: true}
	}
}

func (w *world) back(i int, order ...int) {
	for j, o := range w.nodes {
		o.members[i], w.nodes[i].members[j] = true, true
	}
	w.start(i)
	w.loss = w.lossBack
	for _, j := range order {
		w.cut[[2]int{i, j}] = false
		w.run(100 * time.Millisecond)
	}
	clear(w.cut)
	w.run(2 * time.Minute)
	if w.loss {
		w.loss = false
		w.run(30 * time.Second)
	}
	w.equal()
}

// A node that was removed, or forgotten, returns: what was deleted meanwhile
// stays deleted, whoever it meets first, a newcomer included; what was written
// in its absence, on either side, merges.
func TestReturnOfAForgottenNode(t *testing.T) {
	for _, gone := range []int{0, 1, 2} {
		for _, down := range []bool{true, false} {
			for first := range 4 {
				if first == gone {
					continue
				}
				name := fmt.Sprintf("%d gone, down %v, meets %d first", gone, down, first)
				t.Run(name, func(t *testing.T) { returns(newWorld(t, 1, 3), gone, first, down) })
			}
		}
	}
}

// The same with losses on links that live on: what was written later must not
// be taken for deleted because a message about it was lost.
func TestReturnOverALossyLink(t *testing.T) {
	for seed := range uint64(25) {
		w := newWorld(t, seed, 3)
		w.lossBack = true
		if returns(w, int(seed)%3, 3, seed%2 == 0); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func returns(w *world, gone, first int, down bool) {
	t := w.t
	t.Helper()
	w.run(time.Second)
	for i := range 10 {
		w.publish(i%3, fmt.Sprint("old/", i), "x", 0)
	}
	w.run(30 * time.Second)
	w.away(gone, down)
	other := (gone + 1) % 3
	for i := range 5 {
		w.publish(other, fmt.Sprint("old/", i), "", 0)
	}
	w.publish(other, "there", "x", 0)
	for i := range 30 {
		w.publish(gone, fmt.Sprint("here/", i), "x", 0)
	}
	w.publish(gone, "old/9", "later", 0)
	w.publish(other, "short", "x", 0)
	w.publish(other, "short", "", 0) // so that the floor is above all of it
	w.run(2 * time.Minute)
	w.join(true)
	for j := range w.nodes {
		w.cut[[2]int{gone, j}] = j != gone
	}
	w.run(2 * time.Minute)
	for _, n := range w.nodes {
		if n.store.stream.alive != 0 {
			t.Fatalf("%d tombstones are left", n.store.stream.alive)
		}
	}
	w.back(gone, first)
	w.stands()
	if n := countsOf(w.nodes[gone].store)["retained_dropped_total deleted_while_away"]; n != 5 && !w.lossBack {
		t.Errorf("%d counted as deleted meanwhile, want 5", n)
	}
}

// A node that has lost its memory knows nothing of what was deleted: nothing
// may be dropped on its word.
func TestNodeWithoutMemoryTakesNothingAway(t *testing.T) {
	for lost := range 2 {
		w := newWorld(t, 1, 2)
		w.nodes[lost].durable = false
		w.run(time.Second)
		for i := range 20 {
			w.publish(i%2, fmt.Sprint("t/", i), "x", 0)
		}
		w.run(30 * time.Second)
		w.away(lost, true)
		w.start(lost)
		w.publish(lost, "new", "x", 0)
		w.publish(lost, "t/0", "", 0) // its tombstone goes, so that its floor is high
		w.nodes[lost].members = map[int]bool{lost: true}
		w.run(2 * time.Minute)
		if w.nodes[lost].store.floor == 0 {
			t.Fatal("no floor")
		}
		w.publish(lost, "t/0", "again", 0)
		w.back(lost, 1-lost)
		w.stands()
	}
}

// A store that is full refuses; when there is room again it gets what it
// missed, and nobody drops what it did not have.
func TestFullNodeCatchesUp(t *testing.T) {
	for full := range 3 {
		w := newWorld(t, 1, 3)
		w.run(time.Second)
		w.nodes[full].store.opts.MaxMessages = 10
		other := (full + 1) % 3
		for i := range 20 {
			w.publish(other, fmt.Sprint("t/", i), "x", 0)
		}
		w.run(30 * time.Second)
		for i := 10; i < 15; i++ {
			w.publish(other, fmt.Sprint("t/", i), "", 0)
		}
		w.run(3 * time.Minute) // the tombstones are gone, the floor is high
		w.nodes[full].store.opts.MaxMessages = 100
		w.run(time.Minute)
		w.equal()
		w.stands()
	}
}

// A new node gets everything in pieces of bounded size, and each message once.
func TestJoinTakesEverythingOnce(t *testing.T) {
	for _, joiner := range []int{0, 1} {
		w := newWorld(t, 1, 2)
		w.kill(joiner)
		for i := range 2000 {
			w.publish(1-joiner, fmt.Sprint("t/", i), "x", 0)
		}
		w.nodes[joiner].log = nil
		w.start(joiner)
		w.run(30 * time.Second)
		w.equal()
		for i, n := range w.nodes {
			want := uint64(0)
			if i == joiner {
				want = 2000
			}
			if got := countsOf(n.store)["retained_repaired_total"]; got != want {
				t.Errorf("node %d took %d items, want %d", i, got, want)
			}
		}
	}
}

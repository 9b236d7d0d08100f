package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
)

// world is the hosts, the network between them, their backend, and one clock.
type world struct {
	clock
	net     *network
	backend *backend
	nodes   []*node
	byAddr  map[string]*node
	broken  mutant
	started int // nodes that were started at least once
	found   int // provisional clusters founded
	errs    []string
}

// maxErrs bounds the findings that are kept of one run.
const maxErrs = 10

// newWorld returns a world with as many hosts, all down, in which everything
// random comes from the seed.
func newWorld(seed uint64, nodes int, conf config) *world {
	w := &world{clock: newClock(), byAddr: map[string]*node{}}
	source := func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }
	w.net = &network{clock: &w.clock, rand: source(1), delay: 100 * time.Microsecond, cut: map[[2]int]bool{}}
	w.backend = &backend{w: w, rand: source(2), latency: time.Millisecond, ttl: 15 * time.Second}
	for i := range nodes {
		n := &node{w: w, id: i, name: core.NodeID(fmt.Sprintf("n%d@h%d", i+1, i+1)), conf: conf, rand: source(uint64(16 + i))}
		n.addr = fmt.Sprintf("h%d:4370", i+1)
		w.nodes = append(w.nodes, n)
		w.byAddr[n.addr] = n
	}
	return w
}

// lists makes the backend one of a kind. Nodes of a fixed list are in it
// before they start.
func (w *world) lists(k kind) {
	w.backend.kind = k
	for i, n := range w.nodes {
		if k == fixed || k == oneSeed && i == 0 {
			w.backend.entries = append(w.backend.entries, entry{n: n, addr: n.addr, from: epoch.Add(-time.Hour)})
		}
	}
}

// until lets everything happen that happens before d has passed since the
// beginning.
func (w *world) until(d time.Duration) {
	for w.next(epoch.Add(d)) {
	}
	if w.done >= maxEvents {
		w.fail("no rest after %d events", maxEvents)
	}
}

// isolate cuts one way, or both, between a node and others, or heals it.
func (w *world) isolate(a int, others []int, both, on bool) {
	for _, b := range others {
		w.net.split(a, b, on)
		if both {
			w.net.split(b, a, on)
		}
	}
}

// fail keeps a finding.
func (w *world) fail(format string, args ...any) {
	if len(w.errs) < maxErrs {
		w.errs = append(w.errs, fmt.Sprintf("%s: ", w.now.Sub(epoch))+fmt.Sprintf(format, args...))
	}
}

// founded watches the founding of a provisional cluster.
func (w *world) founded(n *node) {
	switch {
	case n.left:
	case w.started < n.conf.expect:
		w.fail("%s founds, with %d of %d nodes", n.name, w.started, n.conf.expect)
	default:
		w.found++
	}
}

// moved watches each change of a node's cluster: it is only ever for a better
// one, and of claimed clusters there is the one that stands at the backend.
func (w *world) moved(n *node, from, to core.Cluster) {
	w.note("cluster", n.id, uint64(to.UID[0])<<8|uint64(to.UID[1]))
	if !from.IsZero() && to.Compare(from) >= 0 {
		w.fail("%s moved from %v to %v, which is no better", n.name, from, to)
	}
	if to.Claimed && to != w.backend.stands {
		w.fail("%s is in claimed cluster %v, but %v stands", n.name, to.UID, w.backend.stands.UID)
	}
	if n.left && !from.IsZero() {
		w.fail("%s left, and was moved to %v", n.name, to.UID)
	}
	n.adopted = n.adopted || to.Claimed
}

// meet watches who becomes whose peer.
func (w *world) meet(n, o *node) {
	if n.conf.cluster != o.conf.cluster {
		w.fail("%s and %s have a link: another name or cookie", n.name, o.name)
	}
	if n == o {
		w.fail("%s has a link to itself", n.name)
	}
}

// one says why the world is not what it should be at rest; nil if each name
// has one cluster with all its nodes alive in all views, and each node that
// left is alone.
func (w *world) one() error {
	for _, n := range w.nodes {
		if err := n.amiss(); err != nil {
			return fmt.Errorf("%w\n%s", err, w)
		}
	}
	return nil
}

// amiss says why a node's cluster and view are not those that they should be.
func (n *node) amiss() error {
	want := n.fellows()
	switch {
	case !n.up:
		return fmt.Errorf("%s is down", n.name)
	case n.left != n.stand.Left:
		return fmt.Errorf("%s left: %v, but its mark says %v", n.name, n.left, n.stand.Left)
	case n.stand.Cluster.IsZero():
		return fmt.Errorf("%s is in no cluster", n.name)
	case len(n.members.Members()) != len(want):
		return fmt.Errorf("%s has %d members, want %d", n.name, len(n.members.Members()), len(want))
	case n.adopted && !n.stand.Cluster.Claimed:
		return fmt.Errorf("%s was in the claimed cluster, and is not any more", n.name)
	}
	for _, o := range n.w.nodes {
		if same := o.stand.Cluster.UID == n.stand.Cluster.UID; same != want[o.disk.uid] {
			return fmt.Errorf("%s and %s: in the same cluster: %v", n.name, o.name, same)
		}
	}
	for _, m := range n.members.Members() {
		if m.State != core.Alive || !want[m.UID] {
			return fmt.Errorf("%s sees %s, %s", n.name, m.Name, m.State)
		}
	}
	return nil
}

// fellows are the uids of those who should be in the cluster of n.
func (n *node) fellows() map[core.UID]bool {
	out := map[core.UID]bool{n.disk.uid: true}
	for _, o := range n.w.nodes {
		if !o.left && !n.left && o.conf.cluster == n.conf.cluster {
			out[o.disk.uid] = true
		}
	}
	return out
}

// String is one line for each node.
func (w *world) String() (text string) {
	for _, n := range w.nodes {
		text += n.String() + "\n"
	}
	return text
}

// mutant is a way in which the deciders are broken; the zero mutant is none.
type mutant struct {
	decide func(n *node, in autocluster.Input) autocluster.Decision
	settle func(n *node, dialler, acceptor autocluster.Offer) core.Cluster
}

func (m mutant) decider(n *node) func(autocluster.Input) autocluster.Decision {
	if m.decide == nil {
		return nil
	}
	return func(in autocluster.Input) autocluster.Decision { return m.decide(n, in) }
}

func (m mutant) resolve(n *node, dialler, acceptor autocluster.Offer) core.Cluster {
	if m.settle == nil {
		return autocluster.Resolve(dialler, acceptor)
	}
	return m.settle(n, dialler, acceptor)
}

package sim

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// trial runs one promise of formation on a seed, with deciders that may be
// broken, and says what is amiss.
type trial struct {
	name string
	run  func(seed uint64, m mutant) error
}

// trials are all of them.
func trials() []trial {
	return []trial{
		{"first boot", func(seed uint64, m mutant) error {
			b := newBoot(seed, 5)
			b.broken = m
			_, err := b.run()
			return err
		}},
		{"calm", calm}, {"calm, claimed", calmClaim}, {"blind", blind}, {"halves", halves}, {"expect", expects},
		{"leave", leaves}, {"strangers", strangers}, {"left behind", leftBehind}, {"tie", tie}, {"slow lists", slowLists}, {"patience", patience},
	}
}

// TestTrials runs every trial: 8 seeds in CI, 500 in `make prove`.
func TestTrials(t *testing.T) {
	for _, c := range trials() {
		t.Run(c.name, func(t *testing.T) {
			first, count := seeds(8, 500)
			for seed := first; seed < first+count; seed++ {
				if err := c.run(seed, mutant{}); err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, repeat(t, seed))
				}
			}
		})
	}
}

// quiet is a world whose backend answers well, and whose nodes start within a
// time.
func quiet(seed uint64, m mutant, nodes int, within time.Duration) *world {
	w := newWorld(seed, nodes, config{cluster: "a", formAfter: 15 * time.Second})
	w.broken = m
	w.lists(registry)
	plan := rand.New(rand.NewPCG(seed, 0))
	for _, n := range w.nodes {
		w.at(time.Duration(plan.Int64N(int64(within))), n.start)
	}
	return w
}

// restsBy lets the world run until d has passed and says whether all is well
// then.
func (w *world) restsBy(d time.Duration) error {
	w.until(d)
	if err := w.one(); err != nil {
		return fmt.Errorf("after %s: %w", d, err)
	}
	if len(w.errs) > 0 {
		return fmt.Errorf("on the way: %q", w.errs)
	}
	return nil
}

// clusters is how many there are.
func (w *world) clusters() int {
	all := map[core.UID]bool{}
	for _, n := range w.nodes {
		all[n.stand.Cluster.UID] = true
	}
	return len(all)
}

// calm: nodes that start together and see each other are one cluster long
// before form_after, and one of them alone has founded it.
func calm(seed uint64, m mutant) error {
	w := quiet(seed, m, 3+int(seed%5), 2*time.Second)
	w.lists(fixed)
	if err := w.restsBy(8 * time.Second); err != nil {
		return err
	}
	if w.found != 1 {
		return fmt.Errorf("%d clusters were founded", w.found)
	}
	return nil
}

// slowLists: nodes whose strategy has not reported yet, and who know one
// another only from who calls on them, found nothing: the lowest of all does.
func slowLists(seed uint64, m mutant) error {
	w := quiet(seed, m, 3+int(seed%4), 100*time.Millisecond)
	w.lists(fixed)
	for i, n := range w.nodes {
		if i > 0 {
			n.slow = 4 * time.Second
		}
	}
	if err := w.restsBy(14 * time.Second); err != nil {
		return err
	}
	if w.found != 1 {
		return fmt.Errorf("%d clusters were founded", w.found)
	}
	return nil
}

// calmClaim: where a backend names the cluster nobody founds another, and all
// are in the one that it named.
func calmClaim(seed uint64, m mutant) error {
	w := quiet(seed, m, 3+int(seed%5), 2*time.Second)
	w.backend.claims = true
	if err := w.restsBy(30 * time.Second); err != nil {
		return err
	}
	if c := w.nodes[0].stand.Cluster; c != w.backend.stands || w.found != 0 {
		return fmt.Errorf("in %v, while %v stands; %d others were founded", c, w.backend.stands, w.found)
	}
	return nil
}

// blind: nodes that each see themselves alone for 30 s, and have each founded
// a cluster, are one within two polls of seeing each other (issue 6).
func blind(seed uint64, m mutant) error {
	w := quiet(seed, m, 2+int(seed%6), time.Second)
	w.backend.ill, w.backend.illness = 30*time.Second, []trouble{blinded}
	w.until(30 * time.Second)
	if w.found != len(w.nodes) {
		return fmt.Errorf("%d clusters after 30 s of blindness, want %d", w.found, len(w.nodes))
	}
	const twoPolls = 2 * 6 * time.Second // 5 s and a fifth
	return w.restsBy(30*time.Second + twoPolls)
}

// halves: two halves that are cut from each other from the beginning form two
// clusters, and are one soon after the cut has healed: within two polls at the
// slowest pace.
func halves(seed uint64, m mutant) error {
	w := quiet(seed, m, 4+int(seed%4), 5*time.Second)
	w.halve(true)
	w.until(time.Minute)
	if n := w.clusters(); n != 2 {
		return fmt.Errorf("%d clusters of two halves\n%s", n, w)
	}
	w.halve(false)
	return w.restsBy(time.Minute + 2*72*time.Second)
}

// halve cuts the first half of the nodes from the second, or heals that.
func (w *world) halve(on bool) {
	var second []int
	for b := len(w.nodes) / 2; b < len(w.nodes); b++ {
		second = append(second, b)
	}
	for a := range len(w.nodes) / 2 {
		w.isolate(a, second, true, on)
	}
}

// patience: two halves that do not reach each other wait for those who are
// named and silent, and when these answer in time one node founds for all.
func patience(seed uint64, m mutant) error {
	w := quiet(seed, m, 4+int(seed%3), 100*time.Millisecond)
	w.lists(fixed)
	w.halve(true)
	w.until(5 * time.Second)
	w.halve(false)
	if err := w.restsBy(14 * time.Second); err != nil {
		return err
	}
	if w.found != 1 {
		return fmt.Errorf("%d clusters were founded", w.found)
	}
	return nil
}

// expects: with bootstrap_expect nobody founds before so many have answered,
// however long it takes; then one does.
func expects(seed uint64, m mutant) error {
	w := newWorld(seed, 4, config{cluster: "a", formAfter: 15 * time.Second, expect: 4})
	w.broken = m
	w.lists(kind(seed % uint64(kinds)))
	for _, n := range w.nodes[:3] {
		w.at(0, n.start)
	}
	w.until(2 * time.Minute)
	for _, n := range w.nodes[:3] {
		if !n.stand.Cluster.IsZero() {
			return fmt.Errorf("%s is in a cluster, with 3 of 4 nodes", n.name)
		}
	}
	w.at(0, w.nodes[3].start)
	return w.restsBy(5 * time.Minute)
}

// leaves: a node that was told to leave stays out, also after a restart, while
// a strategy goes on naming all of them.
func leaves(seed uint64, m mutant) error {
	w := quiet(seed, m, 3, time.Second)
	w.until(20 * time.Second)
	gone := w.nodes[seed%3]
	if err := w.one(); err != nil {
		return err
	}
	w.lists(fixed)
	gone.leave()
	if err := w.restsBy(30 * time.Second); err != nil {
		return err
	}
	gone.kill()
	w.at(time.Second, gone.start)
	return w.restsBy(5 * time.Minute)
}

// strangers: nodes of another cluster name, or with another cookie, that are
// named by the same backend. They keep nobody from forming, and never meet.
func strangers(seed uint64, m mutant) error {
	w := quiet(seed, m, 6, 5*time.Second)
	for i, n := range w.nodes {
		n.conf.cluster = strconv.Itoa(i % 2)
	}
	if err := w.restsBy(3 * time.Minute); err != nil {
		return err
	}
	if a, b := w.nodes[0].stand.Cluster, w.nodes[1].stand.Cluster; a == b {
		return fmt.Errorf("one cluster for two names")
	}
	return nil
}

// leftBehind: a member that is cut off while its cluster is merged into
// another is fetched by its fellows, though no strategy names anybody any more.
func leftBehind(seed uint64, m mutant) error {
	w := quiet(seed, m, 4, time.Second)
	w.nodes[0].skew = -time.Minute // its cluster is the one to keep
	w.isolate(0, []int{1, 2, 3}, true, true)
	w.until(40 * time.Second)
	if n := w.clusters(); n != 2 {
		return fmt.Errorf("%d clusters\n%s", n, w)
	}
	w.isolate(1, []int{0, 2, 3}, true, true)
	w.isolate(0, []int{2, 3}, true, false)
	w.until(4 * time.Minute)
	w.backend.ill, w.backend.illness = time.Hour, []trouble{empty}
	w.until(7 * time.Minute)
	w.isolate(1, []int{0, 2, 3}, true, false)
	return w.restsBy(9 * time.Minute)
}

// tie: two clusters of one founding stamp are told apart by their uids, the
// same way at all nodes.
func tie(seed uint64, m mutant) error {
	w := quiet(seed, m, 2, time.Second)
	for i, n := range w.nodes {
		n.disk = saved{uid: n.newUID(), joined: 1}
		n.disk.stand.Cluster = core.Cluster{UID: core.UID{0: byte(2 - i)}, Founded: 1}
	}
	return w.restsBy(20 * time.Second)
}

package etcd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// boot is a first boot of a cluster: who starts when, and who is killed.
type boot struct {
	cluster string
	nodes   []*kit.Node
	offsets []time.Duration // of the starts
	victim  int             // -1: nobody
	kill    time.Duration   // when the victim is killed
	again   time.Duration   // and started again
}

// String is the plan, for the log.
func (b *boot) String() string {
	text := fmt.Sprintf("%s: starts at %v", b.cluster, b.offsets)
	if b.victim >= 0 {
		text += fmt.Sprintf(", %s killed at %v and started at %v", b.nodes[b.victim].Name, b.kill, b.again)
	}
	return text
}

// draw takes the times of a boot; the first node starts at once.
func (b *boot) draw(r *rand.Rand, spread time.Duration, kill bool) {
	last := time.Duration(0)
	for i := range b.nodes {
		at := time.Duration(0)
		if i > 0 {
			at = time.Duration(r.Int64N(int64(spread))).Round(time.Millisecond)
		}
		b.offsets = append(b.offsets, at)
		last = max(last, at)
	}
	r.Shuffle(len(b.offsets), func(i, j int) { b.offsets[i], b.offsets[j] = b.offsets[j], b.offsets[i] })
	if b.victim = -1; kill {
		b.victim = r.IntN(len(b.nodes))
		from := b.offsets[b.victim]
		b.kill = from + time.Duration(r.Int64N(int64(last-from+3*time.Second))).Round(time.Millisecond)
		b.again = b.kill + time.Duration(r.Int64N(int64(2*time.Second))).Round(time.Millisecond)
	}
}

// settled is how long a cluster is watched after it has formed.
const settled = time.Second

// run carries the plan out and waits for one cluster.
func (b *boot) run() error {
	type step struct {
		at time.Duration
		do func() error
	}
	var plan []step
	for i, n := range b.nodes {
		plan = append(plan, step{b.offsets[i], func() error { return n.Spawn() }})
	}
	if b.victim >= 0 {
		v := b.nodes[b.victim]
		plan = append(plan, step{b.kill, func() error { v.Kill(); return nil }}, step{b.again, func() error { return v.Spawn() }})
	}
	slices.SortStableFunc(plan, func(a, b step) int { return int(a.at - b.at) })
	began := time.Now()
	for _, s := range plan {
		kit.Pass(s.at - time.Since(began))
		if err := s.do(); err != nil {
			return err
		}
	}
	if _, err := kit.Becomes(formed, b.nodes, nil); err != nil {
		return err
	}
	return kit.Stays(settled, b.nodes...)
}

// told is a failed boot with its plan and the logs of its nodes.
func (b *boot) told(err error) error {
	if err == nil {
		return nil
	}
	var logs strings.Builder
	for _, n := range b.nodes {
		fmt.Fprintf(&logs, "\n%s:\n%s", n.Name, n.Log())
	}
	return fmt.Errorf("%v: %w%s", b, err, logs.String())
}

// stop ends all nodes in order, at once.
func (b *boot) stop(t testing.TB) {
	kit.Each(t, len(b.nodes), len(b.nodes), func(i int) error { b.nodes[i].Stop(); return nil })
}

// quiet is for the nodes of one boot of many.
func quiet(e *kit.Etcd, cluster string) kit.Options {
	return kit.Options{Conf: e.Cluster(cluster, ttl), Quiet: true}
}

// atOnce is how many boots run at the same time.
const atOnce = 5

// First boots of three to five nodes that start at random moments within ten
// seconds, in some of which one is killed at a random instant and started
// again: exactly one cluster each time, which all of them are alive in.
func TestFirstBoots(t *testing.T) {
	t.Parallel()
	e, seed := bin.Etcd(t), kit.Seed(t)
	boots := make([]boot, kit.Choose(5, 100))
	for i := range boots {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		boots[i].cluster = fmt.Sprint("boot", i+1)
		boots[i].nodes = makeNodes(t, quiet(e, boots[i].cluster), 1, 3+r.IntN(3))
		boots[i].draw(r, 10*time.Second, r.IntN(2) == 0)
		t.Log(&boots[i])
	}
	kit.Each(t, atOnce, len(boots), func(i int) error {
		b := &boots[i]
		defer b.stop(t)
		return b.told(b.run())
	})
	merges := 0
	for _, b := range boots {
		for _, n := range b.nodes {
			merges += len(n.Logged("cluster merged into another"))
		}
	}
	t.Logf("%d first boots, one cluster each; nodes that moved from one cluster to another on the way: %d", len(boots), merges)
}

// Boots of four nodes at once, one of them killed at a random instant and
// started again: clusters of four. When all have stopped in order, of all keys
// the claim is left, and the operator's word removes it.
func TestBootsOfFour(t *testing.T) {
	t.Parallel()
	e, seed := bin.Etcd(t), kit.Seed(t)
	boots := make([]boot, kit.Choose(2, 30))
	for i := range boots {
		boots[i].cluster = fmt.Sprint("four", i+1)
		boots[i].nodes = makeNodes(t, quiet(e, boots[i].cluster), 1, 4)
		boots[i].draw(rand.New(rand.NewPCG(seed, uint64(i))), time.Second, true)
		t.Log(&boots[i])
	}
	kit.Each(t, 2, len(boots), func(i int) error {
		b := &boots[i]
		if err := b.run(); err != nil {
			return b.told(err)
		}
		b.stop(t)
		return b.told(b.unclaim(e))
	})
}

// unclaim looks at what the stopped nodes have left at etcd, and has one of
// them remove it.
func (b *boot) unclaim(e *kit.Etcd) error {
	if err := b.left(e); err != nil {
		return err
	}
	one := b.nodes[0]
	if err := one.Spawn(); err != nil {
		return err
	}
	if _, err := kit.Becomes(formed, b.nodes[:1], b.nodes[1:]); err != nil {
		return fmt.Errorf("started alone: %w", err)
	}
	if _, ok := kit.Wait(formed, func() bool { return one.Strategy("etcd").State == "ready" }); !ok {
		return fmt.Errorf("the plugin of %s does not start", one.Name)
	}
	out, errs, _ := one.Try("discovery", "unclaim")
	one.Stop()
	left, err := e.Keys(b.cluster)
	if err == nil && (out != "Removed the claim of the cluster at etcd.\n" || len(left) > 0) {
		err = fmt.Errorf("unclaim says %q %q, etcd holds %q", out, errs, left)
	}
	return err
}

// left waits until the claim alone is left. Only the entry that a killed node
// made may live until the end of its lease (PLUGINS.md: ttl + 1 s).
func (b *boot) left(e *kit.Etcd) (err error) {
	killed := []string{"claim", "nodes/" + b.nodes[b.victim].Name}
	var left []string
	_, gone := kit.Wait(ttl+time.Second, func() bool {
		left, err = e.Keys(b.cluster)
		return err != nil || !slices.Equal(left, killed)
	})
	if err == nil && (!gone || !slices.Equal(left, []string{"claim"})) {
		err = fmt.Errorf("when all have stopped in order etcd holds %q", left)
	}
	return err
}

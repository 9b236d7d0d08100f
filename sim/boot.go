package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// The bounds of a random boot.
const (
	startWithin = 30 * time.Second     // of each node
	illAtMost   = 40 * time.Second     // how long the backend may answer badly
	killWithin  = 60 * time.Second     // after the beginning
	downAtMost  = 20 * time.Second     // from a kill to the next start
	ended       = 5 * time.Millisecond // after which a process is gone
	restWithin  = 150 * time.Second    // after the last disturbance: two polls at the slowest pace
	restFor     = 10 * time.Second     // how long it must last
)

// boot is a random first boot of a few nodes, all of it from one seed.
type boot struct {
	*world
	plan *rand.Rand
	last time.Duration // of what disturbs it
}

// newBoot draws a boot and what goes wrong in it.
func newBoot(seed uint64, nodes int) *boot {
	b := &boot{plan: rand.New(rand.NewPCG(seed, 0))}
	conf := config{cluster: "a", formAfter: b.oneOf(15, 15, 15, 5, 1)}
	if b.chance(4) {
		conf.expect = 1 + b.plan.IntN(nodes)
	}
	b.world = newWorld(seed, nodes, conf)
	b.net.delay = 100*time.Microsecond + b.upTo(40*time.Millisecond)
	b.net.loss = float64(b.plan.IntN(3)) * 0.05
	b.drawBackend()
	for _, n := range b.nodes {
		n.skew = b.upTo(4*time.Second) - 2*time.Second
		b.starts(n, b.upTo(startWithin))
	}
	for range b.plan.IntN(3) {
		b.kills(b.nodes[b.plan.IntN(nodes)], b.upTo(killWithin))
	}
	if b.chance(8) { // the power fails
		at := b.upTo(killWithin)
		for _, n := range b.nodes {
			b.kills(n, at)
		}
	}
	for range b.plan.IntN(3) {
		b.cuts()
	}
	return b
}

func (b *boot) chance(in int) bool { return b.plan.IntN(in) == 0 }

func (b *boot) upTo(d time.Duration) time.Duration { return time.Duration(b.plan.Int64N(int64(d) + 1)) }

func (b *boot) oneOf(seconds ...int) time.Duration {
	return time.Duration(seconds[b.plan.IntN(len(seconds))]) * time.Second
}

// disturbs remembers until when the boot is disturbed.
func (b *boot) disturbs(until time.Duration) time.Duration {
	b.last = max(b.last, until)
	return until
}

func (b *boot) drawBackend() {
	k := registry
	if b.chance(3) {
		k = kind(b.plan.IntN(int(kinds)))
	}
	b.lists(k)
	b.backend.claims = k == registry && b.chance(2)
	b.backend.latency = time.Millisecond + b.upTo(200*time.Millisecond)
	b.backend.ill = b.disturbs(b.upTo(illAtMost))
	for range b.plan.IntN(4) {
		b.backend.illness = append(b.backend.illness, trouble(b.plan.IntN(int(troubles))))
	}
}

func (b *boot) starts(n *node, at time.Duration) {
	b.at(b.disturbs(at), func() {
		if !n.up {
			n.start()
		}
	})
}

// kills ends the process of n, by force or in order, and starts it again: with
// its data directory, without it, or at another address.
func (b *boot) kills(n *node, at time.Duration) {
	orderly, wiped, moved := b.chance(3), b.chance(3), b.backend.kind == registry && b.chance(4)
	b.at(at, func() {
		if n.up && orderly {
			n.stop()
		} else if n.up {
			n.kill()
		}
	})
	b.at(at+ended, func() {
		if wiped {
			n.wipe()
		}
		if moved {
			b.readdress(n)
		}
	})
	b.starts(n, b.disturbs(at+2*ended+b.upTo(downAtMost)))
}

// readdress gives a node that is down another address.
func (b *boot) readdress(n *node) {
	delete(b.byAddr, n.addr)
	n.addr = "x" + n.addr
	b.byAddr[n.addr] = n
}

// cuts cuts one node off from some others for a while, one way or both.
func (b *boot) cuts() {
	a, both := b.plan.IntN(len(b.nodes)), b.chance(2)
	var others []int
	for o := range b.nodes {
		if o != a && !b.chance(3) {
			others = append(others, o)
		}
	}
	at := b.upTo(killWithin)
	b.at(at, func() { b.isolate(a, others, both, true) })
	b.at(b.disturbs(at+b.upTo(downAtMost)), func() { b.isolate(a, others, true, false) })
}

// result is how a boot ended.
type result struct {
	settled time.Duration // from the last disturbance to one cluster
	events  int
	founded int
	trace   uint64
}

// run lets the boot happen, and the cluster come to rest and stay there.
func (b *boot) run() (result, error) {
	b.until(b.last)
	var err error
	at := b.last
	for ; at <= b.last+restWithin; at += time.Second / 2 {
		b.until(at)
		if err = b.one(); err == nil {
			break
		}
	}
	r := result{settled: at - b.last}
	if err != nil {
		return r, fmt.Errorf("not one cluster %s after the last disturbance: %w", restWithin, err)
	}
	b.until(at + restFor)
	if err = b.one(); err != nil {
		return r, fmt.Errorf("it did not last: %w", err)
	}
	r.events, r.founded, r.trace = b.done, b.found, b.trace.Sum64()
	if len(b.errs) > 0 {
		return r, fmt.Errorf("on the way: %q", b.errs)
	}
	return r, nil
}

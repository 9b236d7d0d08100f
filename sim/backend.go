package sim

import (
	"math/rand/v2"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
)

// discoverTimeout is the deadline of a call of a strategy (PLUGINS.md).
const discoverTimeout = 5 * time.Second

// kind is what sort of backend the strategy has.
type kind uint8

// The kinds: a fixed list of all, the same with only the first node in it, and
// one where nodes enter themselves.
const (
	fixed kind = iota
	oneSeed
	registry
	kinds
)

// trouble is one way in which an answer may be bad.
type trouble uint8

// The troubles. blinded lists the asker alone and claims to be complete.
const (
	none trouble = iota
	late
	partial
	stale
	failing
	empty
	blinded
	troubles
)

// backend is what all strategies ask.
type backend struct {
	w       *world
	rand    *rand.Rand
	kind    kind
	claims  bool          // CLAIM is offered
	latency time.Duration // of a call, up to twice as much
	ttl     time.Duration // of the entry of a node that is gone
	ill     time.Duration // how long after the beginning answers are bad
	illness []trouble     // of which one is drawn for each call
	entries []entry
	stands  core.Cluster // the claim
}

// entry is that a node was listed, from a moment to another.
type entry struct {
	n        *node
	addr     string
	from, to time.Time // to zero: still
}

// calls draws how a call goes: how long it takes, and what is wrong with it.
func (b *backend) calls() (time.Duration, trouble) {
	d := b.latency + time.Duration(b.rand.Int64N(int64(b.latency)+1))
	if b.w.now.Sub(epoch) >= b.ill || len(b.illness) == 0 {
		return d, none
	}
	t := b.illness[b.rand.IntN(len(b.illness))]
	if t == late {
		d += time.Duration(b.rand.Int64N(int64(discoverTimeout)))
	}
	return d, t
}

// ask answers one Discover of n.
func (b *backend) ask(n *node, done func(r autocluster.Report, ok bool)) {
	d, t := b.calls()
	if d += n.slow; d >= discoverTimeout {
		d, t = discoverTimeout, failing
	}
	seen := b.w.now // what the backend held when it was asked
	n.after(d, func() {
		r := autocluster.Report{Source: "backend", Whole: b.kind == registry}
		if t == stale {
			seen = seen.Add(-time.Duration(b.rand.Int64N(int64(20 * time.Second))))
		}
		for _, e := range b.entries {
			here := !e.from.After(seen) && (e.to.IsZero() || e.to.After(seen))
			switch {
			case !here, t == empty, t == blinded && e.n != n, t == partial && b.rand.IntN(2) == 0:
			default:
				r.Nodes = append(r.Nodes, []string{e.addr})
			}
		}
		r.Whole = r.Whole && t != partial
		b.w.note("report", n.id, uint64(t)<<32|uint64(len(r.Nodes)))
		done(r, t != failing)
	})
}

// list enters a node, or takes it out.
func (b *backend) list(n *node, yes bool) {
	if b.kind != registry {
		return
	}
	d, _ := b.calls()
	if !yes {
		n.after(d, func() { b.end(n) })
		return
	}
	n.after(d, func() {
		b.end(n)
		b.entries = append(b.entries, entry{n: n, addr: n.addr, from: b.w.now})
	})
}

func (b *backend) end(n *node) {
	for i := range b.entries {
		if e := &b.entries[i]; e.n == n && e.to.IsZero() {
			e.to = b.w.now
		}
	}
}

// gone takes a node out that was killed, when its lease has run out, unless it
// is back by then.
func (b *backend) gone(n *node) {
	if b.kind != registry {
		return
	}
	run := n.run
	b.w.at(b.ttl, func() {
		if n.run == run {
			b.end(n)
		}
	})
}

// claim proposes a cluster; the first stands. A call that fails may have had
// its effect all the same.
func (b *backend) claim(n *node, mine core.Cluster, done func(core.Cluster)) {
	d, t := b.calls()
	lost := t == failing || d >= discoverTimeout
	if !lost || b.rand.IntN(2) == 0 {
		b.w.at(d/2, func() { // the node may be dead by then
			if b.stands.IsZero() {
				b.stands = mine
				b.w.note("claim", n.id, uint64(mine.UID[0]))
			}
		})
	}
	n.after(min(d, discoverTimeout), func() {
		if lost {
			done(core.Cluster{})
		} else {
			done(b.stands)
		}
	})
}

package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
)

// decides returns a mutant whose decisions are those of another input, or are
// changed afterwards, at every node or at the first alone.
func decides(in func(*autocluster.Input), out func(autocluster.Input, *autocluster.Decision)) mutant {
	return mutant{decide: func(_ *node, i autocluster.Input) autocluster.Decision {
		if in != nil {
			in(&i)
		}
		d := autocluster.Decide(i)
		if out != nil {
			out(i, &d)
		}
		return d
	}}
}

// inverted turns the order of uids around.
func inverted(u core.UID) (v core.UID) {
	for i := range u {
		v[i] = ^u[i]
	}
	return v
}

// invert lets a node see all uids in the opposite order.
func invert(in *autocluster.Input) {
	in.Self.UID = inverted(in.Self.UID)
	for i := range in.Candidates {
		c := &in.Candidates[i]
		c.Answer.UID = inverted(c.Answer.UID)
	}
}

// onOne breaks the first node alone.
func onOne(m mutant) mutant {
	return mutant{decide: func(n *node, in autocluster.Input) autocluster.Decision {
		if n.id == 0 {
			return m.decide(n, in)
		}
		return autocluster.Decide(in)
	}}
}

// never turns one kind of decision into keeping still.
func never(k autocluster.Kind) mutant {
	return decides(nil, func(in autocluster.Input, d *autocluster.Decision) {
		if d.Kind == k {
			*d = autocluster.Decision{Kind: autocluster.KeepProbing, Rule: "mutant", Wait: in.Now.Add(time.Second)}
		}
	})
}

// mutants are deciders broken by hand. Each must be noticed.
func mutants() map[string]mutant {
	resolve := func(change func(n *node, a, b *autocluster.Offer)) mutant {
		return mutant{settle: func(n *node, a, b autocluster.Offer) core.Cluster {
			change(n, &a, &b)
			return autocluster.Resolve(a, b)
		}}
	}
	return map[string]mutant{
		"the lowest uid is the highest at one node": onOne(decides(invert, nil)),
		"form_after is over at once":                decides(func(in *autocluster.Input) { in.FormAfter = 0 }, nil),
		"form_after is never over":                  decides(func(in *autocluster.Input) { in.Started = in.Now }, nil),
		"clusters do not merge":                     never(autocluster.Merge),
		"provisional clusters do not merge": decides(nil, func(_ autocluster.Input, d *autocluster.Decision) {
			if d.Kind == autocluster.Merge && !d.Cluster.Claimed {
				d.Kind = autocluster.Stay
			}
		}),
		"nobody joins": never(autocluster.Join),
		"nodes found though others have a cluster": decides(func(in *autocluster.Input) {
			for i := range in.Candidates {
				in.Candidates[i].Answered = in.Candidates[i].Answered && !in.Self.Cluster.IsZero()
			}
		}, nil),
		"silent candidates count as none": decides(func(in *autocluster.Input) {
			var out []autocluster.Candidate
			for _, c := range in.Candidates {
				if c.Answered {
					out = append(out, c)
				}
			}
			in.Candidates = out
		}, nil),
		"a strategy that has not reported counts as none": decides(func(in *autocluster.Input) { in.Unheard = false }, nil),
		"one's own proposal is the claim": decides(nil, func(in autocluster.Input, d *autocluster.Decision) {
			if d.Kind == autocluster.Found && d.Cluster.Claimed {
				d.Cluster.UID = in.Self.UID
			}
		}),
		"the claim is ignored":        decides(func(in *autocluster.Input) { in.Claim = autocluster.ClaimState{} }, nil),
		"bootstrap_expect is ignored": decides(func(in *autocluster.Input) { in.Expect = 0 }, nil),
		"the left mark is ignored": {
			decide: func(_ *node, in autocluster.Input) autocluster.Decision {
				in.Self.Left = false
				for i := range in.Candidates {
					in.Candidates[i].Answer.Left = false
				}
				return autocluster.Decide(in)
			},
			settle: func(_ *node, a, b autocluster.Offer) core.Cluster {
				a.Left, b.Left = false, false
				return autocluster.Resolve(a, b)
			},
		},
		"the later cluster is kept":             {settle: worse(func(*node) bool { return true })},
		"the later cluster is kept at one node": {settle: worse(func(n *node) bool { return n.id == 0 })},
		"merged clusters are forgotten":         resolve(func(_ *node, a, b *autocluster.Offer) { a.Merged, b.Merged = nil, nil }),
	}
}

// worse resolves a merge to the cluster that should go.
func worse(at func(*node) bool) func(*node, autocluster.Offer, autocluster.Offer) core.Cluster {
	return func(n *node, a, b autocluster.Offer) core.Cluster {
		target := autocluster.Resolve(a, b)
		switch {
		case !at(n) || target.IsZero() || a.Cluster.IsZero() || b.Cluster.IsZero():
			return target
		case target == a.Cluster:
			return b.Cluster
		}
		return a.Cluster
	}
}

// noticed runs every trial with a mutant until one of them finds something
// amiss, and returns what.
func noticed(m mutant) string {
	for seed := range uint64(20) {
		for _, c := range trials() {
			if err := c.run(seed, m); err != nil {
				return fmt.Sprintf("%s, seed %d: %v", c.name, seed, err)
			}
		}
	}
	return ""
}

// A simulation that notices nothing proves nothing.
func TestMutants(t *testing.T) {
	for name, m := range mutants() {
		t.Run(name, func(t *testing.T) {
			what := noticed(m)
			if what == "" {
				t.Fatal("nothing was noticed")
			}
			t.Log(what)
		})
	}
}

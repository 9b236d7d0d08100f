package autocluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

const nodes = 3

// settings are what the model's nodes are configured with.
type settings struct {
	manual bool
	expect int
	// origin says who names node j to node i; FromIncoming means nobody, so
	// that i learns of j only when j dials it.
	origin [nodes][nodes]Origin
	left   int // the node with the left mark, or -1
}

// sight is what one node knows of another.
type sight struct {
	known, answered bool
	by              Origin
	cluster         core.Cluster
}

// world is a cluster in the making. It is comparable, so that states reached
// by several orders of the same steps are looked at once.
type world struct {
	cluster [nodes]core.Cluster
	sees    [nodes][nodes]sight
	founded byte
	late    bool // FormAfter has passed everywhere
}

// steps are everything that may happen next, in any order.
func (s settings) steps() []func(*world) {
	out := []func(*world){func(w *world) { w.late = true }}
	for i := range nodes {
		out = append(out, func(w *world) { s.decide(w, i) })
		for j := range nodes {
			if i != j {
				out = append(out,
					func(w *world) { s.report(w, i, j) },
					func(w *world) { s.probe(w, i, j) })
			}
		}
	}
	return out
}

// report lets the strategy or the operator name j to i.
func (s settings) report(w *world, i, j int) {
	if v := &w.sees[i][j]; s.origin[i][j] > FromIncoming {
		v.known, v.by = true, s.origin[i][j]
	}
}

// probe lets i dial j, if it knows of it; both learn of each other.
func (s settings) probe(w *world, i, j int) {
	if v := &w.sees[i][j]; v.known {
		v.answered, v.cluster = true, w.cluster[j]
		o := &w.sees[j][i]
		o.known, o.answered, o.cluster = true, true, w.cluster[i]
	}
}

func (s settings) decide(w *world, i int) {
	d := Decide(s.input(w, i))
	switch d.Kind {
	case Found:
		w.founded++
		w.cluster[i] = provisional(w.founded)
	case Join:
		w.cluster[i] = w.cluster[index(d.Addr)]
	case Merge:
		s.merge(w, i, index(d.Addr))
	}
}

// merge gives both the first of their clusters as they are now. Under a
// strategy only these two move, which is the worst that may happen.
func (s settings) merge(w *world, i, j int) {
	keep, gone := w.cluster[i], w.cluster[j]
	if gone.IsZero() {
		return
	}
	if keep.Compare(gone) > 0 {
		keep, gone = gone, keep
	}
	for n := range nodes {
		if w.cluster[n] == gone && (n == i || n == j || s.manual) {
			w.cluster[n] = keep
		}
	}
}

func (s settings) input(w *world, i int) Input {
	in := Input{
		Now: start, Started: start, FormAfter: formAfter, Manual: s.manual, Expect: s.expect,
		Operator: s.manual, Self: Self{UID: uid(byte(i + 1)), Cluster: w.cluster[i], Left: i == s.left},
	}
	if w.late {
		in.Now = start.Add(formAfter)
	}
	for j, v := range w.sees[i] {
		if v.known {
			in.Candidates = append(in.Candidates, Candidate{
				Addr: addr(byte(j)), By: v.by, Answered: v.answered,
				Answer: Answer{UID: uid(byte(j + 1)), Cluster: v.cluster, Left: j == s.left},
			})
		}
	}
	return in
}

func index(addr string) int { return int(addr[1] - '0') }

// settle lets everybody hear everybody, and decide, until nothing changes.
func (s settings) settle(w world) (world, error) {
	w.late = true
	for range 4 * nodes {
		before := w
		for i := range nodes {
			for j := range nodes {
				if i != j {
					s.report(&w, i, j)
					s.probe(&w, i, j)
				}
			}
		}
		for i := range nodes {
			s.decide(&w, i)
		}
		if w == before {
			return w, s.oneCluster(w)
		}
	}
	return w, fmt.Errorf("no rest after %d rounds", 4*nodes)
}

func (s settings) oneCluster(w world) error {
	var only core.Cluster
	for i, c := range w.cluster {
		switch {
		case c.IsZero():
			return fmt.Errorf("node %d is in no cluster", i)
		case i == s.left:
		case only.IsZero():
			only = c
		case c != only:
			return fmt.Errorf("two clusters: %v", w.cluster)
		}
	}
	if s.left >= 0 && w.cluster[s.left] == only {
		return fmt.Errorf("the node that left was moved: %v", w.cluster)
	}
	return nil
}

func everywhere(o Origin) (all [nodes][nodes]Origin) {
	for i := range nodes {
		for j := range nodes {
			all[i][j] = o
		}
	}
	return all
}

// chain lets node 0 name 1, and 1 name 2; nobody else names anybody.
func chain(o Origin) (all [nodes][nodes]Origin) {
	all[0][1], all[1][2] = o, o
	return all
}

func allSettings() map[string]settings {
	return map[string]settings{
		"strategy":      {origin: everywhere(FromStrategy), left: -1},
		"expect two":    {origin: everywhere(FromStrategy), left: -1, expect: 2},
		"expect three":  {origin: everywhere(FromStrategy), left: -1, expect: 3},
		"one left":      {origin: everywhere(FromStrategy), left: 1},
		"manual":        {origin: everywhere(FromOperator), left: -1, manual: true},
		"manual, chain": {origin: chain(FromOperator), left: -1, manual: true},
		"manual, three": {origin: everywhere(FromOperator), left: -1, manual: true, expect: 3},
	}
}

// TestOneCluster walks through every order of a few steps of three nodes, and
// lets them all hear each other after each: they must end as one cluster.
func TestOneCluster(t *testing.T) {
	const depth = 7
	for name, s := range allSettings() {
		t.Run(name, func(t *testing.T) {
			steps, seen, edge := s.steps(), map[world]bool{{}: true}, []world{{}}
			for range depth {
				var next []world
				for _, from := range edge {
					for _, step := range steps {
						w := from
						step(&w)
						if seen[w] {
							continue
						}
						seen[w] = true
						next = append(next, w)
						if end, err := s.settle(w); err != nil {
							t.Fatalf("%v\nfrom %+v\nto %+v", err, w, end)
						}
					}
				}
				edge = next
			}
			t.Logf("%d states", len(seen))
		})
	}
}

// TestOneClusterLong takes longer random walks than TestOneCluster can.
func TestOneClusterLong(t *testing.T) {
	for name, s := range allSettings() {
		t.Run(name, func(t *testing.T) {
			steps := s.steps()
			rapid.Check(t, func(t *rapid.T) {
				var w world
				for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(steps)-1), 0, 60).Draw(t, "steps") {
					steps[i](&w)
				}
				if end, err := s.settle(w); err != nil {
					t.Fatalf("%v\nfrom %+v\nto %+v", err, w, end)
				}
			})
		})
	}
}

// TestQuickStart counts what a calm start costs: three nodes that report and
// answer at once found one cluster, long before FormAfter.
func TestQuickStart(t *testing.T) {
	for name, s := range allSettings() {
		if s.left >= 0 || s.origin == chain(FromOperator) {
			continue
		}
		var w world
		for _, step := range s.steps()[1:] {
			step(&w)
		}
		w = world{sees: w.sees}
		for i := range nodes {
			s.decide(&w, i)
		}
		if w.founded != 1 || w.cluster[0].IsZero() {
			t.Errorf("%s: %d clusters founded: %v", name, w.founded, w.cluster)
		}
	}
}

// TestOrderOfCandidates checks that the order of the candidates, and a second
// report of one of them, change nothing.
func TestOrderOfCandidates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Byte()
		cluster := rapid.SampledFrom([]core.Cluster{none, provisional(1), provisional(2), claimed(3)})
		one := rapid.Custom(func(t *rapid.T) Candidate {
			return Candidate{
				Addr: rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "addr"), By: Origin(n.Draw(t, "by") % 4),
				Answered: rapid.Bool().Draw(t, "answered"), LastTried: start.Add(time.Duration(n.Draw(t, "tried") % 2)),
				Answer: Answer{
					UID: uid(n.Draw(t, "uid") % 4), Incarnation: core.Incarnation(n.Draw(t, "incarnation") % 2),
					Cluster: cluster.Draw(t, "cluster"), Left: rapid.Bool().Draw(t, "left"),
				},
			}
		})
		in := input(nil, rapid.SliceOfN(one, 0, 6).Draw(t, "candidates")...)
		in.Self = Self{UID: uid(2), Cluster: cluster.Draw(t, "own")}
		in.Expect = int(n.Draw(t, "expect") % 4)
		want := Decide(in)
		in.Candidates = append(rapid.Permutation(in.Candidates).Draw(t, "order"), in.Candidates...)
		if got := Decide(in); got != want {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
}

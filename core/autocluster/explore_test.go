package autocluster

import (
	"fmt"
	"os"
	"testing"

	"github.com/muster-mqtt/muster/core"
)

// The clusters of the small world: none, the one that a claim names, those
// that each node founds, and those that it founds after it has lost the first.
const (
	inNone = iota
	inClaimed
	firstFounded
	againFounded = firstFounded + nodes
	clusterCount = againFounded + nodes
)

// small is the whole state of three nodes, in a few bytes: the search through
// all of them keeps millions.
type small struct {
	cluster [nodes]uint8
	merged  [nodes]uint8        // bits of the clusters that were merged into it
	named   [nodes]uint8        // bits of those whom its strategy has named
	heard   [nodes][nodes]uint8 // 0: no answer, else the cluster that it told, plus one
	late    uint8               // bits: FormAfter has passed
	claim   [nodes + 1]bool     // the backend's answer has come; last: a claim stands
	kills   uint8               // how many may still happen
	again   uint8               // bits: it has lost a cluster, and founds another
}

// plan is a configuration of the small world.
type plan struct {
	settings
	claims  bool
	partial bool // a strategy names one node after the other, else all at once
	kills   uint8
	reverse bool // the founders' clocks are wrong: the later founder has the earlier stamp
	decide  func(Input) Decision
}

// event is one step of the small world; it changes nothing where it cannot
// happen.
type event struct {
	name string
	do   func(*small)
}

func (p plan) value(c uint8) core.Cluster {
	switch {
	case c == inNone:
		return none
	case c == inClaimed:
		return claimed(1)
	case p.reverse:
		return provisional(100 - c)
	}
	return provisional(c)
}

// number is the inverse of value.
func (p plan) number(c core.Cluster) uint8 {
	for n := range uint8(clusterCount) {
		if p.value(n) == c {
			return n
		}
	}
	panic("a cluster that nobody founded")
}

func (p plan) standing(s *small, i int) Standing {
	out := Standing{Cluster: p.value(s.cluster[i]), Left: i == p.left}
	for c := range uint8(clusterCount) {
		if s.merged[i]>>c&1 == 1 {
			out.LearnMerged([]core.UID{p.value(c).UID})
		}
	}
	return out
}

func (p plan) adopt(s *small, i int, to Standing) {
	s.cluster[i], s.merged[i] = p.number(to.Cluster), 0
	for c := range uint8(clusterCount) {
		for _, u := range to.Merged {
			if p.value(c).UID == u {
				s.merged[i] |= 1 << c
			}
		}
	}
}

// events are everything that may happen next.
func (p plan) events() (out []event) {
	add := func(name string, do func(*small)) { out = append(out, event{name, do}) }
	for i := range nodes {
		add(fmt.Sprint("timer ", i), func(s *small) { s.late |= 1 << i })
		add(fmt.Sprint("decide ", i), func(s *small) { p.act(s, i) })
		add(fmt.Sprint("kill ", i), func(s *small) { p.kill(s, i, false) })
		add(fmt.Sprint("kill unsaved ", i), func(s *small) { p.kill(s, i, true) })
		if p.claims {
			add(fmt.Sprint("claim ", i), func(s *small) { p.propose(s, i) })
			add(fmt.Sprint("claim answers ", i), func(s *small) { p.answer(s, i) })
		}
		if !p.partial {
			add(fmt.Sprint("report to ", i), func(s *small) { p.report(s, i) })
		}
		for j := range nodes {
			if i != j {
				if p.partial {
					add(fmt.Sprint("name ", j, " to ", i), func(s *small) { p.name(s, i, j) })
				}
				add(fmt.Sprint("probe ", i, " ", j), func(s *small) { p.meet(s, i, j) })
				add(fmt.Sprint("link ", i, " ", j), func(s *small) { p.connect(s, i, j, false) })
			}
		}
	}
	return out
}

// report is an answer of the strategy: it names the node itself, and others.
func (p plan) report(s *small, i int) {
	for j := range nodes {
		p.name(s, i, j)
	}
}

func (p plan) name(s *small, i, j int) {
	if s.named[i] |= 1 << i; p.origin[i][j] > FromIncoming {
		s.named[i] |= 1 << j
	}
}

// meet is a probe: both learn of each other.
func (p plan) meet(s *small, i, j int) {
	if s.named[i]>>j&1 == 1 || s.heard[i][j] > 0 {
		s.heard[i][j], s.heard[j][i] = s.cluster[j]+1, s.cluster[i]+1
	}
}

// connect is a dial that may become a link. Without a wish to merge it is one
// of membership's, between nodes of one cluster, perhaps of former days.
func (p plan) connect(s *small, i, j int, merge bool) {
	a, b := p.standing(s, i), p.standing(s, j)
	if !merge && (a.Cluster.IsZero() || b.Cluster.IsZero()) {
		return
	}
	target := Resolve(Offer{Standing: a, Merge: merge}, Offer{Standing: b})
	if target.IsZero() {
		return
	}
	ours := b.Merged
	b.Adopt(target, a.Merged)
	a.Adopt(target, ours)
	p.adopt(s, i, a)
	p.adopt(s, j, b)
	s.heard[i][j], s.heard[j][i] = s.cluster[j]+1, s.cluster[i]+1
}

// kill ends a node's process and starts it again; what it had not saved is
// lost.
func (p plan) kill(s *small, i int, unsaved bool) {
	if s.kills == 0 {
		return
	}
	s.kills--
	s.named[i], s.heard[i], s.claim[i] = 0, [nodes]uint8{}, false
	s.late &^= 1 << i
	if unsaved && s.cluster[i] != inNone {
		s.cluster[i], s.merged[i] = inNone, 0
		s.again |= 1 << i
	}
}

func (p plan) propose(s *small, i int) {
	if p.decide(p.input(s, i)).Kind == Claim {
		s.claim[nodes] = true
	}
}

func (p plan) answer(s *small, i int) {
	if s.claim[nodes] && p.decide(p.input(s, i)).Kind == Claim {
		s.claim[i] = true
	}
}

// act decides and carries it out.
func (p plan) act(s *small, i int) {
	switch d := p.decide(p.input(s, i)); d.Kind {
	case Found:
		switch {
		case !d.Cluster.IsZero():
			s.cluster[i] = p.number(d.Cluster)
		case s.again>>i&1 == 1:
			s.cluster[i] = againFounded + uint8(i)
		default:
			s.cluster[i] = firstFounded + uint8(i)
		}
	case Join, Merge:
		p.connect(s, i, index(d.Addr), true)
	}
}

func (p plan) input(s *small, i int) Input {
	in := Input{
		Now: start, Started: start, FormAfter: formAfter, Manual: p.manual, Expect: p.expect, Operator: p.manual,
		Unheard: !p.manual && s.named[i] == 0, Self: Self{UID: uid(byte(i + 1)), Cluster: p.value(s.cluster[i]), Left: i == p.left},
		Claim: ClaimState{Offered: p.claims},
	}
	if s.late>>i&1 == 1 {
		in.Now = start.Add(formAfter)
	}
	if s.claim[i] {
		in.Claim.Answered = p.value(inClaimed)
	}
	for j := range nodes {
		named, heard := s.named[i]>>j&1 == 1, s.heard[i][j]
		if i == j || !named && heard == 0 {
			continue
		}
		c := Candidate{Addr: addr(byte(j)), Answered: heard > 0, Answer: Answer{UID: uid(byte(j + 1)), Left: j == p.left}}
		if named {
			c.By = p.origin[i][j]
		}
		if heard > 0 {
			c.Answer.Cluster = p.value(heard - 1)
		}
		in.Candidates = append(in.Candidates, c)
	}
	return in
}

// calm lets everything happen that must happen in the end, once.
func calm(s *small, events []event) {
	s.late, s.kills = 1<<nodes-1, 0
	for _, e := range events {
		e.do(s)
	}
}

// wrong says what a step must not do: move a node to a cluster that is no
// better, or move the one that left at all.
func (p plan) wrong(from, to *small, killed bool) error {
	for i := range nodes {
		a, b := p.value(from.cluster[i]), p.value(to.cluster[i])
		switch {
		case a == b || a.IsZero() || killed:
		case b.Compare(a) >= 0:
			return fmt.Errorf("node %d moved from %d to %d, which is no better", i, from.cluster[i], to.cluster[i])
		case i == p.left:
			return fmt.Errorf("the node that left was moved")
		}
	}
	return nil
}

// rests says whether a state ends as one cluster when everybody hears
// everybody. known are states of which that was seen before.
func (p plan) rests(s small, events []event, known map[small]bool) error {
	for range 4 * nodes {
		before := s
		calm(&s, events)
		if known[s] {
			return nil
		}
		if s == before {
			w := world{}
			for i := range nodes {
				w.cluster[i] = p.value(s.cluster[i])
			}
			return p.oneCluster(w)
		}
	}
	return fmt.Errorf("no rest after %d rounds", 4*nodes)
}

// explore goes through every state that any order of events leads to, up to
// most of them, and returns how many there were, and what was wrong.
func (p plan) explore(most int) (int, error) {
	events := p.events()
	begin := small{kills: p.kills}
	known := map[small]bool{begin: false} // true: it was seen to end well
	for edge := []small{begin}; len(edge) > 0; edge = edge[1:] {
		from := edge[0]
		if err := p.rests(from, events, known); err != nil {
			return len(known), fmt.Errorf("%w\nfrom %+v", err, from)
		}
		known[from] = true
		for _, e := range events {
			to := from
			e.do(&to)
			if err := p.wrong(&from, &to, to.kills < from.kills); err != nil {
				return len(known), fmt.Errorf("%s: %w\nfrom %+v", e.name, err, from)
			}
			if _, seen := known[to]; !seen && len(known) < most {
				known[to] = false
				edge = append(edge, to)
			}
		}
	}
	return len(known), nil
}

// plans are the configurations, with the package's own decisions.
func plans() map[string]plan {
	out := bare()
	for name, p := range out {
		p.decide = Decide
		out[name] = p
	}
	return out
}

func bare() map[string]plan {
	all := everywhere(FromStrategy)
	return map[string]plan{
		"strategy":                  {settings: settings{origin: all, left: -1}},
		"strategy, wrong clocks":    {settings: settings{origin: all, left: -1}, reverse: true},
		"strategy, partial answers": {settings: settings{origin: all, left: -1}, partial: true},
		"strategy, a kill":          {settings: settings{origin: all, left: -1}, kills: 1},
		"claims":                    {settings: settings{origin: all, left: -1}, claims: true},
		"claims, a kill":            {settings: settings{origin: all, left: -1}, claims: true, kills: 1},
		"expect two":                {settings: settings{origin: all, left: -1, expect: 2}},
		"expect three, a kill":      {settings: settings{origin: all, left: -1, expect: 3}, kills: 1},
		"one left":                  {settings: settings{origin: all, left: 1}},
		"one left, claims":          {settings: settings{origin: all, left: 1}, claims: true},
		"one seed":                  {settings: settings{origin: seed(FromStrategy), left: -1}},
		"one seed, wrong clocks":    {settings: settings{origin: seed(FromStrategy), left: -1}, reverse: true},
		"manual, chain":             {settings: settings{origin: chain(FromOperator), left: -1, manual: true}},
	}
}

// seed lets everybody name node 0, and nobody anybody else.
func seed(o Origin) (all [nodes][nodes]Origin) {
	all[1][0], all[2][0] = o, o
	return all
}

// TestExplore goes through the states of three nodes: in `make prove`
// (MUSTER_PROVE=1) through all of them, else through the first of each plan.
// Whatever has happened, they end as one cluster once they hear each other,
// and on the way nobody moves to a worse cluster.
func TestExplore(t *testing.T) {
	most, prove := 5_000, os.Getenv("MUSTER_PROVE") != ""
	if prove {
		most = 6_000_000
	}
	for name, p := range plans() {
		t.Run(name, func(t *testing.T) {
			count, err := p.explore(most)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d states, all that can be reached: %v", count, count < most)
			if prove && count >= most {
				t.Error("there are more: raise the bound")
			}
		})
	}
}

// TestExploreNotices breaks the decision by hand: a search that finds nothing
// wrong with that proves nothing.
func TestExploreNotices(t *testing.T) {
	after := func(change func(in Input, d *Decision)) func(Input) Decision {
		return func(in Input) Decision {
			d := Decide(in)
			change(in, &d)
			return d
		}
	}
	for what, c := range map[string]struct {
		plan   string
		decide func(Input) Decision
	}{
		"no merges": {"strategy", after(func(_ Input, d *Decision) {
			if d.Kind == Merge {
				d.Kind = Stay
			}
		})},
		"claimed clusters do not merge": {"claims", after(func(in Input, d *Decision) {
			if d.Kind == Merge && in.Self.Cluster.Claimed == d.Cluster.Claimed {
				return
			} else if d.Kind == Merge {
				d.Kind = Stay
			}
		})},
		"the highest waits for itself": {"expect three, a kill", func(in Input) Decision {
			in.Started = in.Now
			in.Self.UID = uid(9)
			return Decide(in)
		}},
		"the left mark is ignored": {"one left", func(in Input) Decision {
			in.Self.Left = false
			return Decide(in)
		}},
	} {
		t.Run(what, func(t *testing.T) {
			p := plans()[c.plan]
			p.decide = c.decide
			count, err := p.explore(20_000)
			if err == nil {
				t.Fatalf("nothing was noticed in %d states", count)
			}
			t.Logf("after %d states: %v", count, err)
		})
	}
}

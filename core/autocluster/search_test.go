package autocluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// newSearch returns the search of node 5 with one strategy.
func newSearch() *Search {
	return NewSearch(start, SearchOptions{FormAfter: formAfter, Sources: 1, ProbeWait: time.Second})
}

// moment is node 5 in a cluster, or in none, d after its start.
func moment(d time.Duration, of core.Cluster) Situation {
	return Situation{Now: at(d), Self: Self{UID: uid(5), Cluster: of}, Linked: func(core.UID) bool { return false }}
}

// names is a report of a strategy.
func names(source string, whole bool, addrs ...string) Report {
	r := Report{Source: source, Whole: whole}
	for _, a := range addrs {
		r.Nodes = append(r.Nodes, []string{a})
	}
	return r
}

// probed answers every probe that a step wants, and returns to whom.
func probed(s *Search, in Situation, answer func(addr string) Heard) (addrs []string) {
	for _, l := range s.Step(in).Probe {
		addrs = append(addrs, l.Addrs()[0])
		s.Probed(in, l, answer(l.Addrs()[0]))
	}
	return addrs
}

func failing(string) Heard { return Heard{Failed: "refused"} }

// Two strategies: what one takes back stays as long as the other names it, and
// a cut-off answer never takes anything back.
func TestReport(t *testing.T) {
	s := newSearch()
	now := start
	for _, source := range []string{"one", "two"} {
		s.Report(now, names(source, true, "a:1"))
	}
	s.Report(now, names("one", true))
	if l := s.lead("a:1"); l == nil || len(l.sources) != 1 {
		t.Fatalf("%+v", l)
	}
	s.Report(now, names("two", false))
	s.Report(now.Add(keepUnnamed-1), names("two", false))
	if s.lead("a:1") == nil {
		t.Fatal("forgotten early")
	}
	s.Report(now.Add(keepUnnamed-1), names("two", false, "a:1"))
	s.Report(now.Add(keepUnnamed+1), names("two", false))
	if s.lead("a:1") == nil {
		t.Fatal("forgotten though it was named again")
	}
	s.lead("a:1").heard.Answered = true
	s.Report(now.Add(3*keepUnnamed), names("two", false))
	if s.lead("a:1") == nil {
		t.Fatal("forgotten though it answers")
	}
	s.Report(now.Add(3*keepUnnamed), names("two", true))
	if s.Len() != 0 {
		t.Error("a complete answer takes nothing back")
	}
}

// The strongest of those who name a candidate counts, and no more than that
// when it takes it back: a merge must not be started for a strategy's sake
// after the strategy has taken it back.
func TestOriginFalls(t *testing.T) {
	s := newSearch()
	s.Report(start, names("one", true, "a:1"))
	s.Incoming(start, "a:1", Answer{UID: uid(1), Cluster: provisional(1)})
	if by := s.lead("a:1").heard.By; by != FromStrategy {
		t.Fatal(by)
	}
	if d := s.Step(moment(0, provisional(3))).Decision; d.Kind != Merge {
		t.Fatalf("%+v", d)
	}
	s.Report(start, names("one", true))
	if d := s.Step(moment(time.Second, provisional(3))).Decision; d.Kind != Stay {
		t.Errorf("%+v", d)
	}
}

// Who calls on us and does not answer is forgotten; the list is bounded.
func TestBoundsOfSearch(t *testing.T) {
	s := newSearch()
	s.Incoming(start, "a:1", Answer{UID: uid(1)})
	for i := range maxIncomingTries {
		probed(s, moment(time.Duration(i+1)*time.Minute, none), failing)
	}
	if s.Len() != 0 {
		t.Error("a caller that never answers is kept")
	}
	for i := range maxLeads {
		s.Name(start, "x", FromStrategy, []string{fmt.Sprint("b", i)})
	}
	if s.Report(start, names("y", true, "new")) != 1 || s.Incoming(start, "new", Answer{}) || s.Len() != maxLeads {
		t.Error("the list has no bound")
	}
}

// Of more candidates than may be probed at a time all have their turn.
func TestProbesAreFair(t *testing.T) {
	s := newSearch()
	const all = 5 * maxProbes
	for i := range all {
		s.Name(start, "x", FromStrategy, []string{fmt.Sprint("b", i)})
	}
	seen := map[string]bool{}
	for i := range all / maxProbes {
		addrs := probed(s, moment(time.Duration(i)*time.Minute, none), failing)
		if len(addrs) != maxProbes {
			t.Fatalf("%d probes", len(addrs))
		}
		for _, a := range addrs {
			seen[a] = true
		}
	}
	if len(seen) != all {
		t.Errorf("%d of %d were probed", len(seen), all)
	}
}

// No more than maxProbes are under way, and the step says when to look again.
func TestProbesAreBounded(t *testing.T) {
	s := newSearch()
	for i := range maxProbes + 1 {
		s.Name(start, "x", FromStrategy, []string{fmt.Sprint("b", i)})
	}
	first := s.Step(moment(0, none))
	second := s.Step(moment(time.Millisecond, none))
	if len(first.Probe) != maxProbes || len(second.Probe) != 0 || !second.Next.Equal(at(time.Second+time.Millisecond)) {
		t.Errorf("%d, then %d probes, next %v", len(first.Probe), len(second.Probe), second.Next)
	}
}

// A failed join is not tried again at once, and one that succeeds is forgiven.
func TestBarred(t *testing.T) {
	s := newSearch()
	s.Report(start, names("one", true, "a:1"))
	there := func(string) Heard { return Heard{Answer: Answer{UID: uid(1), Cluster: provisional(1)}} }
	probed(s, moment(0, none), there)
	var pauses []time.Duration
	for now := time.Duration(0); len(pauses) < 8; {
		todo := s.Step(moment(now, none))
		if !todo.Enter {
			t.Fatalf("%s: %+v", now, todo)
		}
		if s.Step(moment(now, none)).Enter {
			t.Fatal("two joins at once")
		}
		s.Entered(moment(now, none), "a:1", Heard{Failed: "busy"})
		probed(s, moment(now+probeFirst, none), there)
		next := s.lead("a:1").barred
		pauses = append(pauses, next.Sub(at(now)))
		if d := s.Step(moment(next.Sub(start)-1, none)).Decision; d.Kind == Join {
			t.Fatal("a join before its time")
		}
		now = next.Sub(start)
	}
	if want := []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000}; !slices.EqualFunc(pauses, want, func(a, b time.Duration) bool { return a == b*time.Millisecond }) {
		t.Error(pauses)
	}
}

// A claim that is under way is waited for, without a step in between; one that
// failed is repeated at 50, 100 … ms up to 5 s.
func TestClaimPace(t *testing.T) {
	s := newSearch()
	in := moment(0, none)
	in.Claims = true
	var at []time.Duration
	for len(at) < 9 {
		todo := s.Step(in)
		if !todo.Claim {
			t.Fatalf("%s: %+v", in.Now, todo)
		}
		at = append(at, in.Now.Sub(start))
		if again := s.Step(in); again.Claim || again.Next.Before(in.Now.Add(time.Second)) {
			t.Fatalf("while a claim is under way: %+v", again)
		}
		s.Claimed(in.Now, core.Cluster{})
		in.Now = s.Step(in).Next
	}
	want := []time.Duration{0, 50, 150, 350, 750, 1550, 3150, 6350, 11350}
	for i, w := range want {
		if at[i] != w*time.Millisecond {
			t.Fatal(at)
		}
	}
	s.Claimed(in.Now, claimed(1))
	s.Report(start, names("one", true, "a:1"))
	probed(s, in, failing)
	todo := s.Step(in)
	if todo.Decision.Kind != Found || todo.Decision.Cluster != claimed(1) || len(todo.Probe) != 1 {
		t.Errorf("%+v: the claim is to be adopted, and everybody asked again", todo)
	}
}

// What an operator asked for is entered, whatever else answers.
func TestWant(t *testing.T) {
	s := newSearch()
	s.Report(start, names("one", true, "a:1"))
	s.Want(start, provisional(7).UID, "b:1")
	clusters := map[string]core.Cluster{"a:1": provisional(1), "b:1": provisional(7)}
	probed(s, moment(0, none), func(addr string) Heard {
		return Heard{Answer: Answer{UID: core.UID{0: addr[0]}, Cluster: clusters[addr]}}
	})
	if d := s.Step(moment(0, none)).Decision; d.Kind != Join || d.Addr != "b:1" {
		t.Errorf("%+v", d)
	}
	s.Formed()
	if d := s.Step(moment(0, provisional(7))).Decision; d.Kind != Merge || d.Addr != "a:1" {
		t.Errorf("%+v: what was wanted is over", d)
	}
}

// While an operator's join is under way nothing is decided, but probing goes on.
func TestHeld(t *testing.T) {
	s := newSearch()
	s.Report(start, names("one", true, "a:1"))
	in := moment(time.Hour, none)
	in.Held = true
	if todo := s.Step(in); todo.Decision != (Decision{}) || len(todo.Probe) != 1 {
		t.Errorf("%+v", todo)
	}
}

// Two nodes whose lists differ may both be the lowest of all that they know,
// and found at the same moment. Who has founded asks the others again at once
// and then ever more slowly, so that the two clusters meet long before the
// next round at the pace of the polls.
func TestFounderAsksAgain(t *testing.T) {
	s := newSearch()
	s.Report(start, names("one", true, "n6"))
	unformed := func(string) Heard { return Heard{Answer: Answer{UID: uid(6)}} }
	if got := probed(s, moment(0, none), unformed); len(got) != 1 {
		t.Fatalf("probed %q", got)
	}
	todo := s.Step(moment(time.Millisecond, none))
	if todo.Decision.Kind != Found || len(todo.Probe) != 1 {
		t.Fatalf("founded and asks nobody: %+v", todo)
	}
	s.Probed(moment(2*time.Millisecond, provisional(5)), todo.Probe[0], unformed(""))
	asked := 0
	for d := 3 * time.Millisecond; d < pollFirst; d += time.Millisecond {
		asked += len(probed(s, moment(d, provisional(5)), unformed))
	}
	if asked < 4 || asked > 8 {
		t.Errorf("asked %d times within the pace of the polls", asked)
	}
}

// A report without addresses, or of nobody, is harmless.
func TestEmptyReports(t *testing.T) {
	s := newSearch()
	if s.Report(start, Report{Source: "one", Nodes: [][]string{{}, nil}}) != 2 || s.Report(start, Report{}) != 0 || s.Len() != 0 {
		t.Error("a node without an address is kept")
	}
}

package autocluster

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

const formAfter = 15 * time.Second

// at returns the moment d after the node began to look.
func at(d time.Duration) time.Time { return start.Add(d) }

// uid returns a uid that orders by n.
func uid(n byte) core.UID { return core.UID{15: n} }

// provisional and claimed return clusters that order by when they were founded.
func provisional(n byte) core.Cluster {
	return core.Cluster{UID: uid(100 + n), Founded: core.Stamp(n)}
}

func claimed(n byte) core.Cluster {
	c := provisional(n)
	c.Claimed = true
	return c
}

// peer returns a candidate that answered, with the address "n<uid>".
func peer(n byte, c core.Cluster) Candidate {
	return Candidate{Addr: addr(n), By: FromStrategy, Answered: true, Answer: Answer{UID: uid(n), Cluster: c}}
}

func addr(n byte) string { return "n" + string('0'+rune(n)) }

var none core.Cluster

func by(o Origin, c Candidate) Candidate {
	c.By = o
	return c
}

func gone(c Candidate) Candidate {
	c.Answer.Left = true
	return c
}

func silent(n byte) Candidate { return Candidate{Addr: addr(n), By: FromStrategy, Tries: 3} }

// input returns the Input of node 5, one second after its start.
func input(change func(*Input), candidates ...Candidate) Input {
	in := Input{
		Now: at(time.Second), Started: start, FormAfter: formAfter,
		Self: Self{UID: uid(5)}, Candidates: candidates,
	}
	if change != nil {
		change(&in)
	}
	return in
}

type decideCase struct {
	name string
	in   Input
	want Decision
}

func checkDecide(t *testing.T, cases []decideCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Decide(c.in)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func member(of core.Cluster) func(*Input) {
	return func(in *Input) { in.Self.Cluster = of }
}

func TestDecideFormed(t *testing.T) {
	manual := func(in *Input) { in.Self.Cluster, in.Manual = provisional(3), true }
	stay := Decision{Kind: Stay, Rule: "(0)"}
	merge := Decision{Kind: Merge, Cluster: provisional(1), Addr: "n1", Rule: "(2)"}
	checkDecide(t, []decideCase{
		{"alone", input(member(provisional(3))), stay},
		{"a restart neither claims nor founds", input(func(in *Input) {
			in.Self.Cluster, in.Claim.Offered, in.Expect, in.Now = provisional(3), true, 3, at(time.Hour)
		}, silent(1)), stay},
		{"a strategy reports an earlier cluster", input(member(provisional(3)), peer(1, provisional(1))), merge},
		{"a strategy reports a later cluster", input(member(provisional(3)), peer(1, provisional(7))),
			Decision{Kind: Merge, Cluster: provisional(7), Addr: "n1", Rule: "(2)"}},
		{"the first of two", input(member(provisional(3)), peer(2, provisional(2)), peer(1, provisional(1))), merge},
		{"our own cluster", input(member(provisional(3)), peer(1, provisional(3))), stay},
		{"a peer without a cluster joins by itself", input(member(provisional(3)), peer(1, none)), stay},
		{"silent", input(member(provisional(3)), silent(1)), stay},
		{"with the left mark", input(member(provisional(3)), gone(peer(1, provisional(1)))), stay},
		{"only remembered", input(member(provisional(3)), by(FromRemembered, peer(1, provisional(1)))), stay},
		{"only incoming", input(member(provisional(3)), by(FromIncoming, peer(1, provisional(1)))), stay},
		{"an operator's", input(member(provisional(3)), by(FromOperator, peer(1, provisional(1)))), merge},
		{"manual: a strategy's", input(manual, peer(1, provisional(1))), stay},
		{"manual: remembered", input(manual, by(FromRemembered, peer(1, provisional(1)))), stay},
		{"manual: an operator's", input(manual, by(FromOperator, peer(1, provisional(1)))), merge},
	})
}

func TestDecideLeft(t *testing.T) {
	left := func(of core.Cluster) func(*Input) {
		return func(in *Input) { in.Self.Cluster, in.Self.Left = of, true }
	}
	checkDecide(t, []decideCase{
		{"is a cluster of its own", input(left(none), peer(1, provisional(1))), Decision{Kind: Found, Rule: "(0b)"}},
		{"stays in it", input(left(provisional(3)), peer(1, provisional(1))), Decision{Kind: Stay, Rule: "(0b)"}},
		{"even by addresses of an operator", input(left(provisional(3)), by(FromOperator, peer(1, provisional(1)))),
			Decision{Kind: Stay, Rule: "(0b)"}},
		{"does not claim", input(func(in *Input) {
			left(none)(in)
			in.Claim.Answered = claimed(1)
		}), Decision{Kind: Found, Rule: "(0b)"}},
	})
}

func TestDecideJoin(t *testing.T) {
	join := func(c core.Cluster, addr string) Decision {
		return Decision{Kind: Join, Cluster: c, Addr: addr, Rule: "(2)"}
	}
	keep := Decision{Kind: KeepProbing, Rule: "(7)", Wait: at(formAfter)}
	checkDecide(t, []decideCase{
		{"the earlier founding", input(nil, peer(1, provisional(4)), peer(2, provisional(2))), join(provisional(2), "n2")},
		{"claimed before provisional", input(nil, peer(1, provisional(1)), peer(2, claimed(9))), join(claimed(9), "n2")},
		{"of one cluster the lowest uid", input(nil, peer(3, provisional(1)), peer(2, provisional(1))), join(provisional(1), "n2")},
		{"whoever named it", input(nil, by(FromIncoming, peer(1, provisional(1)))), join(provisional(1), "n1")},
		{"manual too", input(func(in *Input) { in.Manual = true }, by(FromIncoming, peer(1, provisional(1)))), join(provisional(1), "n1")},
		{"before a claim", input(func(in *Input) { in.Claim.Answered = claimed(1) }, peer(1, provisional(1))), join(provisional(1), "n1")},
		{"before an expectation", input(func(in *Input) { in.Expect = 3 }, peer(1, provisional(1))), join(provisional(1), "n1")},
		{"not that of a node that left", input(nil, gone(peer(1, provisional(1)))), keep},
		{"not an answer without a uid", input(nil, peer(0, provisional(1))), keep},
		{"not an old answer of one that is silent", input(nil, func() Candidate {
			c := peer(1, provisional(1))
			c.Answered = false
			return c
		}()), keep},
	})
}

func TestDecideClaim(t *testing.T) {
	offered := func(in *Input) { in.Claim.Offered = true }
	checkDecide(t, []decideCase{
		{"offered", input(offered), Decision{Kind: Claim, Rule: "(3)", Wait: at(formAfter)}},
		{"before others are waited for", input(offered, silent(1)), Decision{Kind: Claim, Rule: "(3)", Wait: at(formAfter)}},
		{"answered", input(func(in *Input) { in.Claim = ClaimState{true, claimed(2)} }, peer(1, none)),
			Decision{Kind: Found, Cluster: claimed(2), Rule: "(3)"}},
		{"the backend is down", input(func(in *Input) { in.Claim.Offered, in.Now = true, at(formAfter) }),
			Decision{Kind: Found, Rule: "(7)"}},
	})
}

func TestDecideAlone(t *testing.T) {
	manual := func(in *Input) { in.Manual = true }
	withAddrs := func(d time.Duration) func(*Input) {
		return func(in *Input) { in.Manual, in.Operator, in.Now = true, true, at(d) }
	}
	found := Decision{Kind: Found, Rule: "(4)"}
	checkDecide(t, []decideCase{
		{"manual", input(manual), found},
		{"manual, though others are silent", input(manual, silent(1)), found},
		{"expect 1", input(func(in *Input) { in.Expect = 1 }, silent(1)), found},
		{"expect 1 under manual", input(func(in *Input) { in.Expect, in.Manual = 1, true }), found},
		{"with addresses not yet", input(withAddrs(formAfter-1), silent(1)),
			Decision{Kind: KeepProbing, Rule: "(4)", Wait: at(formAfter)}},
		{"with addresses after the wait", input(withAddrs(formAfter), silent(1)), found},
		{"those met agree earlier", input(withAddrs(time.Second), by(FromOperator, peer(6, none))),
			Decision{Kind: Found, Rule: "(6)"}},
		{"expect 3 under manual waits", input(func(in *Input) { in.Expect, in.Manual, in.Now = 3, true, at(time.Hour) }),
			Decision{Kind: KeepProbing, Rule: "(5)", Missing: 2}},
	})
}

func TestDecideExpect(t *testing.T) {
	three := func(d time.Duration) func(*Input) {
		return func(in *Input) { in.Expect, in.Now = 3, at(d) }
	}
	missing := func(n int) Decision { return Decision{Kind: KeepProbing, Rule: "(5)", Missing: n} }
	found := Decision{Kind: Found, Rule: "(5)"}
	twice := peer(6, none)
	twice.Addr = "other"
	checkDecide(t, []decideCase{
		{"nobody yet", input(three(time.Second)), missing(2)},
		{"one short, however long", input(three(time.Hour), peer(6, none)), missing(1)},
		{"self is no second one", input(three(time.Second), peer(5, none), peer(6, none)), missing(1)},
		{"one uid at two addresses", input(three(time.Second), peer(6, none), twice), missing(1)},
		{"one that left", input(three(time.Second), peer(6, none), gone(peer(7, none))), missing(1)},
		{"enough, the lowest", input(three(time.Second), peer(6, none), peer(7, none)), found},
		{"enough, though another is silent", input(three(time.Second), peer(6, none), peer(7, none), silent(8)), found},
		{"more than enough, late", input(three(time.Hour), peer(6, none), peer(7, none), peer(8, none)), found},
		{"enough, not the lowest", input(three(time.Second), peer(1, none), peer(7, none)),
			Decision{Kind: KeepProbing, Rule: "(5)", Addr: "n1", Wait: at(time.Second + askAgain)}},
		{"enough, and the lowest does not found", input(three(time.Hour), peer(1, none), peer(7, none)), found},
	})
}

func TestDecideTogether(t *testing.T) {
	late := func(d time.Duration) func(*Input) { return func(in *Input) { in.Now = at(d) } }
	keep := Decision{Kind: KeepProbing, Rule: "(7)", Wait: at(formAfter)}
	found := Decision{Kind: Found, Rule: "(6)"}
	checkDecide(t, []decideCase{
		{"nobody", input(nil), keep},
		{"only self", input(nil, peer(5, none)), keep},
		{"only one that left", input(nil, gone(peer(6, none))), keep},
		{"all answered, the lowest", input(nil, peer(6, none), peer(7, none)), found},
		{"self in the list is harmless", input(nil, peer(5, none), peer(6, none)), found},
		{"one is silent", input(nil, peer(6, none), silent(7)), keep},
		{"a strategy has not reported yet", input(func(in *Input) { in.Unheard = true }, by(FromIncoming, peer(6, none))), keep},
		{"and does not until the end", input(func(in *Input) { in.Unheard, in.Now = true, at(formAfter) }), Decision{Kind: Found, Rule: "(7)"}},
		{"not the lowest", input(nil, peer(1, none), peer(6, none)),
			Decision{Kind: KeepProbing, Rule: "(6)", Addr: "n1", Wait: at(time.Second + askAgain)}},
		{"not the lowest, shortly before the end", input(late(formAfter-1), peer(1, none)),
			Decision{Kind: KeepProbing, Rule: "(6)", Addr: "n1", Wait: at(formAfter)}},
		{"the wait is not over", input(late(formAfter - 1)), keep},
		{"the wait is over", input(late(formAfter)), Decision{Kind: Found, Rule: "(7)"}},
		{"the wait is over for all", input(late(formAfter), peer(1, none)), Decision{Kind: Found, Rule: "(7)"}},
	})
}

func TestKindString(t *testing.T) {
	for k, want := range map[Kind]string{Stay: "stay", Found: "found", Claim: "claim", 99: "unknown"} {
		if got := k.String(); got != want {
			t.Errorf("%d: %q, want %q", k, got, want)
		}
	}
}

package autocluster

import "time"

// askAgain is the pause before the node that is to found is asked again.
const askAgain = 100 * time.Millisecond

// Decide returns what the node is to do now. The order of the rules is that
// of PLUGINS.md; the same Input, its candidates in any order, always brings
// the same Decision.
func Decide(in Input) Decision {
	switch {
	case in.Self.Left:
		return in.leftAlone()
	case !in.Self.Cluster.IsZero():
		return in.formed()
	}
	peers := in.peers()
	if c, ok := best(peers, inCluster); ok {
		return Decision{Kind: Join, Cluster: c.Answer.Cluster, Addr: c.Addr, Rule: "(2)"}
	}
	if d, ok := in.claim(); ok {
		return d
	}
	if in.aloneByWish() {
		return in.alone(peers)
	}
	if in.Expect > 1 {
		return in.expect(peers)
	}
	return in.together("(7)", peers)
}

// leftAlone is rule (0b): a node that left is a cluster of its own.
func (in Input) leftAlone() Decision {
	if in.Self.Cluster.IsZero() {
		return Decision{Kind: Found, Rule: "(0b)"}
	}
	return Decision{Kind: Stay, Rule: "(0b)"}
}

// formed is rule (0), with the merge that whoever may start one starts.
func (in Input) formed() Decision {
	needs := FromStrategy
	if in.Manual {
		needs = FromOperator
	}
	foreign := func(c Candidate) bool {
		return c.By >= needs && inCluster(c) && c.Answer.Cluster.UID != in.Self.Cluster.UID
	}
	c, ok := best(in.peers(), foreign)
	if !ok {
		return Decision{Kind: Stay, Rule: "(0)"}
	}
	return Decision{Kind: Merge, Cluster: c.Answer.Cluster, Addr: c.Addr, Rule: "(2)"}
}

// claim is rule (3). A backend that has not answered by the end of FormAfter
// no longer holds up the rules that follow.
func (in Input) claim() (Decision, bool) {
	switch {
	case !in.Claim.Answered.IsZero():
		return Decision{Kind: Found, Cluster: in.Claim.Answered, Rule: "(3)"}, true
	case in.Claim.Offered && !in.waited():
		return Decision{Kind: Claim, Rule: "(3)", Wait: in.deadline()}, true
	}
	return Decision{}, false
}

// aloneByWish is the condition of rule (4). An operator who expects several
// nodes has not asked to be alone, even without a strategy.
func (in Input) aloneByWish() bool {
	return in.Expect == 1 || in.Manual && in.Expect < 1
}

// alone is rule (4): at once; with addresses given after FormAfter, unless
// those who are met there agree earlier.
func (in Input) alone(peers []Candidate) Decision {
	if in.Operator {
		return in.together("(4)", peers)
	}
	return Decision{Kind: Found, Rule: "(4)"}
}

// expect is rule (5): the lowest of all who answered founds, but not before
// there are enough. With one seed for all, only the seed sees all: after
// FormAfter whoever sees enough founds.
func (in Input) expect(peers []Candidate) Decision {
	d := Decision{Kind: KeepProbing, Rule: "(5)"}
	waiting := unformed(peers)
	if d.Missing = max(in.Expect-1-len(waiting), 0); d.Missing > 0 {
		return d
	}
	if in.waited() { // the lowest may know the others only through us
		return Decision{Kind: Found, Rule: "(5)"}
	}
	d.Wait = in.deadline()
	return in.lowestFounds(d, waiting)
}

// together is rule (6), and at the end of FormAfter the rule named last.
func (in Input) together(last string, peers []Candidate) Decision {
	if in.waited() {
		return Decision{Kind: Found, Rule: last}
	}
	d := Decision{Kind: KeepProbing, Rule: last, Wait: in.deadline()}
	waiting := unformed(peers)
	if len(waiting) == 0 || in.silent() {
		return d
	}
	d.Rule = "(6)"
	return in.lowestFounds(d, waiting)
}

// lowestFounds lets self found if no uid of others is lower; else the lowest
// is asked again soon.
func (in Input) lowestFounds(d Decision, others []Candidate) Decision {
	lowest := others[0]
	if in.Self.UID.Compare(lowest.Answer.UID) < 0 {
		return Decision{Kind: Found, Rule: d.Rule}
	}
	d.Addr = lowest.Addr
	if soon := in.Now.Add(askAgain); d.Wait.IsZero() || soon.Before(d.Wait) {
		d.Wait = soon
	}
	return d
}

// silent reports whether a reported candidate has not answered, or a strategy
// has yet to report.
func (in Input) silent() bool {
	if in.Unheard {
		return true
	}
	for _, c := range in.Candidates {
		if !c.Answered {
			return true
		}
	}
	return false
}

func (in Input) deadline() time.Time { return in.Started.Add(in.FormAfter) }

func (in Input) waited() bool { return !in.Now.Before(in.deadline()) }

func inCluster(c Candidate) bool { return !c.Answer.Cluster.IsZero() }

// best returns the candidate of the first cluster by the order that every
// node agrees on; ok is false if none fits.
func best(peers []Candidate, fits func(Candidate) bool) (found Candidate, ok bool) {
	for _, c := range peers {
		if fits(c) && (!ok || c.Answer.Cluster.Compare(found.Answer.Cluster) < 0) {
			found, ok = c, true
		}
	}
	return found, ok
}

// unformed returns the peers that are in no cluster, the lowest uid first.
func unformed(peers []Candidate) []Candidate {
	var out []Candidate
	for _, c := range peers {
		if !inCluster(c) {
			out = append(out, c)
		}
	}
	return out
}

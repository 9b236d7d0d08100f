package autocluster

import (
	"cmp"
	"slices"
)

// peers returns one candidate for each other node that answered and counts,
// the lowest uid first. Self is not a peer, and a node with the left mark
// counts for nothing.
func (in Input) peers() []Candidate {
	var out []Candidate
	for _, c := range in.Candidates {
		if c.Answered && c.Answer.UID != in.Self.UID && !c.Answer.UID.IsZero() {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, compareCandidates)
	out = onePerNode(out)
	return slices.DeleteFunc(out, func(c Candidate) bool { return c.Answer.Left })
}

// onePerNode keeps the first of each run of one uid, with the strongest
// origin of the run: a node reported under two addresses is one peer.
func onePerNode(sorted []Candidate) []Candidate {
	var out []Candidate
	for _, c := range sorted {
		if n := len(out); n > 0 && out[n-1].Answer.UID == c.Answer.UID {
			out[n-1].By = max(out[n-1].By, c.By)
			continue
		}
		out = append(out, c)
	}
	return out
}

// compareCandidates orders by uid; of two answers of one node the latest comes
// first: the higher incarnation, then the later probe, then the left mark, then one
// that tells of a cluster, which a node enters more often than it gives it up.
func compareCandidates(a, b Candidate) int {
	return cmp.Or(
		a.Answer.UID.Compare(b.Answer.UID),
		cmp.Compare(b.Answer.Incarnation, a.Answer.Incarnation),
		b.LastTried.Compare(a.LastTried),
		trueFirst(a.Answer.Left, b.Answer.Left),
		trueFirst(inCluster(a), inCluster(b)),
		a.Answer.Cluster.Compare(b.Answer.Cluster),
		cmp.Compare(a.Addr, b.Addr),
	)
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

package autocluster

import (
	"slices"

	"github.com/muster-mqtt/muster/core"
)

// MaxMerged bounds the uids of clusters that were merged into ours.
const MaxMerged = 64

// Standing is where a node stands: what it tells at the start of every
// connection, and what is decided from there.
type Standing struct {
	Cluster core.Cluster // zero: in none
	Merged  []core.UID   // of the clusters that were merged into it, sorted, at most 64
	Left    bool         // it left by an operator's word and stays out
}

// Offer is what one side of a connection says of itself and, the dialler, of
// what it wants.
type Offer struct {
	Standing
	Probe    bool // only asks
	Merge    bool // two clusters may become one
	Operator bool // an operator's join
}

// Resolve returns the cluster that both sides of a connection are in when it
// becomes a link; zero if it must not become one. Both sides compute it from
// the same two offers.
func Resolve(dialler, acceptor Offer) core.Cluster {
	a, b := dialler.Cluster, acceptor.Cluster
	switch {
	case dialler.Probe:
		return core.Cluster{}
	case a.UID == b.UID:
		return a // also zero and zero
	case (dialler.Left || acceptor.Left) && !dialler.Operator:
		return core.Cluster{}
	case a.IsZero(), slices.Contains(acceptor.Merged, a.UID):
		return b
	case b.IsZero(), slices.Contains(dialler.Merged, b.UID):
		return a
	case dialler.Merge && a.Compare(b) < 0:
		return a
	case dialler.Merge:
		return b
	}
	return core.Cluster{}
}

// Adopt makes target the cluster of the node, into which others, and the one
// that it was in, have been merged. It reports whether anything changed that
// its peers are to be told.
func (s *Standing) Adopt(target core.Cluster, merged []core.UID) (changed bool) {
	changed = s.LearnMerged(merged)
	if s.Cluster == target {
		return changed
	}
	if !s.Cluster.IsZero() {
		s.LearnMerged([]core.UID{s.Cluster.UID})
	}
	s.Cluster, s.Left = target, false
	return true
}

// LearnMerged takes in clusters that were merged into ours. When there are too
// many, all nodes keep the same ones: the lowest.
func (s *Standing) LearnMerged(uids []core.UID) (changed bool) {
	all := append(slices.Clone(s.Merged), uids...)
	slices.SortFunc(all, core.UID.Compare)
	all = slices.Compact(all)
	all = all[:min(len(all), MaxMerged)]
	if slices.Equal(all, s.Merged) {
		return false
	}
	s.Merged = all
	return true
}

// Follow takes in that a peer of our cluster stands in cluster now, into which
// others were merged: the better of the two is both's. It reports what Adopt
// does.
func (s *Standing) Follow(cluster core.Cluster, merged []core.UID) (changed bool) {
	switch {
	case cluster.IsZero():
		return false
	case cluster.UID == s.Cluster.UID || cluster.Compare(s.Cluster) < 0:
		return s.Adopt(cluster, merged)
	}
	return s.Adopt(s.Cluster, append(slices.Clone(merged), cluster.UID)) // the peer will follow us
}

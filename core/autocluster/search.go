package autocluster

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Bounds of a search.
const (
	maxLeads  = 10_000
	maxProbes = 32 // under way at once
	// maxIncomingTries is how often a node that only called on us is probed in
	// vain before it is forgotten.
	maxIncomingTries = 10
	retryFirst       = 50 * time.Millisecond // after a failed join, claim or poll, then doubled
	claimRetry       = 5 * time.Second       // the longest between two tries to claim
	incoming         = "incoming"            // the source of those who called on us
	// keepUnnamed is how long a silent candidate is kept that its strategy
	// names no more in answers that do not claim to be complete.
	keepUnnamed = 10 * time.Minute
)

// SearchOptions are what a node is configured with, and what does not change
// while it looks for others.
type SearchOptions struct {
	FormAfter time.Duration // cluster.form_after
	Expect    int           // cluster.bootstrap_expect; 0 = not set
	Manual    bool          // the strategy is manual
	Operator  bool          // there are addresses of --join or cluster.join
	Sources   int           // how many strategies will report
	ProbeWait time.Duration // the longest that a probe takes
	// Decide is the decision function, nil for the package's own. The
	// simulation puts broken ones here, to see that it notices.
	Decide func(Input) Decision
}

// Search is what a node knows of nodes that are no members yet, and what it
// does about them: whom to probe when, when to claim, when to carry out a
// decision. Its owner does what Step returns and tells what became of it.
type Search struct {
	opts     SearchOptions
	started  time.Time
	leads    []*Lead // by their first address
	probing  int
	entering bool     // a join or merge is under way
	only     core.UID // the cluster that an operator asked for, until we are in one
	last     Decision
	claim    claim
	poll     time.Duration   // pace of the polls; those who answered are probed at it
	reported map[string]bool // sources that have answered at least once
}

// Lead is somebody who may be a node, at one of several addresses.
type Lead struct {
	addrs    []string
	sources  map[string]naming // who names it
	heard    Candidate         // what probing it brought
	next     time.Time         // when to probe it again
	probing  bool
	failed   string    // why the last probe brought nothing
	unformed int       // answers in a row that told of no cluster
	refusals int       // joins and merges with it that failed
	barred   time.Time // no join or merge with it before
}

// naming is that a source names a lead.
type naming struct {
	by    Origin
	since time.Time // when it was not named any more by a partial answer; zero: it is
}

// Addrs returns where to probe it, in turn, until one of them answers.
func (l *Lead) Addrs() []string { return l.addrs }

// claim is how far the naming of the cluster has got.
type claim struct {
	under    bool // a call is under way
	fails    int  // in a row
	next     time.Time
	answered core.Cluster // what stands at the backend
}

// NewSearch returns the search of a node that begins to look for others now.
func NewSearch(now time.Time, o SearchOptions) *Search {
	if o.Decide == nil {
		o.Decide = Decide
	}
	return &Search{opts: o, started: now, poll: pollFirst, reported: map[string]bool{}}
}

// Name takes in that source names somebody, at one of addrs; false when there
// is no room, or no address.
func (s *Search) Name(now time.Time, source string, by Origin, addrs []string) bool {
	if len(addrs) == 0 {
		return false
	}
	i, known := s.find(addrs[0])
	if !known {
		if len(s.leads) >= maxLeads {
			return false
		}
		l := &Lead{addrs: addrs, sources: map[string]naming{}, next: now}
		l.heard.Addr = addrs[0]
		s.leads = slices.Insert(s.leads, i, l)
	}
	l := s.leads[i]
	l.sources[source] = naming{by: by}
	l.weigh()
	return true
}

// weigh finds who counts of those who name a lead.
func (l *Lead) weigh() {
	l.heard.By = 0
	for _, n := range l.sources {
		l.heard.By = max(l.heard.By, n.by)
	}
}

func (s *Search) find(addr string) (at int, found bool) {
	return slices.BinarySearchFunc(s.leads, addr, func(l *Lead, addr string) int { return strings.Compare(l.addrs[0], addr) })
}

// lead returns the lead with that first address, nil if there is none.
func (s *Search) lead(addr string) *Lead {
	if i, found := s.find(addr); found {
		return s.leads[i]
	}
	return nil
}

// Report is an answer of a strategy.
type Report struct {
	Source string
	Nodes  [][]string // the addresses of one node in each element
	Whole  bool       // it lacks nobody
}

// Report takes in an answer of a strategy and returns how many of its nodes
// had no room, or no address.
// Whom the strategy named before and does not name any more is forgotten,
// unless another one names it. An answer that may lack some says nothing of
// those that it does not name: they stay, unless they have been silent for
// 10 min as well.
func (s *Search) Report(now time.Time, r Report) (dropped int) {
	s.reported[r.Source] = true
	named := map[string]bool{}
	for _, addrs := range r.Nodes {
		if !s.Name(now, r.Source, FromStrategy, addrs) {
			dropped++
			continue
		}
		named[addrs[0]] = true
	}
	s.leads = slices.DeleteFunc(s.leads, func(l *Lead) bool {
		return !named[l.addrs[0]] && l.unnamed(now, r)
	})
	return dropped
}

// unnamed takes in that an answer does not name a lead, and reports whether
// nobody does any more.
func (l *Lead) unnamed(now time.Time, r Report) bool {
	n, ok := l.sources[r.Source]
	if !ok {
		return false
	}
	if n.since.IsZero() {
		n.since = now
	}
	l.sources[r.Source] = n
	if r.Whole || !l.heard.Answered && now.Sub(n.since) >= keepUnnamed {
		delete(l.sources, r.Source)
		l.weigh()
	}
	return len(l.sources) == 0
}

// Incoming takes in a proved hello from outside: its sender may be found at
// addr. It reports whether there was room.
func (s *Search) Incoming(now time.Time, addr string, a Answer) bool {
	if !s.Name(now, incoming, FromIncoming, []string{addr}) {
		return false
	}
	l := s.lead(addr)
	l.heard.Answered, l.heard.Tries, l.heard.LastTried = true, 0, now
	l.heard.Answer = a
	l.next = NextProbe(l.heard, s.poll)
	return true
}

// Want begins a search for one cluster, that of the node at addr, and for no
// other: an operator asked for it.
func (s *Search) Want(now time.Time, cluster core.UID, addr string) bool {
	s.only, s.started = cluster, now
	return s.Name(now, "operator", FromRemembered, []string{addr})
}

// Formed tells that the node is in a cluster: what was wanted is over.
func (s *Search) Formed() { s.only = core.UID{} }

// Len is how many candidates are known, 10,000 at most.
func (s *Search) Len() int { return len(s.leads) }

// SetPoll sets the pace of the polls.
func (s *Search) SetPoll(d time.Duration) { s.poll = d }

// overdueFirst orders by when the next probe is due.
func overdueFirst(a, b *Lead) int {
	return cmp.Or(a.next.Compare(b.next), strings.Compare(a.addrs[0], b.addrs[0]))
}

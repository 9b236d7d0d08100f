package autocluster

import (
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Input is everything that a decision depends on.
type Input struct {
	Now       time.Time
	Started   time.Time     // when the node began to look for others
	FormAfter time.Duration // cluster.form_after
	Expect    int           // cluster.bootstrap_expect; 0 = not set
	Manual    bool          // the strategy is manual: no plugin reports anything
	Operator  bool          // there are addresses of --join or cluster.join
	Unheard   bool          // a strategy has not reported yet, not even that it knows nobody
	Self      Self
	// Candidates are all who were reported, in any order; self among them is
	// harmless, and so is one node under several addresses.
	Candidates []Candidate
	Claim      ClaimState
}

// Self is what the decider knows of its own node.
type Self struct {
	UID     core.UID
	Cluster core.Cluster // zero: in none yet
	Left    bool         // the left mark, unless cluster.rejoin_after_leave is on
}

// Origin says who named a candidate. If several did, the highest counts.
type Origin uint8

// The origins, from the weakest. Any may be joined by a node without a
// cluster; a merge takes FromStrategy, or FromOperator under manual.
const (
	FromIncoming   Origin = iota // it sent us a proved hello
	FromRemembered               // the data directory names it
	FromStrategy                 // a discovery strategy reported it
	FromOperator                 // --join, cluster.join or muster join
)

// Candidate is an address where a node may be, and what probing it brought.
type Candidate struct {
	Addr      string
	By        Origin
	Answered  bool // the latest probe was answered by a verified hello
	Answer    Answer
	LastTried time.Time // of the latest probe; zero: never probed
	Tries     int       // probes in a row without an answer
}

// Answer is what a verified hello said.
type Answer struct {
	UID         core.UID
	Name        core.NodeID
	Incarnation core.Incarnation
	Cluster     core.Cluster // zero: in none
	Left        bool         // it left its cluster and wants to be left alone
}

// ClaimState is how far the naming of the cluster at a backend has got: who
// proposes a cluster there adopts the one that stands.
type ClaimState struct {
	Offered  bool         // a strategy can claim
	Answered core.Cluster // what the backend answered; zero: nothing yet
}

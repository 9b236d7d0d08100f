package autocluster

import (
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Kind is what a node is to do.
type Kind uint8

// The kinds of a decision.
const (
	KeepProbing Kind = iota // form nothing yet
	Stay                    // in the cluster that the node is in
	Join                    // enter Cluster through the node at Addr
	Merge                   // our whole cluster and Cluster become one, through Addr
	Found                   // name a cluster: Cluster if that is set, else a fresh one
	Claim                   // propose a fresh cluster to the backend
)

var kindNames = [...]string{"keep probing", "stay", "join", "merge", "found", "claim"}

// String returns the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Decision is what to do now. It holds until Wait, or until something in the
// Input changes; who carries it out and fails marks the candidate unanswered.
type Decision struct {
	Kind    Kind
	Cluster core.Cluster // see Kind
	// Addr is the node to contact for Join and Merge. With KeepProbing it is,
	// if not empty, the node that is about to found: ask it again at Wait.
	Addr    string
	Rule    string    // the rule that decided or is waited for, such as "(2)"
	Missing int       // nodes that bootstrap_expect still waits for; rule (5)
	Wait    time.Time // when to decide again; zero: when the Input changes
}

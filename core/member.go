package core

import "time"

// MemberState is what a view says of one member.
type MemberState uint8

// The states of a member. Live means Alive or Suspect.
const (
	Failed MemberState = iota
	Suspect
	Alive
	Leaving
	Left
)

var stateNames = [...]string{"failed", "suspect", "alive", "leaving", "left"}

// String returns the word that the command line prints.
func (s MemberState) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// Live reports whether messages are still routed to such a member.
func (s MemberState) Live() bool { return s == Alive || s == Suspect }

// Member is one node as one view sees it.
type Member struct {
	UID         UID
	Incarnation Incarnation
	Name        NodeID
	Addr        string // host:port of its cluster port
	State       MemberState
	Role        string // "core" or "replicant"
	Build       string // version of the binary
	Protocol    uint16 // between nodes
	Datacenter  string
	Joined      Stamp     // founding or join stamp; orders leaders
	Since       time.Time // local time of the last change of State
}

// Route says that some session of a node subscribes with a filter.
type Route struct {
	Filter Filter
	Node   NodeID
}

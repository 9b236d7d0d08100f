package membership

import "github.com/muster-mqtt/muster/core"

// Record is the member record, the row that every node writes about itself.
type Record struct {
	UID        core.UID
	Name       core.NodeID
	Addr       string // host:port of the cluster port
	Role       string
	Build      string
	Protocol   uint16
	Datacenter string
	Joined     core.Stamp
}

// Reach is what one node says of its links to another.
type Reach uint8

// The three answers: all lanes echo; none for a while; none, and no dial is
// answered either.
const (
	NotReached Reach = iota
	Doubtful
	Reached
	// Expired: not reached for as long as cluster.autoclean says. When every
	// node of the view says so, the leader forgets the member.
	Expired
)

// ReachRow is the row that a node writes about each other node. Name, Addr
// and Incarnation let a newcomer find, or at least name, nodes that it has
// never met.
type ReachRow struct {
	UID   core.UID
	Reach Reach
	// Relayed: it is reached, but through another node, so its writer can relay
	// nobody to it.
	Relayed     bool
	Incarnation core.Incarnation
	Name        core.NodeID
	Addr        string
}

// Decision is what one node decides about another, kept by all.
type Decision uint8

// The decisions. Removed fences the uid in all incarnations until an
// operator's join writes Admitted.
const (
	Removed Decision = iota + 1
	Forgotten
	Gone // left by its own wish
	Admitted
)

// Entry records a decision about a uid. Of two entries for a uid the later
// stamp stands.
type Entry struct {
	UID         core.UID         `json:"uid"`
	Name        core.NodeID      `json:"name"`
	Decision    Decision         `json:"decision"`
	Stamp       core.Stamp       `json:"stamp"`
	Incarnation core.Incarnation `json:"incarnation"`
}

// ByeKind says how a node goes.
type ByeKind uint8

// Stop keeps the membership for the next start; Leave gives it up.
const (
	ByeStop ByeKind = iota + 1
	ByeLeave
)

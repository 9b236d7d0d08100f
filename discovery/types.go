package discovery

import (
	"net"
	"strconv"
	"time"
)

// Endpoint is an address that a node might be reached at.
type Endpoint struct {
	Host string // IP address without brackets, or a host name
	Port uint16 // 0 = the host derives it from the claimed name
}

// String returns host:port, with brackets around an IPv6 address.
func (e Endpoint) String() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
}

// Readiness is what the source says of a node. All nodes are reported.
type Readiness uint8

// The values of Readiness, numbered as on the wire.
const (
	ReadinessUnknown Readiness = iota
	Ready
	NotReady
	Terminating
)

// Completeness says whether an answer lists every node that the source has.
type Completeness uint8

// Partial, the zero value, promises nothing about what is absent.
const (
	Partial Completeness = iota
	Complete
)

// Candidate is something that might be a node. All but the endpoints are
// hints: identity comes from probing. Every endpoint is probed.
type Candidate struct {
	Endpoints   []Endpoint // 1 to 64
	ClaimedName string     // name@host, when the source knows it
	NodeUID     string     // when the source knows it
	Readiness   Readiness
	Attributes  map[string]string // zone, pod, …; at most 32 of 256 bytes
	Revision    string            // the source's own, opaque
}

// Answer is the result of one Discover. No candidates and no error means that
// the source says "none"; a failure must be an error instead.
type Answer struct {
	// Candidates are at most 10,000. Serve merges those that share an
	// endpoint and cuts off what is too much.
	Candidates     []Candidate
	Completeness   Completeness
	ObservedAt     time.Time     // zero = when Discover returned
	SourceRevision string        // the source's own, opaque
	NextPoll       time.Duration // when to ask again (a TTL); 0 = the host's pace
	Truncated      bool          // there were more
	// Warnings are for an operator, such as a seed that does not resolve; at
	// most 64. The host logs them when they change.
	Warnings []string
}

// Self is the node that a plugin works for.
type Self struct {
	NodeUID     string
	Incarnation uint64
	Name        string // name@host
	Endpoints   []Endpoint
	Role        string // core or replicant
	Attributes  map[string]string
}

// RegistrationState says whether the node's entry stands at the backend.
type RegistrationState uint8

// The values of RegistrationState, numbered as on the wire.
const (
	NotRegistered RegistrationState = iota
	Registered
	RegistrationLost
)

// Registration is the state of the node's own entry at the backend.
type Registration struct {
	State RegistrationState
	Since time.Time
	TTL   time.Duration
}

// BackendState is what a plugin knows of its backend.
type BackendState uint8

// The values of BackendState, numbered as on the wire.
const (
	BackendUnknown BackendState = iota
	BackendOK
	BackendDegraded
	BackendDown
)

// Health is what a plugin says of itself, without asking its backend.
type Health struct {
	Backend      BackendState
	LastError    error // nil or with a class, see ClassOf
	LastErrorAt  time.Time
	LastOKAt     time.Time
	Registration Registration
	Notes        []string
}

// Event is one message of a watch: a whole snapshot, a resync mark (changes
// were missed, a snapshot follows), a change of the registration, or, with
// none of these set, a heartbeat.
type Event struct {
	Snapshot     *Answer
	Resync       string // why
	Registration *Registration
	Resume       string // opaque mark to go on from
}

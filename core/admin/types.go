package admin

import (
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Cluster is the answer of GET /v1/cluster and of every POST that changes the
// membership: the cluster as the answering node sees it.
type Cluster struct {
	Node    core.NodeID   `json:"node"`              // that answers
	Name    string        `json:"cluster"`           // cluster.name
	Formed  bool          `json:"formed"`            // false: the node still looks for others
	UID     *core.UID     `json:"uid,omitempty"`     // absent unless formed
	Claimed bool          `json:"claimed"`           // the uid stands at a discovery backend
	Founded *time.Time    `json:"founded,omitempty"` // cluster time
	Running []core.NodeID `json:"running_nodes"`     // sorted
	Stopped []core.NodeID `json:"stopped_nodes"`     // stopped or failed, not yet forgotten; sorted
	// CertificateEnds and CertificateProblem are of the answering node's
	// certificate for other nodes; absent without TLS between nodes, and without
	// a reason for which they will refuse it.
	CertificateEnds    *time.Time `json:"certificate_ends,omitempty"`
	CertificateProblem string     `json:"certificate_problem,omitempty"`
}

// Member is one node of GET /v1/members, as the answering node sees it.
type Member struct {
	Name        core.NodeID      `json:"name"`
	UID         core.UID         `json:"uid"`
	Incarnation core.Incarnation `json:"incarnation"` // number of starts
	Address     string           `json:"address"`     // host:port of the cluster port
	Status      string           `json:"status"`      // alive, suspect, failed, leaving or left
	Role        string           `json:"role"`        // core or replicant
	Build       string           `json:"build"`
	Protocol    uint16           `json:"protocol"` // between nodes
	Datacenter  string           `json:"datacenter"`
	Joined      *time.Time       `json:"joined,omitempty"` // cluster time
	Since       *time.Time       `json:"since,omitempty"`  // of the status; local time
}

// Members is the answer of GET /v1/members, sorted by name.
type Members struct {
	Members []Member `json:"members"`
}

// Route is one row of GET /v1/routes: the node has a session that subscribes
// with the filter.
type Route struct {
	Filter core.Filter `json:"filter"`
	Node   core.NodeID `json:"node"`
}

// Routes is the answer of GET /v1/routes, sorted by filter and node. With
// ?topic= it holds the routes that a message published there takes.
type Routes struct {
	Routes []Route `json:"routes"`
	Total  int     `json:"total"` // Routes holds the first ?limit= of them
}

// Plugin is one discovery process of GET /v1/plugins.
type Plugin struct {
	Strategy   string `json:"strategy"`
	PID        int    `json:"pid"` // 0: not running
	Version    string `json:"version"`
	Path       string `json:"path,omitempty"` // of the program
	State      string `json:"state"`          // starting, ready, restarting, broken, refused, disabled or stopped
	Restarts   uint64 `json:"restarts"`
	LastError  string `json:"last_error,omitempty"`
	ErrorClass string `json:"last_error_class,omitempty"`
	LogDropped uint64 `json:"log_lines_dropped"` // of its output
}

// Plugins is the answer of GET /v1/plugins, sorted by strategy.
type Plugins struct {
	Plugins []Plugin `json:"plugins"`
}

// Merged is the answer of POST /v1/cluster/merge.
type Merged struct {
	Contacted int `json:"contacted"` // nodes met at the addresses
}

// health is the answer of the two health checks; ready has a reason when it
// is not.
type health struct {
	Status string `json:"status"` // live, ready or unready
	Reason string `json:"reason,omitempty"`
}

// joinRequest is the body of POST /v1/cluster/join.
type joinRequest struct {
	Node string `json:"node"` // name@host[:port] or host[:port]
}

// mergeRequest is the body of POST /v1/cluster/merge.
type mergeRequest struct {
	Addresses []string `json:"addresses"` // at most 64
}

// failure is the body of every answer that is not 2xx.
type failure struct {
	Error string `json:"error"` // why, and what to do
}

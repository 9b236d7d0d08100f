package admin

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"
)

// Strategies shows and steers the discovery strategies of the node. Its
// methods may be called concurrently; an error says why in one line.
type Strategies interface {
	// List returns what each strategy is now and last said. It may ask the
	// plugins, for some seconds at most.
	List(ctx context.Context) []Strategy
	// Test asks a strategy once more, without any effect on the node.
	Test(ctx context.Context, strategy string) (DiscoveryTest, error)
	// Switch starts the plugin of a strategy at once, or ends it until it is
	// switched on again or the node is started again.
	Switch(strategy string, on bool) error
	// Unclaim removes the claim of the node's cluster from its backend and
	// returns the strategy that held it.
	Unclaim(ctx context.Context) (strategy string, err error)
}

// Strategy is one row of GET /v1/discovery: what a strategy can do, what it
// last answered, and whether the node stands at its backend.
type Strategy struct {
	Name         string     `json:"strategy"`
	State        string     `json:"state"`        // of its plugin
	Capabilities []string   `json:"capabilities"` // watch, register, claim
	Watching     bool       `json:"watching"`     // changes are told, polls are slow
	Candidates   int        `json:"candidates"`   // of the last answer
	LastAnswer   *time.Time `json:"last_answer,omitempty"`
	LastError    string     `json:"last_error,omitempty"`
	ErrorClass   string     `json:"last_error_class,omitempty"` // such as AUTH
	LastErrorAt  *time.Time `json:"last_error_at,omitempty"`
	Warnings     []string   `json:"warnings,omitempty"` // of the last answer
	Notes        []string   `json:"notes,omitempty"`    // of the plugin's health: what is odd at the backend, and counts
	Backend      string     `json:"backend"`            // unknown, ok, degraded or down
	Registration string     `json:"registration"`       // none, registered or lost
}

// Discovery is the answer of GET /v1/discovery, sorted by strategy.
type Discovery struct {
	Strategies []Strategy `json:"strategies"`
}

// DiscoveryTest is the answer of POST /v1/discovery/{strategy}/test.
type DiscoveryTest struct {
	Strategy   string      `json:"strategy"`
	Took       Millis      `json:"took_ms"`
	Complete   bool        `json:"complete"`  // false: there may be nodes that it does not list
	Truncated  bool        `json:"truncated"` // there are more
	Warnings   []string    `json:"warnings,omitempty"`
	Candidates []Candidate `json:"candidates"`
}

// Millis is a duration in milliseconds in JSON.
type Millis int64

// Candidate is an address where a node may be, as a strategy reports it.
type Candidate struct {
	Endpoints  []string          `json:"endpoints"` // host:port; port 0: derived from the name
	Name       string            `json:"name,omitempty"`
	UID        string            `json:"uid,omitempty"`
	Readiness  string            `json:"readiness"` // unknown, ready, not ready or terminating
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Switched is the answer of POST /v1/discovery/{strategy}/enable and disable,
// and of POST /v1/discovery/unclaim.
type Switched struct {
	Strategy string `json:"strategy"`
}

func (a *api) discoveryRoutes(get func(string, http.HandlerFunc, ...string), post func(string, http.HandlerFunc)) {
	get("/v1/discovery", a.discovery)
	post("/v1/discovery/{strategy}/test", a.testDiscovery)
	post("/v1/discovery/{strategy}/enable", func(w http.ResponseWriter, r *http.Request) { a.switchDiscovery(w, r, true) })
	post("/v1/discovery/{strategy}/disable", func(w http.ResponseWriter, r *http.Request) { a.switchDiscovery(w, r, false) })
	post("/v1/discovery/unclaim", a.unclaim)
}

func (a *api) discovery(w http.ResponseWriter, r *http.Request) {
	out := Discovery{Strategies: []Strategy{}}
	if a.Strategies != nil {
		out.Strategies = append(out.Strategies, a.Strategies.List(r.Context())...)
	}
	slices.SortStableFunc(out.Strategies, func(x, y Strategy) int { return cmp.Compare(x.Name, y.Name) })
	reply(w, out)
}

// knows reports whether there is a strategy of that name, and answers if not.
func (a *api) knows(w http.ResponseWriter, r *http.Request, name string) bool {
	if a.Strategies != nil {
		for _, s := range a.Strategies.List(r.Context()) {
			if s.Name == name {
				return true
			}
		}
	}
	fail(w, http.StatusNotFound, quote(name)+" is no discovery strategy of this node: see `muster discovery status`")
	return false
}

func (a *api) testDiscovery(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("strategy")
	if !read(w, r, &struct{}{}) || !a.knows(w, r, name) {
		return
	}
	out, err := a.Strategies.Test(r.Context(), name)
	if err != nil {
		a.refuse(w, err)
		return
	}
	if out.Candidates == nil {
		out.Candidates = []Candidate{}
	}
	reply(w, out)
}

func (a *api) switchDiscovery(w http.ResponseWriter, r *http.Request, on bool) {
	name := r.PathValue("strategy")
	if !read(w, r, &struct{}{}) || !a.knows(w, r, name) {
		return
	}
	if err := a.Strategies.Switch(name, on); err != nil {
		a.refuse(w, err)
		return
	}
	reply(w, Switched{Strategy: name})
}

func (a *api) unclaim(w http.ResponseWriter, r *http.Request) {
	if !read(w, r, &struct{}{}) {
		return
	}
	if a.Strategies == nil {
		fail(w, http.StatusConflict, "this node has no discovery strategy")
		return
	}
	strategy, err := a.Strategies.Unclaim(r.Context())
	if err != nil {
		a.refuse(w, err)
		return
	}
	reply(w, Switched{Strategy: strategy})
}

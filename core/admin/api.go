package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Viewer shows what a node knows. Its methods may be called concurrently; the
// slices are the caller's.
type Viewer interface {
	// Cluster returns the node's cluster; zero while it is in none.
	Cluster() core.Cluster
	// Members returns every member, self included; none that left for good.
	Members() []core.Member
	// Routes returns every route, sorted by filter and node.
	Routes() []core.Route
	// RoutesOf returns the routes of a message published to t, sorted.
	RoutesOf(t core.Topic) []core.Route
}

// Operator does what an operator asks for. Its methods may block until ctx
// ends; an error says why it was refused and what to do, in one line.
type Operator interface {
	// Join makes the node a member of the cluster that target is in.
	Join(ctx context.Context, target string) error
	// Merge makes one of the node's cluster and those met at the addresses,
	// and returns how many nodes it met.
	Merge(ctx context.Context, addrs []string) (int, error)
	// Leave gives the membership up.
	Leave(ctx context.Context) error
	// ForceLeave removes another member and fences its uid.
	ForceLeave(ctx context.Context, name core.NodeID) error
}

// Options are what the API shows and does.
type Options struct {
	Self        core.NodeID
	ClusterName string
	Viewer      Viewer
	Operator    Operator
	Plugins     func() []Plugin     // nil: none
	Strategies  Strategies          // nil: none
	Counters    func() []core.Count // nil: none
	// Certificate tells when the certificate for other nodes ends, the zero time
	// without one, and why they will refuse it; nil: there is none.
	Certificate func() (ends time.Time, problem string)
	// Unready tells why a node in a cluster is not ready yet; "" means it is,
	// and so does nil.
	Unready func() string
	// Stop ends the node. It must not wait for the API to end.
	Stop   func()
	Logger *slog.Logger
}

// Bounds of the API.
const (
	maxRequests = 32       // under way at once
	maxBody     = 64 << 10 // bytes
	// operatorTime is for one POST: a merge dials every address in turn, each
	// at two ports for a second.
	operatorTime  = (2*maxAddresses + 22) * time.Second
	defaultRoutes = 1000 // rows without ?limit=
	maxRoutes     = 100_000
	maxAddresses  = 64  // of one merge
	maxTarget     = 512 // bytes of one address
)

// api serves the requests; its methods are the handlers.
type api struct {
	Options
	slots   chan struct{}
	refused atomic.Uint64 // requests for which there was no slot
	metrics http.Handler
}

// New returns the handler of the whole API. It starts nothing and may be
// served on several listeners.
func New(o Options) (http.Handler, error) {
	if o.Viewer == nil || o.Operator == nil || o.Stop == nil || o.Logger == nil {
		return nil, errors.New("admin: Viewer, Operator, Stop and Logger are required")
	}
	a := &api{Options: o, slots: make(chan struct{}, maxRequests)}
	a.metrics = metricsHandler(a.counts, o.Logger)
	return a.routes(), nil
}

func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, h http.HandlerFunc, params ...string) {
		a.handle(mux, http.MethodGet, path, onlyParams(h, params))
	}
	post := func(path string, h http.HandlerFunc) {
		a.handle(mux, http.MethodPost, path, a.logged(onlyParams(h, nil)))
	}
	get("/v1/cluster", a.cluster)
	get("/v1/members", a.members)
	get("/v1/members/{node}", a.member)
	get("/v1/routes", a.routeTable, "topic", "limit")
	get("/v1/plugins", a.plugins)
	get("/health/live", a.live)
	get("/health/ready", a.ready)
	get("/metrics", a.metrics.ServeHTTP)
	a.discoveryRoutes(get, post)
	post("/v1/cluster/join", a.join)
	post("/v1/cluster/merge", a.merge)
	post("/v1/cluster/leave", a.leave)
	post("/v1/members/{node}/force-leave", a.forceLeave)
	post("/v1/node/stop", a.stop)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "nothing is at "+r.URL.Path)
	})
	return a.limited(mux)
}

// handle answers one method of a path, and says which it is for any other.
func (a *api) handle(mux *http.ServeMux, method, path string, h http.Handler) {
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
			w.Header().Set("Allow", method)
			fail(w, http.StatusMethodNotAllowed, r.URL.Path+" answers "+method+" only")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// limited bounds the requests under way.
func (a *api) limited(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case a.slots <- struct{}{}:
			defer func() { <-a.slots }()
			h.ServeHTTP(w, r)
		default:
			a.refused.Add(1)
			fail(w, http.StatusServiceUnavailable, "too many requests at once: try again")
		}
	})
}

// logged leaves a line for each request that changes something, with the time
// that it may take.
func (a *api) logged(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), operatorTime)
		defer cancel()
		a.Logger.Info("operator's request", "method", r.Method, "path", r.URL.Path)
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (a *api) counts() []core.Count {
	out := []core.Count{{Name: "admin_requests_refused_total", Reason: "too_many", Value: a.refused.Load()}}
	if a.Counters != nil {
		out = append(out, a.Counters()...)
	}
	return out
}

package node

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/discovery"
)

// registry is a backend with every capability, shared by the nodes of a test.
type registry struct {
	mu     sync.Mutex
	down   error
	claim  []byte
	calls  int
	listed map[string]bool
	watch  map[string]chan struct{} // told of changes
}

func newRegistry() *registry {
	return &registry{listed: map[string]bool{}, watch: map[string]chan struct{}{}}
}

func (r *registry) set(down error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// has reports whether a host is registered.
func (r *registry) has(host string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listed[host]
}

// stands returns the claim, nil for none, and how often it was asked for.
func (r *registry) stands() ([]byte, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.claim, r.calls
}

// answerLocked lists who is registered.
func (r *registry) answerLocked() discovery.Answer {
	a := discovery.Answer{Completeness: discovery.Complete}
	for host := range r.listed {
		a.Candidates = append(a.Candidates, discovery.Candidate{Endpoints: []discovery.Endpoint{{Host: host, Port: 1}}})
	}
	return a
}

// registrySource is one node's strategy of the registry.
type registrySource struct {
	r    *registry
	host string
	can  []discovery.Capability
}

func (s *registrySource) Name() string { return "registry" }

func (s *registrySource) Discover(context.Context) (discovery.Answer, error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	return s.r.answerLocked(), s.r.down
}

func (s *registrySource) Offers(c discovery.Capability) bool {
	for _, have := range s.can {
		if have == c {
			return true
		}
	}
	return false
}

func (s *registrySource) Claim(_ context.Context, key string, value []byte) ([]byte, error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.calls++
	if s.r.down != nil {
		return nil, s.r.down
	}
	if s.r.claim == nil {
		s.r.claim = value
	}
	return s.r.claim, nil
}

func (s *registrySource) Unclaim(_ context.Context, _ string, value []byte) (bool, error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.r.claim == nil || string(s.r.claim) != string(value) {
		return false, s.r.down
	}
	s.r.claim = nil
	return true, nil
}

// SetListed enters the node, and tells those who watch.
func (s *registrySource) SetListed(yes bool) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.r.listed[s.host] == yes {
		return
	}
	if delete(s.r.listed, s.host); yes {
		s.r.listed[s.host] = true
	}
	for _, changed := range s.r.watch {
		select {
		case changed <- struct{}{}:
		default: // it has not looked yet
		}
	}
}

func (s *registrySource) Watch(ctx context.Context, on func(discovery.Answer)) error {
	if !s.Offers(discovery.CanWatch) {
		return discovery.Errorf(discovery.Unsupported, "no watch")
	}
	changed := make(chan struct{}, 1)
	s.r.mu.Lock()
	s.r.watch[s.host] = changed
	s.r.mu.Unlock()
	for ctx.Err() == nil {
		a, _ := s.Discover(ctx)
		on(a)
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	delete(s.r.watch, s.host)
	return ctx.Err()
}

var (
	_ Source    = (*registrySource)(nil)
	_ Claimer   = (*registrySource)(nil)
	_ Watcher   = (*registrySource)(nil)
	_ Registrar = (*registrySource)(nil)
)

// useRegistry gives every node of c the registry, and no seeds.
func (c *cluster) useRegistry(r *registry, can ...discovery.Capability) {
	c.tweak = func(o *Options) {
		host := o.Saved.Name.Host()
		o.Sources = []Source{&registrySource{r: r, host: host, can: can}}
	}
}

// All nodes that start at once adopt the one value that stands at the backend.
func TestClaimNamesTheCluster(t *testing.T) {
	bubble(t, func(c *cluster) {
		r := newRegistry()
		c.useRegistry(r, discovery.CanClaim)
		nodes := []*testNode{c.start("n1"), c.start("n2"), c.start("n3")}
		time.Sleep(7 * time.Second) // the first poll may see nobody
		c.one("n1", "n2", "n3")
		claim, _ := r.stands()
		want, err := decodeClaim(claim)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			if got := n.Cluster(); got != want || !got.Claimed {
				t.Errorf("%s is in %+v, the claim is %+v", n.name, got, want)
			}
		}
	})
}

// A claim outlives its founders: who comes later adopts it, though nobody of
// that cluster is alive, and an operator can take it back.
func TestClaimOfACluster(t *testing.T) {
	bubble(t, func(c *cluster) {
		r := newRegistry()
		old := core.Cluster{UID: core.UID{9}, Claimed: true, Founded: core.StampAt(time.Now())}
		r.claim = encodeClaim(old)
		c.useRegistry(r, discovery.CanClaim)
		n := c.start("n1")
		time.Sleep(time.Second)
		if n.Cluster() != old {
			t.Fatalf("in %+v", n.Cluster())
		}
		if strategy, err := n.Unclaim(t.Context()); err != nil || strategy != "registry" {
			t.Errorf("unclaim: %q, %v", strategy, err)
		}
		if claim, _ := r.stands(); claim != nil {
			t.Errorf("there still stands %s", claim)
		}
		if _, err := n.Unclaim(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing removed") {
			t.Errorf("again: %v", err)
		}
	})
}

// While the backend cannot be claimed at, nobody founds before form_after, and
// a cluster founded after it is provisional; rubbish at the backend is an
// error, not a cluster.
func TestClaimFails(t *testing.T) {
	for what, spoil := range map[string]func(*registry){
		"down":    func(r *registry) { r.down = errors.New("down") },
		"rubbish": func(r *registry) { r.claim = []byte("{}") },
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(c *cluster) {
				r := newRegistry()
				spoil(r)
				c.useRegistry(r, discovery.CanClaim)
				n := c.start("n1")
				time.Sleep(14 * time.Second)
				if !n.Cluster().IsZero() {
					t.Errorf("founded early: %+v", n.Cluster())
				}
				time.Sleep(2 * time.Second)
				if got := n.Cluster(); got.IsZero() || got.Claimed {
					t.Errorf("after form_after in %+v", got)
				}
				if _, calls := r.stands(); calls < 3 || calls > 30 {
					t.Errorf("%d tries to claim", calls)
				}
			})
		})
	}
}

// A backend that comes back in time names the cluster after all.
func TestClaimAfterAnOutage(t *testing.T) {
	bubble(t, func(c *cluster) {
		r := newRegistry()
		r.down = errors.New("down")
		c.useRegistry(r, discovery.CanClaim)
		n := c.start("n1")
		time.Sleep(5 * time.Second)
		r.set(nil)
		time.Sleep(5 * time.Second) // the longest pause between two tries
		if !n.Cluster().Claimed {
			t.Errorf("in %+v", n.Cluster())
		}
	})
}

// A watch makes a newcomer known at once, where polling would take a minute.
func TestWatchSetsThePace(t *testing.T) {
	bubble(t, func(c *cluster) {
		r := newRegistry()
		c.useRegistry(r, discovery.CanClaim, discovery.CanWatch)
		c.start("n1")
		c.start("n2")
		time.Sleep(3 * time.Minute)
		began := time.Now()
		n := c.start("n3")
		time.Sleep(2 * time.Second)
		c.one("n1", "n2", "n3")
		n.halt()
		t.Log("joined and gone within", time.Since(began))
	})
}

// Who leaves is not found any more, and is again after an operator's join.
func TestListed(t *testing.T) {
	bubble(t, func(c *cluster) {
		r := newRegistry()
		c.useRegistry(r, discovery.CanClaim, discovery.CanWatch)
		a := c.start("n1")
		c.start("n2")
		time.Sleep(3 * time.Second)
		if !r.has("n1") || !r.has("n2") {
			t.Fatal("a member is not listed")
		}
		if err := a.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.has("n1") {
			t.Error("listed after leaving")
		}
		if err := a.Join(t.Context(), "n2@n2:1"); err != nil {
			t.Fatal(err)
		}
		if !r.has("n1") {
			t.Error("not listed after joining")
		}
	})
}

func TestDecodeClaim(t *testing.T) {
	c := core.Cluster{UID: core.UID{1}, Claimed: true, Founded: 5}
	if got, err := decodeClaim(encodeClaim(c)); err != nil || got != c {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "{}", "[]", `{"cluster_uid":"x"}`, string(encodeClaim(c)) + "x",
		string(encodeClaim(core.Cluster{UID: core.UID{1}})), string(encodeClaim(core.Cluster{UID: core.UID{1}, Founded: core.MaxStamp + 1})),
		`{"cluster_uid":"01000000-0000-0000-0000-000000000000","founded":1,"more":2}`} {
		if got, err := decodeClaim([]byte(bad)); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
}

// The class of an error says how long a backend is left alone.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		err  error
		want time.Duration
	}{
		{nil, 0},
		{errors.New("plain"), 0},
		{discovery.Errorf(discovery.BackendUnavailable, "down"), 0},
		{discovery.Errorf(discovery.SourceNotFound, "none"), 0},
		{discovery.Errorf(discovery.Auth, "denied"), authRetry},
		{discovery.Errorf(discovery.RateLimited, "slowly"), time.Second},
		{&discovery.Error{Class: discovery.RateLimited, RetryAfter: time.Minute}, time.Minute},
	} {
		if got := retryAfter(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

package discoverytest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// registry is a strategy with every capability, over a map.
type registry struct {
	mu     sync.Mutex
	claims map[string][]byte
	nodes  []string
	fail   error
	closed atomic.Bool
	inside chan struct{} // told of each Discover while block is set
	block  chan struct{}
}

var (
	_ discovery.Watcher   = (*registry)(nil)
	_ discovery.Registrar = (*registry)(nil)
	_ discovery.Claimer   = (*registry)(nil)
)

func (r *registry) Discover(ctx context.Context) (discovery.Answer, error) {
	if r.block != nil {
		r.inside <- struct{}{}
		select {
		case <-r.block:
		case <-ctx.Done():
			return discovery.Answer{}, ctx.Err()
		}
	}
	return r.answer(), r.fail
}

func (r *registry) answer() discovery.Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	var a discovery.Answer
	for _, n := range r.nodes {
		a.Candidates = append(a.Candidates, discovery.Candidate{Endpoints: []discovery.Endpoint{{Host: n, Port: 1}}, NodeUID: n})
	}
	return a
}

func (r *registry) Watch(ctx context.Context, resume string, emit func(discovery.Event) error) error {
	if resume == "panic" {
		panic("no such mark")
	}
	a := r.answer()
	if err := emit(discovery.Event{Snapshot: &a, Resume: "1"}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (r *registry) Register(_ context.Context, self discovery.Self, ttl time.Duration) (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes = append(r.nodes, self.NodeUID)
	return ttl / 2, nil
}

func (r *registry) Deregister(_ context.Context, uid string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes = slices.DeleteFunc(r.nodes, func(n string) bool { return n == uid })
	return nil
}

func (r *registry) Claim(_ context.Context, key string, value []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.claims[key]; !ok {
		r.claims[key] = value
	}
	return r.claims[key], nil
}

func (r *registry) Unclaim(_ context.Context, key string, value []byte) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !bytes.Equal(r.claims[key], value) {
		return false, nil
	}
	delete(r.claims, key)
	return true, nil
}

func (r *registry) Close() error { r.closed.Store(true); return nil }

func newRegistry() *registry { return &registry{claims: make(map[string][]byte)} }

var everything = []discovery.Capability{discovery.CanWatch, discovery.CanRegister, discovery.CanClaim}

// start returns a configured client of the strategy.
func start(t *testing.T, s discovery.Strategy, caps ...discovery.Capability) *discovery.Client {
	t.Helper()
	c := discoverytest.Start(t, discovery.Info{Name: "registry", Version: "1", Capabilities: caps},
		func(context.Context, discovery.Setup) (discovery.Configured, error) {
			return discovery.Configured{Strategy: s, Warnings: []string{"mind the gap"}}, nil
		})
	if _, err := c.Configure(t.Context(), discovery.Setup{}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRegisterClaimAndWatch(t *testing.T) {
	c, ctx := start(t, newRegistry(), everything...), t.Context()
	if ttl, err := c.Register(ctx, discovery.Self{NodeUID: "u1"}, time.Minute); err != nil || ttl != 30*time.Second {
		t.Errorf("Register: %v, %v", ttl, err)
	}
	stop := errors.New("seen")
	err := c.Watch(ctx, "", func(ev discovery.Event) error {
		if ev.Snapshot == nil || len(ev.Snapshot.Candidates) != 1 || ev.Resume != "1" {
			t.Errorf("event %+v", ev)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("Watch: %v", err)
	}
	if err := c.Deregister(ctx, "u1"); err != nil {
		t.Error(err)
	}
	if a, err := c.Discover(ctx); err != nil || len(a.Candidates) != 0 {
		t.Errorf("after Deregister: %+v, %v", a, err)
	}
	for _, value := range []string{"one", "two"} {
		if got, err := c.Claim(ctx, "cluster", []byte(value)); err != nil || string(got) != "one" {
			t.Errorf("Claim %s: %q, %v", value, got, err)
		}
	}
	for _, u := range []struct {
		value string
		want  bool
	}{{"two", false}, {"one", true}, {"one", false}} {
		if got, err := c.Unclaim(ctx, "cluster", []byte(u.value)); err != nil || got != u.want {
			t.Errorf("Unclaim %s: %v, %v", u.value, got, err)
		}
	}
}

func TestUndeclaredIsUnsupported(t *testing.T) {
	c, ctx := start(t, newRegistry()), t.Context()
	_, claim := c.Claim(ctx, "k", nil)
	_, unclaim := c.Unclaim(ctx, "k", nil)
	_, register := c.Register(ctx, discovery.Self{}, time.Minute)
	for name, err := range map[string]error{
		"Claim": claim, "Unclaim": unclaim, "Register": register, "Deregister": c.Deregister(ctx, "u"),
		"Watch": c.Watch(ctx, "", func(discovery.Event) error { return nil }),
	} {
		if discovery.ClassOf(err) != discovery.Unsupported {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBeforeAndAfter(t *testing.T) {
	s := newRegistry()
	c := discoverytest.Start(t, discovery.Info{Name: "r", RestartToReload: true},
		func(context.Context, discovery.Setup) (discovery.Configured, error) {
			return discovery.Configured{Strategy: s}, nil
		})
	if _, err := c.Discover(t.Context()); discovery.ClassOf(err) != discovery.PluginInternal {
		t.Errorf("before Configure: %v", err)
	}
	if h, err := c.Health(t.Context()); err != nil || h.Backend != discovery.BackendUnknown {
		t.Errorf("health before Configure: %+v, %v", h, err)
	}
	for _, restart := range []bool{false, true} {
		if got, err := c.Configure(t.Context(), discovery.Setup{}); err != nil || got.RestartRequired != restart {
			t.Errorf("Configure: %+v, %v", got, err)
		}
	}
	if err := c.Shutdown(t.Context(), time.Second); err != nil || !s.closed.Load() {
		t.Errorf("Shutdown: %v, closed %v", err, s.closed.Load())
	}
	if _, err := c.Discover(t.Context()); err == nil {
		t.Error("Discover after Shutdown")
	}
}

func TestReloadClosesTheOldAfterItsLastCall(t *testing.T) {
	old, next := newRegistry(), newRegistry()
	old.block, old.inside = make(chan struct{}), make(chan struct{})
	strategies := []discovery.Strategy{old, next}
	c := discoverytest.Start(t, discovery.Info{Name: "r"},
		func(context.Context, discovery.Setup) (discovery.Configured, error) {
			s := strategies[0]
			strategies = strategies[1:]
			return discovery.Configured{Strategy: s}, nil
		})
	_, first := c.Configure(t.Context(), discovery.Setup{})
	done := make(chan error)
	go func() { _, err := c.Discover(t.Context()); done <- err }()
	<-old.inside
	reloaded := make(chan error)
	go func() { _, err := c.Configure(t.Context(), discovery.Setup{}); reloaded <- err }()
	if old.closed.Load() {
		t.Error("closed under a call")
	}
	close(old.block)
	for _, err := range []error{first, <-done, <-reloaded} {
		if err != nil {
			t.Error(err)
		}
	}
	if !old.closed.Load() || next.closed.Load() {
		t.Errorf("old closed %v, new closed %v", old.closed.Load(), next.closed.Load())
	}
}

func TestPanicsAreErrors(t *testing.T) {
	c := start(t, panics{}, discovery.CanWatch)
	_, err := c.Discover(t.Context())
	if discovery.ClassOf(err) != discovery.PluginInternal {
		t.Errorf("Discover: %v", err)
	}
	err = c.Watch(t.Context(), "", func(discovery.Event) error { return nil })
	if discovery.ClassOf(err) != discovery.PluginInternal {
		t.Errorf("Watch: %v", err)
	}
	if _, err := c.Info(t.Context()); err != nil {
		t.Errorf("the plugin did not survive: %v", err)
	}
}

type panics struct{}

func (panics) Discover(context.Context) (discovery.Answer, error) { panic("boom") }
func (panics) Watch(context.Context, string, func(discovery.Event) error) error {
	panic("boom")
}

func TestFalsePromises(t *testing.T) {
	c := discoverytest.Start(t, discovery.Info{Capabilities: everything},
		func(context.Context, discovery.Setup) (discovery.Configured, error) {
			return discovery.Configured{Strategy: panics{}}, nil
		})
	if _, err := c.Configure(t.Context(), discovery.Setup{}); discovery.ClassOf(err) != discovery.PluginInternal {
		t.Errorf("declared but absent: %v", err)
	}
	c = discoverytest.Start(t, discovery.Info{}, func(context.Context, discovery.Setup) (discovery.Configured, error) {
		return discovery.Configured{}, nil
	})
	if _, err := c.Configure(t.Context(), discovery.Setup{}); err == nil {
		t.Error("no strategy, no error")
	}
}

func TestHealthFollowsDiscover(t *testing.T) {
	s := newRegistry()
	c, ctx := start(t, s), t.Context()
	check := func(want discovery.BackendState, class discovery.Class) {
		t.Helper()
		h, err := c.Health(ctx)
		if err != nil || h.Backend != want || discovery.ClassOf(h.LastError) != class {
			t.Errorf("health %+v, %v", h, err)
		}
	}
	check(discovery.BackendUnknown, discovery.NoClass)
	_, ok := c.Discover(ctx)
	check(discovery.BackendOK, discovery.NoClass)
	s.fail = discovery.Errorf(discovery.Auth, "no")
	_, failed := c.Discover(ctx)
	check(discovery.BackendDown, discovery.Auth)
	if ok != nil || discovery.ClassOf(failed) != discovery.Auth {
		t.Errorf("%v, %v", ok, failed)
	}
}

// Cancelled calls return within 250 ms: the best of some trials counts, as a
// busy machine may be late for one.
func TestCancelledCallReturns(t *testing.T) {
	least := time.Hour
	for range 3 {
		least = min(least, cancelledCalls(t))
	}
	if least > 250*time.Millisecond {
		t.Errorf("32 cancelled calls took %v at the least", least)
	}
}

// cancelledCalls returns how long 32 calls take to return once they are
// cancelled.
func cancelledCalls(t *testing.T) time.Duration {
	s := newRegistry()
	s.block, s.inside = make(chan struct{}), make(chan struct{})
	c := start(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, 32)
	for i := range errs {
		wg.Go(func() { _, errs[i] = c.Discover(ctx) })
		<-s.inside
	}
	began := time.Now()
	cancel()
	wg.Wait()
	took := time.Since(began)
	for _, err := range errs {
		if !errors.Is(err, context.Canceled) || discovery.ClassOf(err) != discovery.NoClass {
			t.Fatal(fmt.Errorf("cancelled call: %w", err))
		}
	}
	return took
}

// reporter knows its own health.
type reporter struct{ *registry }

func (reporter) Health(context.Context) (discovery.Health, error) {
	return discovery.Health{Backend: discovery.BackendDegraded, Notes: []string{"slow"}}, nil
}

func TestOwnHealth(t *testing.T) {
	c := start(t, reporter{newRegistry()})
	h, err := c.Health(t.Context())
	if err != nil || h.Backend != discovery.BackendDegraded || len(h.Notes) != 1 {
		t.Errorf("health %+v, %v", h, err)
	}
}

func TestReloadEndsWatches(t *testing.T) {
	c := start(t, newRegistry(), everything...)
	seen, ended := make(chan struct{}, 2), make(chan error, 1)
	go func() {
		ended <- c.Watch(t.Context(), "", func(discovery.Event) error {
			seen <- struct{}{}
			return nil
		})
	}()
	<-seen
	if _, err := c.Configure(t.Context(), discovery.Setup{}); err != nil {
		t.Error(err)
	}
	if err := <-ended; discovery.ClassOf(err) != discovery.BackendUnavailable {
		t.Errorf("the watch ended with %v", err)
	}
}

func TestWhatConfigureSays(t *testing.T) {
	var got discovery.Setup
	c := discoverytest.Start(t, discovery.Info{NeedsClusterKey: true},
		func(_ context.Context, s discovery.Setup) (discovery.Configured, error) {
			got = s
			if len(s.Config) == 0 {
				return discovery.Configured{}, discovery.InvalidConfig("seeds[1]", "no port")
			}
			return discovery.Configured{Strategy: newRegistry(), Warnings: []string{"w"}, NormalForm: []byte(`{"a":1}`)}, nil
		})
	_, err := c.Configure(t.Context(), discovery.Setup{})
	var e *discovery.Error
	if !errors.As(err, &e) || e.Class != discovery.ConfigInvalid || e.Path != "seeds[1]" || e.Reason != "no port" {
		t.Errorf("got %v", err)
	}
	applied, err := c.Configure(t.Context(), discovery.Setup{
		Config: []byte(`{}`), ClusterName: "c", ClusterKey: []byte("key"), Self: discovery.Self{Name: "n@h", Incarnation: 3},
	})
	if err != nil || string(applied.NormalForm) != `{"a":1}` || !slices.Equal(applied.Warnings, []string{"w"}) {
		t.Errorf("applied %+v, %v", applied, err)
	}
	if got.ClusterName != "c" || string(got.ClusterKey) != "key" || got.Self.Incarnation != 3 || got.Logger == nil {
		t.Errorf("the factory saw %+v", got)
	}
}

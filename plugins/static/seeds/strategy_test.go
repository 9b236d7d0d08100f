package seeds

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zone is a resolver over a table; a name that is not there does not exist,
// and one without addresses never answers.
type zone struct {
	mu    sync.Mutex
	names map[string][]string
}

var _ resolver = (*zone)(nil)

func (z *zone) set(name string, addrs ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.names[name] = addrs
}

func (z *zone) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	z.mu.Lock()
	texts, ok := z.names[host]
	z.mu.Unlock()
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(texts) == 0 {
		<-ctx.Done()
		return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}
	if texts[0] == "broken" {
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	}
	var out []netip.Addr
	for _, s := range texts {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

// start returns a client of the plugin with the configuration.
func start(t *testing.T, z *zone, config string) *discovery.Client {
	t.Helper()
	c := discoverytest.Start(t, Info("1"), func(_ context.Context, s discovery.Setup) (discovery.Configured, error) {
		return configure(s, z)
	})
	if _, err := c.Configure(t.Context(), discovery.Setup{Config: []byte(config)}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDiscover(t *testing.T) {
	z := &zone{names: map[string][]string{
		"dual": {"::1", "127.0.0.1"}, "many": {"10.0.0.2", "10.0.0.1", "fd00::1"}, "broken": {"broken"},
	}}
	c := start(t, z, `{"seeds":["a1@dual","dual:5","many:4370","10.9.9.9:1","b@[fd00::9]:2","nowhere","broken:1"]}`)
	got, err := c.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type E = discovery.Endpoint
	want := discovery.Answer{
		Completeness: discovery.Partial,
		ObservedAt:   got.ObservedAt,
		Candidates: []discovery.Candidate{
			{ClaimedName: "a1@dual", Endpoints: []E{{Host: "127.0.0.1"}, {Host: "::1"}}},
			{Endpoints: []E{{Host: "127.0.0.1", Port: 5}, {Host: "::1", Port: 5}}},
			{Endpoints: []E{{Host: "10.0.0.1", Port: 4370}, {Host: "fd00::1", Port: 4370}}},
			{Endpoints: []E{{Host: "10.0.0.2", Port: 4370}}},
			{Endpoints: []E{{Host: "10.9.9.9", Port: 1}}},
			{ClaimedName: "b@fd00::9", Endpoints: []E{{Host: "fd00::9", Port: 2}}},
		},
		Warnings: []string{
			`seeds[5] "nowhere" does not resolve: no such host`,
			`seeds[6] "broken:1" does not resolve: server misbehaving`,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	h, err := c.Health(t.Context())
	if err != nil || h.Backend != discovery.BackendDegraded || len(h.Notes) != 2 {
		t.Errorf("health %+v, %v", h, err)
	}
}

func TestEachRoundResolvesAnew(t *testing.T) {
	z := &zone{names: map[string][]string{"h": {"10.0.0.1"}}}
	c := start(t, z, `{"seeds":"a@h"}`)
	for _, ip := range []string{"10.0.0.1", "10.0.0.2"} {
		z.set("h", ip)
		a, err := c.Discover(t.Context())
		if err != nil || len(a.Candidates) != 1 || a.Candidates[0].Endpoints[0].Host != ip {
			t.Errorf("%s: %+v, %v", ip, a, err)
		}
	}
}

func TestNoneResolves(t *testing.T) {
	z := &zone{names: map[string][]string{"broken": {"broken"}}}
	for config, want := range map[string]discovery.Class{
		`{"seeds":["a@no","b.no:1"]}`:   discovery.SourceNotFound,
		`{"seeds":["a@no","b@broken"]}`: discovery.BackendUnavailable,
	} {
		_, err := start(t, z, config).Discover(t.Context())
		if discovery.ClassOf(err) != want || !strings.Contains(err.Error(), `seeds[0] "a@no" does not resolve`) {
			t.Errorf("%s: %v", config, err)
		}
	}
}

func TestEmptyListIsNoError(t *testing.T) {
	c := start(t, &zone{}, `{}`)
	if a, err := c.Discover(t.Context()); err != nil || len(a.Candidates) != 0 || a.Completeness != discovery.Partial {
		t.Errorf("%+v, %v", a, err)
	}
	applied, err := c.Configure(t.Context(), discovery.Setup{})
	if err != nil || len(applied.Warnings) != 1 || string(applied.NormalForm) != `{"seeds":[]}` {
		t.Errorf("%+v, %v", applied, err)
	}
}

// A name server that never answers costs its own seeds only.
func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{names: map[string][]string{"silent": nil, "h": {"10.0.0.1"}}}
		conf, err := configure(discovery.Setup{Config: []byte(`{"seeds":"a@silent,b@h"}`)}, z)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		a, err := conf.Strategy.Discover(t.Context())
		if err != nil || len(a.Candidates) != 1 || time.Since(began) != lookupTimeout {
			t.Errorf("%+v, %v after %v", a, err, time.Since(began))
		}
		if want := `seeds[0] "a@silent" does not resolve: the name server did not answer in time`; len(a.Warnings) != 1 || a.Warnings[0] != want {
			t.Errorf("warnings %q", a.Warnings)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := conf.Strategy.Discover(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

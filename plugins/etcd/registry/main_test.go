package registry

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
	"github.com/muster-mqtt/muster/plugins/etcd/internal/etcdtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wait bounds everything that a test waits for.
const wait = time.Minute

// etcd is a real one, and a client of its own that looks behind the plugin.
type etcd struct {
	*etcdtest.Cluster
	t *testing.T
	c *clientv3.Client
}

func start(t *testing.T, o etcdtest.Options) *etcd {
	t.Helper()
	o.Dir = t.TempDir()
	cluster, err := etcdtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	e := &etcd{Cluster: cluster, t: t}
	e.as("", "")
	return e
}

// as makes the client that of a user.
func (e *etcd) as(user, password string) {
	e.t.Helper()
	c, err := e.Client(user, password)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = c.Close() })
	e.c = c
}

// plugin returns the strategy for a node of the cluster "c", configured.
func (e *etcd) plugin(n int, more map[string]any) *discovery.Client {
	e.t.Helper()
	return e.of("c", n, more)
}

func (e *etcd) of(cluster string, n int, more map[string]any) *discovery.Client {
	e.t.Helper()
	conf := map[string]any{"server": e.Endpoints(), "prefix": "p"}
	maps.Copy(conf, more)
	raw, err := json.Marshal(conf)
	if err != nil {
		e.t.Fatal(err)
	}
	c := discoverytest.Start(e.t, Info("1"), New)
	if _, err := c.Configure(e.t.Context(), discovery.Setup{Config: raw, Self: self(n), ClusterName: cluster}); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		if err := c.Shutdown(context.Background(), time.Second); err != nil {
			e.t.Error(err)
		}
	})
	return c
}

func (e *etcd) put(key, value string) {
	e.t.Helper()
	if _, err := e.c.Put(e.t.Context(), key, value); err != nil {
		e.t.Fatal(err)
	}
}

func (e *etcd) del(key string) {
	e.t.Helper()
	if _, err := e.c.Delete(e.t.Context(), key); err != nil {
		e.t.Fatal(err)
	}
}

// keys are all that etcd holds.
func (e *etcd) keys() []string {
	e.t.Helper()
	r, err := e.c.Get(e.t.Context(), "", clientv3.WithFromKey(), clientv3.WithKeysOnly())
	if err != nil {
		e.t.Fatal(err)
	}
	var out []string
	for _, kv := range r.Kvs {
		out = append(out, string(kv.Key))
	}
	return out
}

func (e *etcd) leases() int {
	e.t.Helper()
	r, err := e.c.Leases(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	return len(r.Leases)
}

// settles waits until etcd has so many leases: it may end one after the plugin
// has given up waiting for that.
func (e *etcd) settles(leases int) {
	e.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(wait); e.leases() != leases; <-tick.C {
		if time.Now().After(late) {
			e.t.Errorf("%d leases, want %d", e.leases(), leases)
			return
		}
	}
}

// awaits waits until a key is as ok wants it; value and lease of none are empty.
func (e *etcd) awaits(key, what string, ok func(value string, lease int64) bool) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), wait)
	defer cancel()
	r, err := e.c.Get(ctx, key)
	if err != nil {
		e.t.Fatal(err)
	}
	if len(r.Kvs) == 0 && ok("", 0) || len(r.Kvs) == 1 && ok(string(r.Kvs[0].Value), r.Kvs[0].Lease) {
		return
	}
	for changes := range e.c.Watch(ctx, key, clientv3.WithRev(r.Header.Revision+1)) {
		for _, ev := range changes.Events {
			if ev.Type == clientv3.EventTypeDelete && ok("", 0) || ev.Type == clientv3.EventTypePut && ok(string(ev.Kv.Value), ev.Kv.Lease) {
				return
			}
		}
	}
	e.t.Fatalf("%s: not within %v: %s", key, wait, what)
}

func register(t *testing.T, c *discovery.Client, n int, ttl time.Duration) time.Duration {
	t.Helper()
	granted, err := c.Register(t.Context(), self(n), ttl)
	if err != nil {
		t.Fatal(err)
	}
	return granted
}

// names are those of the candidates that the strategy reports.
func names(t *testing.T, c *discovery.Client) []string {
	t.Helper()
	a, err := c.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return namesOf(a)
}

func namesOf(a discovery.Answer) []string {
	out := []string{}
	for _, x := range a.Candidates {
		out = append(out, x.ClaimedName)
	}
	slices.Sort(out)
	return out
}

// events are what a watch tells, with the patience of these tests.
type events struct {
	*discoverytest.Watching
	t *testing.T
}

func watching(t *testing.T, c *discovery.Client) *events {
	t.Helper()
	return &events{discoverytest.Watch(t, c.Watch), t}
}

func (w *events) until(what string, ok func(discovery.Event) bool) {
	w.t.Helper()
	w.Until(wait, what, ok)
}

// snapshotOrEnd is for a watch whose server hangs: it is taken up elsewhere,
// or ends and is for the host to open again, and does not stay silent.
func (w *events) snapshotOrEnd(what string, want ...string) {
	w.t.Helper()
	ended, err := w.UntilOrEnd(wait+pingTime+pingTimeout, what, showing(want))
	if class := discovery.ClassOf(err); ended && class != discovery.BackendUnavailable && class != discovery.Timeout {
		w.t.Errorf("the watch ends with %v", err)
	}
}

func (w *events) snapshot(what string, want ...string) {
	w.t.Helper()
	w.until(what, showing(want))
}

// showing knows the snapshots of these names.
func showing(want []string) func(discovery.Event) bool {
	return func(ev discovery.Event) bool { return ev.Snapshot != nil && slices.Equal(namesOf(*ev.Snapshot), want) }
}

func (w *events) registration(want discovery.RegistrationState) {
	w.t.Helper()
	w.until("the registration", func(ev discovery.Event) bool { return ev.Registration != nil && ev.Registration.State == want })
}

package registry

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/etcd/internal/etcdtest"
)

func entryText(n int, pad string) string {
	return fmt.Sprintf(`{"node_uid":"u%d","name":"n%d@h%d","endpoints":["h%d:1"],"attributes":{"pad":%q}}`, n, n, n, n, pad)
}

// Clusters whose names begin alike, and prefixes within one another, never
// see each other on one etcd, nor does anything beside them.
func TestClustersOnOneEtcd(t *testing.T) {
	e := start(t, etcdtest.Options{})
	for key, n := range map[string]int{
		"/p/a/nodes/n1@h1": 1, "/p/ab/nodes/n2@h2": 2, "/p2/a/nodes/n3@h3": 3, "/p/a/nodes/nodes/n4@h4": 4,
		"/p/a/nodes": 5, "/p/a/nodes0": 6, "/p/a/node/n7@h7": 7, "zzz": 8,
	} {
		e.put(key, entryText(n, ""))
	}
	for cluster, want := range map[string][]string{"a": {"n1@h1"}, "ab": {"n2@h2"}, "b": {}} {
		if diff := cmp.Diff(want, names(t, e.of(cluster, 9, nil))); diff != "" {
			t.Errorf("cluster %s:\n%s", cluster, diff)
		}
	}
	if diff := cmp.Diff([]string{"n3@h3"}, names(t, e.of("a", 9, map[string]any{"prefix": "/p2/"}))); diff != "" {
		t.Error(diff)
	}
}

// More entries than fit one page are all found, in one state of etcd; what is
// no entry is told and harms nothing.
func TestPages(t *testing.T) {
	e := start(t, etcdtest.Options{})
	count := 2*pageSize + pageSize/2
	for n := range count {
		e.put(fmt.Sprintf("/p/c/nodes/n%d@h%d", n, n), entryText(n, ""))
	}
	e.put("/p/c/nodes/lost@h", "n1@h")
	e.put("/p/c/nodes/huge@h", strings.Repeat("x", maxEntry+1))
	c := e.plugin(1, nil)
	a, err := c.Discover(t.Context())
	if err != nil || len(a.Candidates) != count || a.Completeness != discovery.Partial || a.Truncated {
		t.Errorf("%d candidates, %v, %v", len(a.Candidates), a.Completeness, err)
	}
	want := []string{
		`"/p/c/nodes/huge@h" is not the entry of a node: 65537 bytes, over 65536`,
		`"/p/c/nodes/lost@h" is not the entry of a node: not the JSON of an entry`,
	}
	if diff := cmp.Diff(want, a.Warnings); diff != "" {
		t.Error(diff)
	}
	h, err := c.Health(t.Context())
	if err != nil || h.Backend != discovery.BackendDegraded || !slices.Equal(h.Notes, want) {
		t.Errorf("%+v, %v", h, err)
	}
	e.del("/p/c/nodes/lost@h")
	e.del("/p/c/nodes/huge@h")
	if a, err = c.Discover(t.Context()); err != nil || a.Completeness != discovery.Complete || a.SourceRevision == "" {
		t.Errorf("%v, %v", a.Completeness, err)
	}
}

// Somebody fills the key space: the answer is cut off and says so.
func TestTooMuch(t *testing.T) {
	e := start(t, etcdtest.Options{})
	pad := strings.Repeat("x", 60<<10)
	for n := range maxBytes/len(pad) + 5 {
		e.put(fmt.Sprintf("/p/c/nodes/n%d@h%d", n, n), entryText(n, pad))
	}
	a, err := e.plugin(1, nil).Discover(t.Context())
	if err != nil || !a.Truncated || a.Completeness != discovery.Partial || len(a.Candidates) == 0 {
		t.Errorf("%d candidates, truncated %v, %v, %v", len(a.Candidates), a.Truncated, a.Completeness, err)
	}
}

// A page that no legitimate entries could fill is refused before it is held.
func TestHugePage(t *testing.T) {
	e := start(t, etcdtest.Options{})
	for n := range 10 {
		e.put(fmt.Sprint("/p/c/nodes/", n), strings.Repeat("x", 1<<20))
	}
	_, err := e.plugin(1, nil).Discover(t.Context())
	if discovery.ClassOf(err) != discovery.BackendUnavailable || !strings.Contains(err.Error(), "larger than max") {
		t.Error(err)
	}
}

// A claim has the key that the README shows, no lease, and one winner.
func TestClaim(t *testing.T) {
	e := start(t, etcdtest.Options{})
	c := e.plugin(1, nil)
	for _, value := range []string{"one", "two"} {
		if got, err := c.Claim(t.Context(), "c", []byte(value)); err != nil || string(got) != "one" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if diff := cmp.Diff([]string{"/p/c/claim"}, e.keys()); diff != "" || e.leases() != 0 {
		t.Errorf("%s, %d leases", diff, e.leases())
	}
	if names := names(t, c); len(names) != 0 {
		t.Errorf("the claim is taken for %v", names)
	}
	for _, bad := range []struct{ key, value string }{{"", "v"}, {"c", ""}, {"c", strings.Repeat("v", maxClaim+1)}} {
		if _, err := c.Claim(t.Context(), bad.key, []byte(bad.value)); discovery.ClassOf(err) != discovery.PluginInternal {
			t.Errorf("%.10q %.10q: %v", bad.key, bad.value, err)
		}
		if _, err := c.Unclaim(t.Context(), bad.key, []byte(bad.value)); discovery.ClassOf(err) != discovery.PluginInternal {
			t.Errorf("%.10q %.10q: %v", bad.key, bad.value, err)
		}
	}
}

// What answers at the address need not be etcd.
func TestNotEtcd(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	e := start(t, etcdtest.Options{})
	for _, server := range []string{web.URL, "http://127.0.0.1:1"} {
		_, err := e.plugin(1, map[string]any{"server": server}).Discover(t.Context())
		if class := discovery.ClassOf(err); class != discovery.BackendUnavailable && class != discovery.Timeout {
			t.Errorf("%s: %v", server, err)
		}
	}
}

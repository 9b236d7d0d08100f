package registry

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-mqtt/muster/discovery"
)

func self(n int) discovery.Self {
	return discovery.Self{
		NodeUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), Incarnation: 3, Role: "core", Name: fmt.Sprintf("n%d@127.0.0.%d", n, n),
		Endpoints: []discovery.Endpoint{{Host: fmt.Sprintf("127.0.0.%d", n), Port: uint16(4370 + n)}},
	}
}

// What an operator reads with etcdctl get --prefix.
func TestKeysAndEntry(t *testing.T) {
	keys := space{"mustercl", "prod"}
	if got := keys.node("n1@h"); got != "/mustercl/prod/nodes/n1@h" {
		t.Error(got)
	}
	if got := keys.claim("prod"); got != "/mustercl/prod/claim" {
		t.Error(got)
	}
	s := self(1)
	s.Attributes = map[string]string{"zone": "b", "a": "1"}
	e, err := entryOf(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"node_uid":"00000000-0000-4000-8000-000000000001","name":"n1@127.0.0.1","incarnation":3,"role":"core",` +
		`"endpoints":["127.0.0.1:4371"],"attributes":{"a":"1","zone":"b"}}`
	if got, err := e.encode(); got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

// Whatever clusters and nodes are called, no key of one cluster is in the
// range of another under the same prefix, nor taken for an entry of another
// under a longer prefix.
func TestClustersNeverMeet(t *testing.T) {
	for _, pair := range [][2]string{{"a", "ab"}, {"a", "a/nodes"}, {"a/b", "a%2Fb"}, {"", "a"}, {"..", "."}} {
		apart(t.Fatalf, space{"p", pair[0]}, space{"p", pair[1]})
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[ab/%.]{1,4}`)
		x, y := space{"p", name.Draw(t, "x")}, space{"p", name.Draw(t, "y")}
		if x.cluster != y.cluster {
			apart(t.Fatalf, x, y)
		}
	})
	outer, inner := space{"p", "c"}, space{"p/c", "nodes"}
	if key := inner.node("n@h"); strings.HasPrefix(key, outer.nodes()) && !strings.Contains(outer.nameOf(key), "/") {
		t.Errorf("%s is taken for a node of %s", key, outer.nodes())
	}
}

func apart(fail func(string, ...any), x, y space) {
	for _, key := range []string{y.node("n@h"), y.claim(y.cluster), y.nodes()} {
		if strings.HasPrefix(key, x.nodes()) || key == x.claim(x.cluster) {
			fail("the key %s of %q is within those of %q", key, y.cluster, x.cluster)
		}
	}
}

func TestDecode(t *testing.T) {
	type E = discovery.Endpoint
	for text, want := range map[string]discovery.Candidate{
		`{"node_uid":"u","name":"n@h","endpoints":["h:1","[::1]:2"],"readiness":"READY","new":{}}`: {
			NodeUID: "u", ClaimedName: "n@h", Endpoints: []E{{Host: "h", Port: 1}, {Host: "::1", Port: 2}}, Readiness: discovery.Ready, Revision: "7"},
		`{"node_uid":"u","name":"n@::1"}`: {
			NodeUID: "u", ClaimedName: "n@::1", Endpoints: []E{{Host: "::1"}}, Revision: "7"},
		`{"node_uid":"u","name":"n@h","endpoints":["h:0"],"readiness":"perhaps"}`: {
			NodeUID: "u", ClaimedName: "n@h", Endpoints: []E{{Host: "h"}}, Revision: "7"},
	} {
		e, err := decode([]byte(text))
		if diff := cmp.Diff(want, e.candidate(7)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	many := strings.Repeat(`"h:1",`, maxEndpoints) + `"h:1"`
	for text, want := range map[string]string{
		``:                                "JSON",
		`n1@h`:                            "JSON",
		`[]`:                              "JSON",
		`{}`:                              "node_uid",
		`{"a":1}`:                         "node_uid",
		`{"node_uid":"a b","name":"n@h"}`: "node_uid",
		`{"node_uid":"u"}`:                "name",
		`{"node_uid":"u","name":"n"}`:     "name",
		`{"node_uid":"u","name":"a/n@h"}`: "name",
		`{"node_uid":"u","name":"n@h\n"}`: "name",
		`{"node_uid":"u","name":"n@"}`:    "name",
		`{"node_uid":"u","name":"n@h","endpoints":["h"]}`:                "endpoints[0]",
		`{"node_uid":"u","name":"n@h","endpoints":["h:1","h:65536"]}`:    "endpoints[1]",
		`{"node_uid":"u","name":"n@h","endpoints":[":1"]}`:               "endpoints[0]",
		`{"node_uid":"u","name":"n@h","endpoints":["bücher.example:1"]}`: "endpoints[0]",
		`{"node_uid":"u","name":"n@h","endpoints":[` + many + `]}`:       "endpoints",
		strings.Repeat(" ", maxEntry+1):                                  "bytes",
	} {
		if e, err := decode([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %+v, %v, want an error with %q", text, e, err, want)
		}
	}
}

// Names that cannot be keys are refused before they come to etcd.
func TestEntryOfRefuses(t *testing.T) {
	for _, name := range []string{"", "n", "a/b@h", "n@h h", "n@\x00", strings.Repeat("n", maxName) + "@h"} {
		s := self(1)
		s.Name = name
		if _, err := entryOf(s); err == nil {
			t.Errorf("%q is let through", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"node_uid":"u","name":"n@h","endpoints":["h:1","[::1]:2"],"readiness":"ready","attributes":{"a":"b"}}`))
	f.Add([]byte(`{"node_uid":"u","name":"n@::1"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := decode(text)
		if err != nil {
			return
		}
		c := e.candidate(1)
		if len(c.Endpoints) == 0 || len(c.Endpoints) > maxEndpoints || strings.Contains(e.Name, "/") {
			t.Fatalf("%q is let through as %+v", text, c)
		}
		for _, x := range c.Endpoints {
			if x.Host == "" || strings.ContainsAny(x.Host, " /\n\"") {
				t.Fatalf("%q has the endpoint %+v", text, x)
			}
		}
	})
}

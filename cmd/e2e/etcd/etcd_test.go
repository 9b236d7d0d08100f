package etcd

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Three nodes that start at once are one cluster, under one claim; each has
// an entry that ends with an orderly stop, and the claim goes by the
// operator's word only.
func TestFormation(t *testing.T) {
	b := newBackend(t)
	began := time.Now()
	nodes := b.startAll(t.TempDir(), 1, 2, 3)
	one(t, nodes...)
	t.Logf("three nodes were one cluster %v after their start", time.Since(began).Round(time.Millisecond))
	entries := func(names ...string) []string {
		var out []string
		for _, name := range names {
			out = append(out, "/conf/mustercl/nodes/"+name)
		}
		return out
	}
	until(t, "three entries", func() bool {
		return slices.Equal(b.inspect().Entries, entries("n1@127.0.0.1", "n2@127.0.0.1", "n3@127.0.0.1"))
	})
	if diff := cmp.Diff([]string{"/conf/mustercl/claim"}, b.inspect().Claims); diff != "" {
		t.Error(diff)
	}
	until(t, "the state of the strategy", func() bool {
		s := nodes[0].muster("discovery", "status")
		return strings.Contains(s, "registered") && strings.Contains(s, "ok")
	})
	if err := nodes[2].Stop(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(entries("n1@127.0.0.1", "n2@127.0.0.1"), b.inspect().Entries); diff != "" {
		t.Errorf("after an orderly stop:\n%s", diff)
	}
	if got := nodes[0].muster("discovery", "unclaim"); got != "Removed the claim of the cluster at etcd." || len(b.inspect().Claims) != 0 {
		t.Errorf("%q leaves %q", got, b.inspect().Claims)
	}
}

// Etcd may be gone for longer than the entries live: every node stays a
// member, the loss and the restoration are told, and a late node joins.
func TestOutage(t *testing.T) {
	b := newBackend(t)
	root := t.TempDir()
	nodes := b.startAll(root, 1, 2)
	one(t, nodes...)
	until(t, "two entries", func() bool { return len(b.inspect().Entries) == 2 })
	b.do("fault", "down", "on")
	for _, n := range nodes {
		until(t, n.name+" tells that its entry is lost", func() bool { return strings.Contains(n.Log(), "registration LOST") })
	}
	one(t, nodes...)
	b.do("fault", "down", "off")
	for _, n := range nodes {
		until(t, n.name+" tells that its entry is back", func() bool { return strings.Contains(n.Log(), "registration RESTORED") })
	}
	nodes = append(nodes, b.startAll(root, 3)...)
	one(t, nodes...)
	for _, n := range nodes {
		if strings.Contains(n.Log(), "the-password-of-muster") {
			t.Errorf("the log of %s holds the password", n.name)
		}
	}
}

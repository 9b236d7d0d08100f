package etcd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// Each node has an entry that ends with an orderly stop, and the strategy's
// state is told; the claim goes by the operator's word only.
func TestEntries(t *testing.T) {
	t.Parallel()
	e := bin.Etcd(t)
	nodes := newNodes(t, e, "mustercl", 1, 3)
	startAll(nodes)
	kit.One(t, formed, nodes...)
	all := []string{"claim", "nodes/n1@127.0.0.1", "nodes/n2@127.0.0.1", "nodes/n3@127.0.0.1"}
	kit.Until(t, formed, "three entries", func() bool { return slices.Equal(keys(t, e, "mustercl"), all) })
	kit.Until(t, formed, "the state of the strategy", func() bool {
		s := nodes[0].Muster("discovery", "status")
		return strings.Contains(s, "registered") && strings.Contains(s, "ok")
	})
	nodes[2].Stop()
	if diff := cmp.Diff(all[:3], keys(t, e, "mustercl")); diff != "" {
		t.Errorf("after an orderly stop:\n%s", diff)
	}
	if got := nodes[0].Muster("discovery", "unclaim"); got != "Removed the claim of the cluster at etcd." {
		t.Errorf("unclaim says %q", got)
	}
	if diff := cmp.Diff(all[1:3], keys(t, e, "mustercl")); diff != "" {
		t.Errorf("after unclaim:\n%s", diff)
	}
}

// Etcd is stopped for longer than the entries live, under MQTT load: every
// node stays a member, no message is lost, the loss of the entries and their
// restoration are told, and a node that was started meanwhile joins.
func TestOutage(t *testing.T) {
	t.Parallel()
	e := bin.Etcd(t)
	all := newNodes(t, e, "outage", 1, 5)
	nodes, during, after := all[:3], all[3:4], all[4:]
	startAll(nodes)
	kit.One(t, formed, nodes...)
	kit.Until(t, formed, "three entries", func() bool { return len(keys(t, e, "outage")) == 4 })
	load := kit.StartLoad(t, "outage", nodes[0], nodes[1])
	do(t, e, "fault", "stopped", "on")
	length := kit.Choose(15*time.Second, 120*time.Second)
	lasting(t, length-5*time.Second, nodes)
	startAll(during)
	lasting(t, 5*time.Second, nodes)
	told(t, nodes, "registration LOST", formed)
	do(t, e, "fault", "stopped", "off")
	began := time.Now()
	told(t, nodes, "registration RESTORED", formed)
	restored := time.Since(began)
	startAll(after)
	kit.One(t, formed, all...)
	t.Logf("after %v without etcd: entries restored after %v, all %d nodes one cluster after %v", length,
		restored.Round(time.Millisecond), len(all), time.Since(began).Round(time.Millisecond))
	for _, n := range nodes {
		kit.Until(t, formed, n.Name+" says that it is registered", func() bool { return n.Strategy("etcd").Registration == "registered" })
		if lost := n.Logged("member changed", "to=failed"); len(lost) > 0 {
			t.Errorf("%s has lost a member: %s", n.Name, lost[0])
		}
		if strings.Contains(n.Log(), "the-password-of-muster") {
			t.Errorf("the log of %s holds the password", n.Name)
		}
	}
	if restored > 15*time.Second {
		t.Errorf("the entries were restored after %v", restored)
	}
	sent, slowest := load.End()
	t.Logf("%d messages, none lost; the slowest was acknowledged after %v", sent, slowest.Round(time.Millisecond))
}

// lasting fails the test unless the nodes are one cluster for so long.
func lasting(t *testing.T, d time.Duration, nodes []*kit.Node) {
	t.Helper()
	if err := kit.Stays(d, nodes...); err != nil {
		t.Fatalf("the outage: %v", err)
	}
}

// told waits until the log of each node has the words.
func told(t *testing.T, nodes []*kit.Node, words string, within time.Duration) {
	t.Helper()
	for _, n := range nodes {
		kit.Until(t, within, fmt.Sprintf("%s tells %q", n.Name, words), func() bool { return len(n.Logged(words)) > 0 })
	}
}

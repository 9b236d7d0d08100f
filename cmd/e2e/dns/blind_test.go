package dns

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// pollSpread is how much longer than the TTL a node waits at most before it
// asks again.
const pollSpread = 1.2

// Nodes that see only themselves at first boot, for long enough that each has
// founded a cluster of its own, are one cluster within two polls of the names
// being put right. No client is dropped, and no route is lost.
func TestMutuallyBlindFirstBoot(t *testing.T) {
	t.Parallel()
	ttl, blind := kit.Choose(time.Second, 5*time.Second), kit.Choose(5*time.Second, 30*time.Second)
	server := bin.Names(t)
	name := func(i int) string { return fmt.Sprintf("n%d.test", i+1) }
	nodes := newNodes(t, server.Addr, 3, name)
	var alone, together []string
	for i, n := range nodes {
		n.Conf += "\ncluster.form_after = " + kit.Choose("3s", "15s")
		alone = append(alone, list(name(i), ttl, n)...)
		together = append(together, list(name(i), ttl, nodes...)...)
	}
	server.Zone(alone...)
	began := time.Now()
	startAll(nodes)
	clients := crowd(nodes)
	kit.Pass(blind - time.Since(began))
	for _, n := range nodes {
		kit.One(t, formed, n)
	}
	if uids := clusters(nodes); len(uids) != len(nodes) {
		t.Fatalf("%d nodes that see only themselves are in the clusters %q", len(nodes), uids)
	}
	server.Zone(together...)
	took := kit.One(t, formed, nodes...)
	t.Logf("blind for %v; one cluster %v after the names were right, with polls each %v", blind, took.Round(time.Millisecond), ttl)
	if most := time.Duration(float64(2*ttl)*pollSpread) + time.Second; took > most {
		t.Errorf("one cluster after %v, want two polls, %v", took, most)
	}
	sameRoutes(t, nodes)
	converse(clients)
}

// clusters are the uids of the clusters that the nodes are in.
func clusters(nodes []*kit.Node) []string {
	var uids []string
	for _, n := range nodes {
		uids = append(uids, n.ClusterUID())
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}

// crowd connects a client to each node, which subscribes to what is for it and
// to what is for all.
func crowd(nodes []*kit.Node) (out []*kit.Client) {
	for i, n := range nodes {
		n.Ready()
		out = append(out, n.Connect(fmt.Sprint("client", i)).Sub(fmt.Sprintf("to/%d", i), "all/#"))
	}
	return out
}

// converse has each client write to each other and to all, and checks that
// they were never dropped.
func converse(clients []*kit.Client) {
	for i, from := range clients {
		for j, to := range clients {
			from.Pub(fmt.Sprintf("to/%d", j), fmt.Sprint("from ", i))
			to.Next(fmt.Sprintf("to/%d=from %d", j, i))
		}
		from.Pub("all/x", fmt.Sprint("from ", i))
		for _, to := range clients {
			to.Next(fmt.Sprint("all/x=from ", i))
		}
	}
	for _, c := range clients {
		c.Undropped()
	}
}

// sameRoutes waits until every node has the same routes: what each client of
// crowd has subscribed to.
func sameRoutes(t *testing.T, nodes []*kit.Node) {
	t.Helper()
	for _, n := range nodes {
		kit.Until(t, formed, n.Name+" has all routes", func() bool {
			out := n.Muster("routes")
			for i, owner := range nodes {
				if !hasRoute(out, fmt.Sprintf("to/%d", i), owner.Name) || !hasRoute(out, "all/#", owner.Name) {
					return false
				}
			}
			return true
		})
	}
}

func hasRoute(table, filter, node string) bool {
	for line := range strings.Lines(table) {
		if slices.Equal(strings.Fields(line), []string{filter, node}) {
			return true
		}
	}
	return false
}

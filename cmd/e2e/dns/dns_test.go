package dns

import (
	"slices"
	"testing"
	"time"
)

// Three nodes that know a name become one cluster, at the ports of its SRV
// records. A name server that goes costs nobody its membership, and one that
// comes back lets a new node in.
func TestFormation(t *testing.T) {
	nodes := newNodes(t, 4)
	zone := newZone(t)
	zone.start(nodes[:3])
	for _, n := range nodes {
		n.server = zone.addr()
	}
	began := time.Now()
	for _, n := range nodes[:3] {
		n.start()
	}
	one(t, nodes[:3])
	t.Logf("three nodes were one cluster %v after their start", time.Since(began).Round(time.Millisecond))
	for _, n := range nodes[:3] {
		t.Logf("the plugin of %s holds %d KB", n.name, n.pluginRSS())
	}

	zone.kill()
	until(t, "the plugin of the first node says that the server is gone", func() bool {
		return nodes[0].has("nothing listens at "+zone.addr(), "plugins")
	})
	one(t, nodes[:3])

	zone.start(nodes)
	nodes[3].start()
	one(t, nodes)

	// The name is gone, the members stay.
	zone.kill()
	zone.start(nil)
	until(t, "the plugin of the first node says that the name is gone", func() bool {
		return nodes[0].has("NXDOMAIN", "plugins")
	})
	one(t, slices.Clone(nodes))
}

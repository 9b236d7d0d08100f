package dns

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// Two clusters of one name, each at work, of which one learns of the other:
// they are merged without a restart. Clients stay connected, retained messages
// of both are at every node, and sessions keep what waits for them.
func TestMergeOfTwoClusters(t *testing.T) {
	t.Parallel()
	const ttl = time.Second
	server := bin.Names(t)
	nodes := newNodes(t, server.Addr, 4, func(i int) string { return []string{"left.test", "right.test"}[i/2] })
	left, right := nodes[:2], nodes[2:]
	server.Zone(append(list("left.test", ttl, left...), list("right.test", ttl, right...)...)...)
	startAll(left)
	kit.One(t, formed, left...)
	older := left[0].ClusterUID()
	startAll(right)
	kit.One(t, formed, right...)
	clients := crowd(nodes)
	for _, s := range []struct {
		side, other *kit.Client
		at          *kit.Node
		id          string
	}{{clients[0], clients[1], left[0], "a"}, {clients[2], clients[3], right[0], "b"}} {
		s.side.Retain("keep/"+s.id, "of "+s.id)
		s.side.Retain("keep/both", "of "+s.id) // b's is the later
		s.at.Resume("session " + s.id).Sub("session/" + s.id).Disconnect(100)
		s.other.Pub("session/"+s.id, "before")
	}
	pids := running(nodes)
	server.Zone(append(list("left.test", ttl, nodes...), list("right.test", ttl, right...)...)...)
	took := kit.One(t, formed, nodes...)
	t.Logf("one cluster %v after one of the two could know of the other", took.Round(time.Millisecond))
	if now := nodes[3].ClusterUID(); now != older {
		t.Errorf("the cluster is %s, want the one founded earlier, %s", now, older)
	}
	if !slices.Equal(pids, running(nodes)) {
		t.Error("a node was restarted")
	}
	sameRoutes(t, nodes)
	converse(clients)
	kept(t, nodes)
	clients[3].Pub("session/a", "after")
	clients[0].Pub("session/b", "after")
	for id, at := range map[string]*kit.Node{"a": left[0], "b": right[0]} {
		c := at.Resume("session " + id)
		if !c.Present {
			t.Errorf("the session %s is gone", id)
		}
		c.Next("session/"+id+"=before", "session/"+id+"=after")
	}
}

func running(nodes []*kit.Node) (pids []int) {
	for _, n := range nodes {
		pids = append(pids, n.PID())
	}
	return pids
}

// kept checks the retained messages at every node: those of both sides, and
// the later one where both had one.
func kept(t *testing.T, nodes []*kit.Node) {
	t.Helper()
	want := map[string]bool{"keep/a=of a": true, "keep/b=of b": true, "keep/both=of b": true}
	for _, n := range nodes {
		kit.Until(t, formed, n.Name+" has the retained messages of both sides", func() bool {
			c := n.Connect("reader")
			defer c.Disconnect(0)
			got := c.Sub("keep/#").Within(200*time.Millisecond, len(want))
			return maps.Equal(got, want)
		})
	}
}

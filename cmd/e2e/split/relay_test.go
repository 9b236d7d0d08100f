//go:build linux

package split

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/lab"
)

// The way between two of three real nodes is cut by a silent network: the third
// relays before anybody is stopped, messages at QoS 1 that are published while
// it happens arrive once and in order, and the link is direct again soon after
// the heal.
func TestRelayOfRealProcesses(t *testing.T) {
	l := lab.New(t, 3)
	build(t)
	var nodes []*node
	for i := range l.Hosts {
		nodes = append(nodes, startNode(t, l, i))
	}
	sees(t, 15*time.Second, nodes, nil)
	a := newClient(t, l.Hosts[0], "a", "none")
	c := newClient(t, l.Hosts[2], "c", "t/#")
	for round := range 2 {
		l.Cut(l.Hosts[0], l.Hosts[2])
		sent := 0
		for cut := time.Now(); time.Since(cut) < length(); sent++ {
			a.publish("t/x", fmt.Sprint(round, ".", sent))
			a.expect(fmt.Sprintf("acked t/x=%d.%d", round, sent))
			c.expect(fmt.Sprintf("got t/x=%d.%d", round, sent))
			for _, n := range nodes {
				if got := n.muster("cluster", "status"); strings.Contains(got, "stopped") {
					t.Fatalf("%s after the cut %s sees %s", time.Since(cut), n.name, got)
				}
			}
		}
		if open := kit.Count(t, nodes[1].dir, "relays_opened_total") - kit.Count(t, nodes[1].dir, "relays_closed_total"); open < 2 {
			t.Errorf("round %d: the node between passes on %v connections", round, open)
		}
		l.HealAll()
		took := kit.Until(t, 10*time.Second, "the link is direct again", func() bool {
			return kit.Count(t, nodes[1].dir, "relays_opened_total") == kit.Count(t, nodes[1].dir, "relays_closed_total")
		})
		t.Logf("round %d: %d messages through the cut; direct again %s after the heal", round, sent, took)
		sees(t, 5*time.Second, nodes, nil)
	}
	if kit.Count(t, nodes[1].dir, "frames_relayed_total") == 0 {
		t.Error("no relayed frame is counted")
	}
}

package node

import (
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/replica"
)

// A counter never falls, also when the peer that it was about is forgotten,
// and no name comes twice.
func TestCountersNeverFall(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _, _ := c.three()
		before := map[core.Count]uint64{}
		a.mu.Lock()
		for _, p := range a.peers {
			p.copy.Delta(replica.Delta{Incarnation: 1, From: 2, To: 1})
		}
		a.mu.Unlock()
		for _, n := range a.Counters() {
			key := core.Count{Name: n.Name, Reason: n.Reason}
			if _, twice := before[key]; twice {
				t.Errorf("%v comes twice", key)
			}
			before[key] = n.Value
		}
		malformed := core.Count{Name: "table_messages_ignored_total", Reason: "malformed"}
		if before[malformed] != 2 {
			t.Errorf("malformed messages of two peers: %d", before[malformed])
		}
		if err := a.ForceLeave(t.Context(), "n3@n3"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for _, n := range a.Counters() {
			if was := before[core.Count{Name: n.Name, Reason: n.Reason}]; n.Value < was {
				t.Errorf("%s %s fell from %d to %d", n.Name, n.Reason, was, n.Value)
			}
		}
	})
}

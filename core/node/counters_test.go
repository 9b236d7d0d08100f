package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/replica"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// A counter never falls, also when the peer that it was about is forgotten,
// and no name comes twice.
func TestCountersNeverFall(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _, _ := c.three()
		before := map[core.Count]uint64{}
		a.Node.mu.Lock()
		for _, p := range a.peers {
			p.copy.Delta(replica.Delta{Incarnation: 1, From: 2, To: 1})
		}
		a.Node.mu.Unlock()
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

// Each refused hello is counted once, by its reason.
func TestRefusedHellosByReason(t *testing.T) {
	refusal := func(code wire.Code) error {
		return fmt.Errorf("x: %w", &wire.Refusal{Refuse: wire.Refuse{Code: code}})
	}
	for want, errs := range map[string][]error{
		"not_proved":    {nil, transport.ErrClosed, errors.New("x"), refusal(wire.RefuseBusy)},
		"other_cluster": {refusal(wire.RefuseCluster)}, "other_protocol": {refusal(wire.RefuseVersion)},
		"other_cookie": {refusal(wire.RefuseProof)}, "certificate_of_another_host": {refusal(wire.RefuseCertificate)},
		"malformed": {fmt.Errorf("x: %w", wire.ErrMalformed), transport.ErrFrameTooLong},
	} {
		var c counters
		for _, err := range errs {
			c.helloRefused(err)
		}
		for _, n := range c.counts() {
			expect := uint64(0)
			if n.Name == "hellos_refused_total" && n.Reason == want {
				expect = uint64(len(errs))
			}
			if n.Value != expect {
				t.Errorf("%v: %s %s is %d, want %d", errs, n.Name, n.Reason, n.Value, expect)
			}
		}
	}
}

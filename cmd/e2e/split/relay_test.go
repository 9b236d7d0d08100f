//go:build linux

package split

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/lab"
	"github.com/muster-mqtt/muster/transport/tcp/certtest"
)

// The way between two of three real nodes is cut by a silent network: the third
// relays before anybody is stopped, messages at QoS 1 that are published while
// it happens arrive once and in order, and the link is direct again soon after
// the heal. With TLS between the nodes it is the same.
func TestRelayOfRealProcesses(t *testing.T) {
	build(t)
	for _, c := range []struct {
		proto  string
		rounds int
	}{{"inet_tcp", kit.Choose(1, 3)}, {"inet_tls", 1}} {
		t.Run(c.proto, func(t *testing.T) {
			l := lab.New(t, 3)
			x := &crossing{t: t, l: l, nodes: startAll(t, l, c.proto)}
			x.from = newClient(t, l.Hosts[0], "a", "none")
			x.to = newClient(t, l.Hosts[2], "c", "t/#")
			routed(t, x.nodes, x.nodes[2], "t/#")
			for round := range c.rounds {
				x.round(round)
			}
		})
	}
}

// startAll starts a node on each host, each with a certificate of its own.
func startAll(t *testing.T, l *lab.Lab, proto string) (nodes []*node) {
	t.Helper()
	ca := certtest.New(t)
	for i, h := range l.Hosts {
		cert, key := ca.Issue(certtest.Cert{Hosts: []string{h.Addr()}})
		nodes = append(nodes, startNode(t, l, i, "node.proto_dist = "+proto,
			fmt.Sprintf("node.ssl_dist = { cacertfile = %q, certfile = %q, keyfile = %q }", ca.File, cert, key)))
	}
	sees(t, time.Minute, nodes, nil)
	return nodes
}

// crossing are three nodes, and clients at the first and the last of them.
type crossing struct {
	t        *testing.T
	l        *lab.Lab
	nodes    []*node
	from, to *client
}

// round cuts the way between the first and the last node for a while.
func (x *crossing) round(round int) {
	x.t.Helper()
	x.l.Cut(x.l.Hosts[0], x.l.Hosts[2])
	sent := 0
	for cut := time.Now(); time.Since(cut) < length(); sent++ {
		x.from.publish("t/x", fmt.Sprint(round, ".", sent))
		x.from.expect(fmt.Sprintf("acked t/x=%d.%d", round, sent))
		x.to.expect(fmt.Sprintf("got t/x=%d.%d", round, sent))
		for _, n := range x.nodes {
			if got := n.muster("cluster", "status"); strings.Contains(got, "stopped") {
				x.t.Fatalf("%s after the cut %s sees %s", time.Since(cut), n.name, got)
			}
		}
	}
	between := x.nodes[1].dir
	open := func() float64 {
		return kit.Count(x.t, between, "relays_opened_total") - kit.Count(x.t, between, "relays_closed_total")
	}
	if open() < 2 || kit.Count(x.t, between, "frames_relayed_total") == 0 {
		x.t.Errorf("round %d: the node between passes on %v connections", round, open())
	}
	x.l.HealAll()
	took := kit.Until(x.t, time.Minute, "the link is direct again", func() bool { return open() == 0 })
	x.t.Logf("round %d: %d messages through the cut; direct again %s after the heal", round, sent, took)
	sees(x.t, time.Minute, x.nodes, nil)
}

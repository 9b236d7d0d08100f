package dns

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/discovery/discoverytest/dnsmasq"
)

// publish starts the server with a record for each node.
func publish(server *dnsmasq.Server, nodes []*kit.Node) {
	records := []string{"--local-ttl=1", "--host-record=nodes.test,127.0.0.1"}
	for _, n := range nodes {
		records = append(records, fmt.Sprintf("--srv-host=_muster._tcp.test,nodes.test,%d", n.Port))
	}
	server.Start("test", records...)
}

// Three nodes that know a name become one cluster, at the ports of its SRV
// records. A name server that goes costs nobody its membership, and one that
// comes back lets a new node in.
func TestFormationByDnsmasq(t *testing.T) {
	t.Parallel()
	server := dnsmasq.New(t)
	nodes := newNodes(t, server.Addr(), 4, func(int) string { return "_muster._tcp.test" })
	publish(server, nodes[:3])
	startAll(nodes[:3])
	took := kit.One(t, formed, nodes[:3]...)
	t.Logf("three nodes were one cluster %v after their start", took.Round(time.Millisecond))

	server.Stop()
	kit.Until(t, formed, "the plugin of the first node says that the server is gone", func() bool {
		return strings.Contains(nodes[0].Muster("plugins"), "nothing listens at "+server.Addr())
	})
	kit.One(t, formed, nodes[:3]...)

	publish(server, nodes)
	startAll(nodes[3:])
	kit.One(t, formed, nodes...)

	// The name is gone, the members stay.
	publish(server, nil)
	kit.Until(t, formed, "the plugin of the first node says that the name is gone", func() bool {
		return strings.Contains(nodes[0].Muster("plugins"), "NXDOMAIN")
	})
	kit.One(t, formed, nodes...)
}

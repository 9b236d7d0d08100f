package transport_test

import (
	"fmt"
	"testing"

	suite "github.com/muster-mqtt/muster/conformance/transport"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/nats"
	"github.com/muster-mqtt/muster/transport/nats/natstest"
	client "github.com/nats-io/nats.go"
)

// TestNATS runs the suite over one NATS server, and over three of a cluster
// with each node at another.
func TestNATS(t *testing.T) {
	t.Run("one server", func(t *testing.T) { suite.Run(t, natsHarness(natstest.Start(t))) })
	t.Run("three servers", func(t *testing.T) { suite.Run(t, natsHarness(natstest.Cluster(t, 3)...)) })
}

func natsHarness(servers ...*natstest.Server) suite.Harness {
	made := 0 // each case has nodes of its own
	return suite.Harness{
		New: func(t testing.TB, n int) []transport.Transport {
			var all []transport.Transport
			for i := range n {
				made++
				one, err := nats.Listen(nats.Options{
					URLs: []string{servers[i%len(servers)].URL()}, Cluster: "suite", UID: natsUID(made), MaxPending: 20,
				})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, one)
			}
			return all
		},
		Refused:    func(testing.TB) string { return natsUID(0) },
		Silent:     func(t testing.TB) string { return natsDeaf(t, servers[0]) },
		MaxPending: 20, Reliable: true, Ordered: true,
	}
}

func natsUID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// natsDeaf returns the uid of a node whose subjects are heard, and no more.
func natsDeaf(t testing.TB, s *natstest.Server) string {
	const silent = 999_999
	c, err := client.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	_, subjects := nats.Permissions("suite", natsUID(silent))
	for _, subject := range subjects {
		if _, err := c.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	return natsUID(silent)
}

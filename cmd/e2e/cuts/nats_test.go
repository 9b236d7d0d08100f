package cuts

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/nats"
	"github.com/muster-mqtt/muster/transport/nats/natstest"
)

// TestCutsNATS: 1000 cuts of links over NATS, whose server is restarted ten
// times meanwhile.
func TestCutsNATS(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	l := &links{rand: rand.New(rand.NewPCG(seed, 1))}
	server := natstest.Start(t)
	var ts []transport.Transport
	for i := range nodes {
		tr, err := nats.Listen(nats.Options{URLs: []string{server.URL()}, Cluster: "cuts", UID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i)})
		if err != nil {
			t.Fatal(err)
		}
		ts = append(ts, &cutting{tr, l})
	}
	(&trial{t: t, links: l, cuts: cutsOf(40), also: func(int) { server.Restart() }}).run(ts)
}

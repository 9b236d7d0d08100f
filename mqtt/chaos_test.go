package mqtt

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestChaos lets connections of few client IDs, claims of other nodes,
// deliveries and lists run into each other. At the end the cluster knows
// exactly the subscriptions of the sessions that are left.
func TestChaos(t *testing.T) {
	f := onTCP(t, Limits{MaxInflight: 4, OutBuffer: 4000, MaxQueue: 50})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var actors sync.WaitGroup
	for i := range 8 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		actors.Go(func() {
			for range 100 {
				f.act(rng)
			}
		})
	}
	actors.Wait()
	for _, id := range ids {
		f.connect(id, true, false).send(empty(packet.TypeDisconnect))
	}
	if err := f.broker.Close(); err != nil {
		t.Error(err)
	}
	if n := f.cluster.subscriptions(); n != 0 || len(f.broker.places) != 0 {
		t.Errorf("%d subscriptions and %d places are left", n, len(f.broker.places))
	}
	f.wantCount("mqtt_panics_total", "", 0)
}

var ids = []string{"a", "b", "c"}

// act does one random thing.
func (f *fixture) act(rng *rand.Rand) {
	id := ids[rng.IntN(len(ids))]
	switch rng.IntN(6) {
	case 0:
		f.broker.TakenOver(id, f.cluster.Claim(id, true), rng.IntN(2) == 0)
	case 1:
		f.broker.Clients()
		f.broker.Connected(func(string, core.Token) bool { return true })
	case 2, 3:
		for i := range 20 {
			for _, s := range f.cluster.match("t/1") {
				s.s.Deliver(message("t/1", core.QoS(i%2), fmt.Sprint(i)), s.granted)
			}
		}
	default:
		f.visit(rng, id)
	}
}

// visit connects, subscribes, publishes and goes without a word; it may be
// taken over at any point.
func (f *fixture) visit(rng *rand.Rand, id string) {
	nc, err := f.dial()
	if err != nil {
		f.Error(err)
		return
	}
	defer nc.Close()
	wire := packet.Connect{Version: 4, CleanStart: rng.IntN(2) == 0, ClientID: id}.Append(nil)
	for i := range uint16(5) {
		filter := core.Filter(fmt.Sprintf("t/%d", rng.IntN(3)))
		wire = packet.Subscribe{ID: i + 1, Subscriptions: []packet.Subscription{{Filter: filter, QoS: 1}}}.Append(wire)
		wire = publish1("t/1", "x", i+1).Append(wire)
		wire = puback(i + 1).Append(wire)
		if rng.IntN(3) == 0 {
			wire = packet.Unsubscribe{ID: i + 1, Filters: []core.Filter{filter}}.Append(wire)
		}
	}
	if _, err := nc.Write(wire); err != nil {
		return
	}
	if rng.IntN(2) == 0 {
		_, _ = nc.Read(make([]byte, 200)) // the CONNACK and more, or the end
	}
}

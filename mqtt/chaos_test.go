package mqtt

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
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
	quiet := f.dial
	vacate := f.crowded()
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
	f.dial = quiet
	vacate()
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

// crowded has what comes next dial a listener of its own. When vacate returns,
// that is closed and nothing is left of its connections: a visitor is gone
// sooner than the Broker knows of him.
func (f *fixture) crowded() (vacate func()) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.broker.Serve(ctx, ln, ListenerOptions{ID: "tcp.crowded"}) }()
	f.dial = func() (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) }
	return func() {
		cancel()
		if err := <-ended; err != nil {
			f.Error(err)
		}
	}
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
			for _, s := range f.cluster.match(message("t/1", 0, "")) {
				s.s.Offer(message("t/1", core.QoS(i%3), fmt.Sprint(i)), s.grant)
				s.s.Deliver(message("t/1", core.QoS(i%3), fmt.Sprint(i)), s.grant)
			}
		}
	default:
		f.visit(rng, id)
	}
}

// visit connects, does what clients do, and goes without a word; it may be
// taken over at any point.
func (f *fixture) visit(rng *rand.Rand, id string) {
	nc, err := f.dial()
	if err != nil {
		f.Error(err)
		return
	}
	defer nc.Close()
	v := packet.Version(4 + rng.IntN(2))
	hello := packet.Connect{Version: v, CleanStart: rng.IntN(2) == 0, ClientID: id, SessionExpiry: uint32(rng.IntN(2) * 100), TopicAliasMaximum: 2}
	if rng.IntN(3) == 0 {
		hello.Will = &packet.Will{Topic: "t/1", Retain: rng.IntN(2) == 0, Delay: uint32(rng.IntN(2) * 100)}
	}
	wire := hello.Append(nil)
	for i := range uint16(8) {
		wire = f.doing(rng, v, i+1).Append(wire)
	}
	if _, err := nc.Write(wire); err != nil {
		return
	}
	if rng.IntN(2) == 0 {
		_, _ = nc.Read(make([]byte, 200)) // the CONNACK and more, or the end
	}
}

// doing is one packet of a client that is not always right.
func (f *fixture) doing(rng *rand.Rand, v packet.Version, id uint16) appender {
	filter := core.Filter(fmt.Sprintf("t/%d", rng.IntN(3)))
	if rng.IntN(3) == 0 {
		filter = "$share/g/" + filter
	}
	switch rng.IntN(5) {
	case 0:
		return packet.Subscribe{Version: v, ID: id, Subscriptions: []packet.Subscription{{Filter: filter, QoS: core.QoS(rng.IntN(3))}}}
	case 1:
		return packet.Unsubscribe{Version: v, ID: id, Filters: []core.Filter{filter}}
	case 2, 3:
		qos := core.QoS(rng.IntN(3))
		return packet.Publish{Version: v, Topic: []byte("t/1"), Payload: []byte("x"), QoS: qos, ID: id * uint16(min(qos, 1)), Retain: rng.IntN(4) == 0}
	}
	types := []packet.Type{packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp}
	return packet.Ack{Version: v, Type: types[rng.IntN(4)], ID: id}
}

package mqtt

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestCounting: with many goroutines delivering, what was delivered is exactly
// what arrived and what was dropped.
func TestCounting(t *testing.T) {
	f := onTCP(t, Limits{OutBuffer: 2000})
	var arrived atomic.Uint64
	var readers, writers sync.WaitGroup
	var peers []*peer
	for range 4 {
		p := f.connect("", true, false)
		p.subscribe("t", 0)
		peers = append(peers, p)
		readers.Go(func() { arrived.Add(p.countUntil(packet.TypeUnsuback)) })
	}
	subs := f.cluster.match(message("t", 0, ""))
	for range 4 {
		writers.Go(func() {
			for i := range 2000 {
				for _, m := range subs {
					m.s.Deliver(message("t", 0, padded(i)), core.Grant{})
				}
			}
		})
	}
	writers.Wait()
	for _, p := range peers {
		p.send(packet.Unsubscribe{ID: 1, Filters: []core.Filter{"t"}}) // its answer is the last packet
	}
	readers.Wait()
	total, dropped := f.count("mqtt_deliveries_total", ""), f.count("mqtt_deliveries_dropped_total", "slow_consumer")
	if total != 4*4*2000 || arrived.Load()+dropped != total {
		t.Errorf("%d delivered, %d arrived, %d dropped", total, arrived.Load(), dropped)
	}
}

// countUntil counts PUBLISH packets until one of another type comes.
func (p *peer) countUntil(last packet.Type) (n uint64) {
	for {
		got, err := p.in.Next()
		switch {
		case err != nil || got.Type != packet.TypePublish && got.Type != last:
			p.Errorf("%v %v", got.Type, err)
			return n
		case got.Type == last:
			return n
		}
		n++
	}
}

// TestUnreliableClient: a persistent session whose client loses its connection
// again and again gets every QoS 1 message, each publisher's in order.
func TestUnreliableClient(t *testing.T) {
	const publishers, each = 4, 1000
	f := onTCP(t, Limits{MaxQueue: publishers * each, MaxInflight: 20})
	first := f.connect("a", false, false)
	first.subscribe("t/#", 1)
	first.nc.Close()
	s := f.cluster.match(message("t/x", 0, ""))[0].s
	var writers sync.WaitGroup
	for i := range publishers {
		writers.Go(func() {
			for j := range each {
				s.Deliver(message("t/x", 1, strconv.Itoa(i)+" "+strconv.Itoa(j)), core.Grant{QoS: 1})
			}
		})
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	got := unreliable{next: make([]int, publishers)}
	for deadline := time.Now().Add(time.Minute); got.total < publishers*each; {
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d", got.total, publishers*each)
		}
		got.some(f.connect("a", false, true), 1+rng.IntN(300))
	}
	writers.Wait()
}

// unreliable is the memory of such a client: the next number expected of each
// publisher, and how many have come.
type unreliable struct {
	next  []int
	total int
}

// some reads and acknowledges up to n messages, or until all have come, and
// then loses the connection.
func (u *unreliable) some(p *peer, n int) {
	p.Helper()
	defer p.nc.Close()
	for ; n > 0 && u.total < len(u.next)*1000; n-- {
		got, err := p.in.Next()
		if err != nil {
			p.Fatal(err)
		}
		m, err := got.Publish()
		if err != nil {
			p.Fatal(err)
		}
		who, what, _ := strings.Cut(string(m.Payload), " ")
		i, _ := strconv.Atoi(who)
		j, _ := strconv.Atoi(what)
		switch {
		case j == u.next[i]:
			u.next[i]++
			u.total++
		case j > u.next[i]:
			p.Fatalf("publisher %d: got %d, want %d", i, j, u.next[i])
		case !m.Dup:
			p.Fatalf("publisher %d: %d again without DUP", i, j)
		}
		p.send(puback(m.ID))
	}
}

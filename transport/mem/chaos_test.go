package mem

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// TestChaos lets four endpoints dial, send and close while the network is cut
// and healed under them. Every frame says which number it has on its link:
// numbers never fall, and whatever happens everything ends with the
// endpoints.
func TestChaos(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
	}
}

var addrs = []string{"a", "b", "c", "d"}

func chaos(t *testing.T, seed uint64) {
	n := NewNetwork(Options{Seed: seed, Queue: 200, MaxPending: 2})
	var all []transport.Transport
	for i, addr := range addrs {
		for _, other := range addrs { // else a world of instant calls stands still
			n.Delay(addr, other, time.Millisecond, time.Millisecond)
		}
		e := n.Endpoint(addr)
		all = append(all, e)
		go acceptAll(t, e)
		go dialAll(e, rand.New(rand.NewPCG(seed, uint64(i))))
	}
	disturb(n, rand.New(rand.NewPCG(seed, 99)))
	n.HealAll()
	for _, e := range all {
		_ = e.Close()
	}
	time.Sleep(time.Second)
	if s := n.Stats(); s.Links != 0 || s.Lost == 0 || s.Reset == 0 {
		t.Errorf("seed %d: stats %+v; want no link left, and losses and resets", seed, s)
	}
}

func disturb(n *Network, rng *rand.Rand) {
	for range 300 {
		from, to := addrs[rng.IntN(4)], addrs[rng.IntN(4)]
		switch rng.IntN(6) {
		case 0:
			n.Cut(from, to)
		case 1:
			n.CutLossy(from, to)
		case 2:
			n.HealAll()
		case 3:
			n.Delay(from, to, time.Duration(1+rng.IntN(20))*time.Millisecond, time.Millisecond)
		default:
			n.Heal(from, to)
		}
		time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
	}
}

// acceptAll checks what comes in on every link until the endpoint closes.
func acceptAll(t *testing.T, e transport.Transport) {
	for {
		l, err := e.Accept(context.Background())
		if err != nil {
			return
		}
		go func() {
			last := -1
			for {
				frame, err := l.Receive()
				if err != nil {
					_ = l.Close()
					return
				}
				if int(frame[0]) <= last {
					t.Errorf("frame %d came after %d", frame[0], last)
				}
				last = int(frame[0])
			}
		}()
	}
}

// dialAll opens one link after another and sends some frames on each.
func dialAll(e transport.Transport, rng *rand.Rand) {
	for !isClosed(e.(*endpoint).done) {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		l, err := e.Dial(ctx, addrs[rng.IntN(4)])
		cancel()
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		lease := time.AfterFunc(time.Second, func() { _ = l.Close() })
		for i := range rng.IntN(100) {
			if l.Send([]byte{byte(i), 1, 2, 3}) != nil {
				break
			}
		}
		_ = l.Close()
		lease.Stop()
	}
}

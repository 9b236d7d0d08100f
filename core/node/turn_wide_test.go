package node

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// A large message that needs room at two nodes, each busy with small ones of
// its own, gets it at both.
func TestPausedPublisherOfTwoNodes(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.Lane.MaxBytes = 100_000 }
		c.net.Delay("n1:1", "n2:1", 20*time.Millisecond, 3*time.Millisecond)
		c.net.Delay("n1:1", "n3:1", 23*time.Millisecond, 3*time.Millisecond)
		a, b, d := c.three()
		b.sub("b", "large")
		d.sub("d", "large")
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 30 {
			for _, to := range []core.Topic{"b", "d"} {
				x := &load{name: fmt.Sprint(to, i), topic: to, qos: 1, size: 10_000, every: time.Millisecond}
				wg.Go(func() { x.run(a, stop) })
			}
		}
		time.Sleep(time.Second)
		for range 3 {
			begin := time.Now()
			err := a.from("large", core.Message{Topic: "large", Payload: make([]byte, 60_000), QoS: 1}, func() {})
			if took := time.Since(begin); err != nil || took > time.Second {
				t.Errorf("after %s: %v", took, err)
			}
		}
		close(stop)
		wg.Wait()
	})
}

// Publishers whose messages go to a stopped node too do not hold up those who
// need only the other one, though that is busy.
func TestStoppedPeerOfSome(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.Lane.MaxBytes = 100_000 }
		c.net.Delay("n1:1", "n2:1", 10*time.Millisecond, 0)
		a, b, d := c.three()
		b.sub("b", "both")
		d.sub("both")
		stop := make(chan struct{})
		var wg sync.WaitGroup
		var loads []*load
		for i := range 30 {
			for _, to := range []core.Topic{"b", "both"} {
				x := &load{name: fmt.Sprint(to, i), topic: to, qos: 1, size: 10_000, every: time.Millisecond}
				loads = append(loads, x)
				wg.Go(func() { x.run(a, stop) })
			}
		}
		time.Sleep(time.Second)
		c.stop("n3")
		time.Sleep(4 * time.Second)
		for _, x := range loads {
			took := time.Duration(x.longest.Load())
			if x.topic == "b" && took > 500*time.Millisecond {
				t.Errorf("one without a match on it waited %s", took)
			}
		}
		close(stop)
		wg.Wait()
	})
}

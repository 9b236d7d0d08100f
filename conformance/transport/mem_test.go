package transport_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	suite "github.com/muster-mqtt/muster/conformance/transport"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/mem"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memHarness makes endpoints n0, n1, … of a network; delayed slows it down.
func memHarness(delayed bool) suite.Harness {
	return suite.Harness{
		New: func(t testing.TB, n int) []transport.Transport {
			net := mem.NewNetwork(mem.Options{Seed: 1, MaxPending: 16})
			var all []transport.Transport
			for i := range n {
				addr := fmt.Sprint("n", i)
				net.Cut(addr, "silent")
				all = append(all, net.Endpoint(addr))
				for j := range n {
					if delayed {
						net.Delay(addr, fmt.Sprint("n", j), 3*time.Millisecond, 2*time.Millisecond)
					}
				}
			}
			return all
		},
		Refused:    func(testing.TB) string { return "nobody" },
		Silent:     func(testing.TB) string { return "silent" },
		MaxPending: 16, Reliable: true, Ordered: true,
	}
}

// TestMem runs the suite in real time.
func TestMem(t *testing.T) { suite.Run(t, memHarness(false)) }

// TestMemVirtual runs each case in a bubble, with delay and jitter.
func TestMemVirtual(t *testing.T) {
	for _, c := range suite.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.Check(t, memHarness(true)) })
		})
	}
}

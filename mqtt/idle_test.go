package mqtt

import (
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestIdleMemory: an idle connection has no buffer and one goroutine, whose
// stack is small as long as there was nothing to handle.
func TestIdleMemory(t *testing.T) {
	for name, limit := range map[string]uint64{"after the CONNECT": 6000, "after some packets": 8500} {
		t.Run(name, func(t *testing.T) { testIdleMemory(t, limit, name == "after some packets") })
	}
}

// testIdleMemory takes a limit on both ends of a connection, in bytes of heap
// and stacks. The promise is 10 KB of resident memory for ours.
func testIdleMemory(t *testing.T, limit uint64, packets bool) {
	const conns = 2000
	f := onTCP(t, Limits{}, func(o *Options) { o.Authenticator = &fakeAccess{verdict: Verdict{Allow: true}} })
	f.dialMany(100, packets) // what grows once has grown
	goroutines, before := runtime.NumGoroutine(), inUse()
	f.dialMany(conns, packets)
	each := (inUse() - before) / conns
	t.Logf("%d bytes a connection", each)
	if each > limit && !raced {
		t.Errorf("%d bytes a connection", each)
	}
	if n := runtime.NumGoroutine() - goroutines; n > conns+runtime.GOMAXPROCS(0) {
		t.Errorf("%d goroutines", n)
	}
}

// dialMany connects many clients, which have done a little of everything, with
// packets, and are idle now. It keeps as little memory for them as it can.
func (f *fixture) dialMany(n int, packets bool) {
	f.Helper()
	var busy sync.WaitGroup
	for i := range 4 {
		busy.Go(func() {
			for j := i; j < n; j += 4 {
				f.dialIdle("idle-"+strconv.Itoa(n)+"-"+strconv.Itoa(j), packets)
			}
		})
	}
	busy.Wait()
}

func (f *fixture) dialIdle(id string, packets bool) {
	nc, err := f.dial()
	if err != nil {
		f.Error(err)
		return
	}
	f.Cleanup(func() { nc.Close() })
	wire := packet.Connect{Version: 5, CleanStart: true, ClientID: id, KeepAlive: 60, RequestProblem: true}.Append(nil)
	last := byte(packet.TypeConnack) << 4
	if packets {
		wire = somePackets(wire)
		last = byte(packet.TypePingresp) << 4
	}
	if _, err := nc.Write(wire); err != nil {
		f.Error(err)
	}
	answer := make([]byte, 256)
	for n := 0; n < 2 || answer[n-2] != last && answer[0] != last; {
		got, err := nc.Read(answer[n:])
		if err != nil {
			f.Error(err)
			return
		}
		n += got
	}
}

func somePackets(wire []byte) []byte {
	wire = packet.Subscribe{Version: 5, ID: 1, Subscriptions: []packet.Subscription{{Filter: "t"}}}.Append(wire)
	wire = packet.Unsubscribe{Version: 5, ID: 2, Filters: []core.Filter{"t"}}.Append(wire)
	return packet.AppendEmpty(five(publish("nobody", "x")).Append(wire), packet.TypePingreq)
}

package mqtt

import (
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// idleLimit is the memory of both ends of an idle connection, in bytes: heap
// and stacks of
// the process, without what the kernel keeps. The promise is 10 KB of resident
// memory, which has the runtime's slack in it.
const idleLimit = 8500

// TestIdleMemory: an idle connection has no buffer and one goroutine.
func TestIdleMemory(t *testing.T) {
	const conns = 2000
	f := onTCP(t, Limits{})
	f.dialMany(100) // what grows once has grown
	goroutines, before := runtime.NumGoroutine(), inUse()
	f.dialMany(conns)
	each := (inUse() - before) / conns
	t.Logf("%d bytes a connection", each)
	if each > idleLimit && !raced {
		t.Errorf("%d bytes a connection", each)
	}
	if n := runtime.NumGoroutine() - goroutines; n > conns+runtime.GOMAXPROCS(0) {
		t.Errorf("%d goroutines", n)
	}
}

// dialMany connects many clients, which have done a little of everything and
// are idle now. It keeps as little memory for them as it can.
func (f *fixture) dialMany(n int) {
	f.Helper()
	var busy sync.WaitGroup
	for i := range 4 {
		busy.Go(func() {
			for j := i; j < n; j += 4 {
				f.dialIdle("idle-" + strconv.Itoa(n) + "-" + strconv.Itoa(j))
			}
		})
	}
	busy.Wait()
}

func (f *fixture) dialIdle(id string) {
	nc, err := f.dial()
	if err != nil {
		f.Error(err)
		return
	}
	f.Cleanup(func() { nc.Close() })
	wire := packet.Connect{Version: 5, CleanStart: true, ClientID: id, KeepAlive: 60, RequestProblem: true}.Append(nil)
	wire = packet.Subscribe{Version: 5, ID: 1, Subscriptions: []packet.Subscription{{Filter: "t"}}}.Append(wire)
	wire = packet.Unsubscribe{Version: 5, ID: 2, Filters: []core.Filter{"t"}}.Append(wire)
	wire = packet.AppendEmpty(five(publish("nobody", "x")).Append(wire), packet.TypePingreq)
	if _, err := nc.Write(wire); err != nil {
		f.Error(err)
	}
	answer := make([]byte, 256)
	for n := 0; n < 2 || answer[n-2] != byte(packet.TypePingresp)<<4; {
		got, err := nc.Read(answer[n:])
		if err != nil {
			f.Error(err)
			return
		}
		n += got
	}
}

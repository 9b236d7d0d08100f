//go:build linux

package group

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/lab"
	"github.com/muster-mqtt/muster/plugins/mcast/internal/mcasttest"
)

func TestMain(m *testing.M) {
	status := lab.Main(m)
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// cable is an interface for one test.
func cable(t *testing.T) *mcasttest.Cable {
	t.Helper()
	lab.New(t, 1) // skips where there are no namespaces
	c, err := mcasttest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// ears is a Group and what it has heard.
type ears struct {
	*Group
	t *testing.T

	mu    sync.Mutex
	heard []string
	from  []Packet
}

func options(iface string) Options {
	return Options{
		Addr: netip.AddrFrom4([4]byte{239, 77, byte(rand.IntN(256)), byte(rand.IntN(256))}), Ports: []uint16{uint16(20_000 + rand.IntN(10_000))},
		Interface: iface, TTL: 1, Loop: true, SendBuffer: 1 << 16, ReceiveBuffer: 1 << 16, Batch: 32_000, Size: 100,
	}
}

// listen returns a Group that has had one good look.
func listen(t *testing.T, o Options) *ears {
	t.Helper()
	e := quiet(t, o)
	if _, err := e.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// quiet returns a Group that has not looked yet.
func quiet(t *testing.T, o Options) *ears {
	t.Helper()
	e := &ears{t: t}
	o.Receive = e.take
	e.Group = New(o)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func (e *ears) take(p Packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, string(p.Data))
	p.Data = nil
	e.from = append(e.from, p)
}

// hears fails unless exactly these packets have arrived since the last call.
func (e *ears) hears(want ...string) {
	e.t.Helper()
	if _, err := e.Look(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Equal(e.heard, want) {
		e.t.Errorf("heard %q, want %q", e.heard, want)
	}
	e.heard = nil
}

func (e *ears) say(text string) {
	e.t.Helper()
	if err := e.Send([]byte(text)); err != nil {
		e.t.Fatal(err)
	}
}

// await looks until ok; an interface that goes up needs a moment.
func (e *ears) await(what string, ok func(State, error) bool) State {
	e.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for {
		st, err := e.Look(e.t.Context())
		if ok(st, err) {
			return st
		}
		select {
		case <-tick.C:
		case <-late.C:
			e.t.Fatalf("it does not come about: %s: %+v, %v", what, st, err)
		}
	}
}

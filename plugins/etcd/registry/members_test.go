package registry

import (
	"context"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/etcd/internal/etcdtest"
)

// use does everything once and fails the test where something does not work.
func use(t *testing.T, what string, p *discovery.Client, n int) {
	t.Helper()
	for _, call := range []struct {
		name string
		f    func(context.Context) error
	}{
		{"Discover", func(ctx context.Context) error { _, err := p.Discover(ctx); return err }},
		{"Register", func(ctx context.Context) error { _, err := p.Register(ctx, self(n), 5*time.Second); return err }},
		{"Claim", func(ctx context.Context) error { _, err := p.Claim(ctx, "c", []byte("v")); return err }},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // what the host gives
		began := time.Now()
		if err := call.f(ctx); err != nil {
			t.Errorf("%s: %s fails after %v: %v", what, call.name, time.Since(began), err)
		}
		cancel()
	}
}

// leads waits until a member leads, since there may be an election, and returns
// its number.
func (e *etcd) leads() int {
	e.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(wait); ; <-tick.C {
		if i := e.Leader(); i >= 0 {
			return i
		}
		if time.Now().After(late) {
			e.t.Fatalf("nobody leads within %v", wait)
		}
	}
}

// One of three servers may hang or end without a call failing; with two gone
// each call is an error, and with one back everything works on.
func TestMembers(t *testing.T) {
	e := start(t, etcdtest.Options{Members: 3})
	p, fresh := e.plugin(1, nil), e.plugin(2, nil)
	use(t, "three of three", p, 1)
	w := watching(t, p)
	w.snapshot("the first entry", "n1@127.0.0.1")

	e.Wire(0).Hold(true)
	use(t, "one hangs", p, 1)
	use(t, "one hangs from the start", fresh, 2)
	w.snapshotOrEnd("the second entry", "n1@127.0.0.1", "n2@127.0.0.2")
	e.Wire(0).Hold(false)

	gone := e.leads()
	e.Stop(gone)
	e.Wire(gone).Reset()
	e.awaits("/p/c/nodes/n1@127.0.0.1", "there after the leader went", present)
	use(t, "the leader is gone", p, 1)

	second := (gone + 1) % 3
	e.Stop(second)
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := p.Discover(ctx); return err },
		func(ctx context.Context) error { _, err := p.Claim(ctx, "c", []byte("v")); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := call(ctx)
		if class := discovery.ClassOf(err); class != discovery.BackendUnavailable && class != discovery.Timeout {
			t.Errorf("without a majority: %v", err)
		}
		cancel()
	}
	if err := e.Restart(second); err != nil {
		t.Fatal(err)
	}
	e.as("", "")
	e.awaits("/p/c/nodes/n1@127.0.0.1", "there with a majority", present)
	use(t, "two of three again", p, 1)
}

package helloport_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/helloport"
	"github.com/muster-mqtt/muster/transport/mem"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// join makes a transport whose links are of one network and whose port is of
// another.
func join(links, port *mem.Network, name string) *helloport.Transport {
	return helloport.New(helloport.Options{
		Links: links.Endpoint("uid-" + name), Port: port.Endpoint(name + ":1"),
		IsLink: func(addr string) bool { return strings.HasPrefix(addr, "uid-") },
	})
}

func TestEachAddressGoesItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		links, port := mem.NewNetwork(mem.Options{}), mem.NewNetwork(mem.Options{})
		a, b := join(links, port, "a"), join(links, port, "b")
		defer func() { _ = errors.Join(a.Close(), b.Close()) }()
		if a.Addr() != "uid-a" {
			t.Errorf("the address is %q", a.Addr())
		}
		for addr, helloOnly := range map[string]bool{"uid-b": false, "b:1": true} {
			dialled, err := a.Dial(t.Context(), addr)
			if err != nil {
				t.Fatal(err)
			}
			accepted, err := b.Accept(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if d, c := dialled.Info().HelloOnly, accepted.Info().HelloOnly; d != helloOnly || c != helloOnly {
				t.Errorf("%s: for a hello only: %v dialled, %v accepted, want %v", addr, d, c, helloOnly)
			}
			if err := dialled.Send([]byte(addr)); err != nil {
				t.Fatal(err)
			}
			if got, err := accepted.Receive(); string(got) != addr || err != nil {
				t.Errorf("%s: received %q, %v", addr, got, err)
			}
		}
		for _, addr := range []string{"uid-x", "x:1"} {
			if _, err := a.Dial(t.Context(), addr); !errors.Is(err, transport.ErrRefused) {
				t.Errorf("dial %s: %v", addr, err)
			}
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		links, port := mem.NewNetwork(mem.Options{}), mem.NewNetwork(mem.Options{})
		a, b := join(links, port, "a"), join(links, port, "b")
		var open []transport.Link
		for _, addr := range []string{"uid-b", "b:1", "uid-b"} { // more than wait inside
			l, err := a.Dial(t.Context(), addr)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, l)
		}
		synctest.Wait()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		for _, l := range open {
			if _, err := l.Receive(); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("a link that nobody accepted ends with %v", err)
			}
		}
		if _, err := b.Accept(t.Context()); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("accept after close: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := a.Accept(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("accept, cancelled: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

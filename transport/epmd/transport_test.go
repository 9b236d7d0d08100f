package epmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/transport"
)

// dialled is a transport that notes what it is to dial, and fails.
type dialled struct {
	transport.Transport
	addrs []string
}

var errNobody = fmt.Errorf("nobody: %w", transport.ErrRefused)

func (d *dialled) Dial(_ context.Context, addr string) (transport.Link, error) {
	d.addrs = append(d.addrs, addr)
	return nil, errNobody
}

// TestWrap: which ports are dialled for which address.
func TestWrap(t *testing.T) {
	port := free(t)
	stop := ours(t, port)
	c := Client{Port: port}
	for i := range 3 {
		r := must[*Registration](t)(c.Register(within(t), nodeNamed(i)))
		defer r.Close()
	}
	foreign := own(Node{Name: "rabbit", Port: 25672})
	foreign.extra = ""
	conn := must[net.Conn](t)(net.Dial("tcp", c.addr("")))
	defer conn.Close()
	_ = must[int](t)(conn.Write(request(foreign.append([]byte{alive2Req}))))
	_ = must[int](t)(conn.Read(make([]byte, 6)))
	for addr, want := range map[string][]string{
		"10.0.0.1:4370":    {"10.0.0.1:4370"},
		"n1@127.0.0.1":     {"127.0.0.1:6370"},
		"rabbit@127.0.0.1": {"127.0.0.1:25672"},
		"@127.0.0.1":       {"127.0.0.1:6370", "127.0.0.1:6371", "127.0.0.1:6369"}, // not Erlang's; self last
		"n9@127.0.0.1":     nil,
	} {
		inner := &dialled{}
		_, err := Wrap(inner, c, "n0").Dial(within(t), addr)
		if diff := cmp.Diff(want, inner.addrs); diff != "" || !errors.Is(err, transport.ErrRefused) {
			t.Errorf("%s: %v\n%s", addr, err, diff)
		}
		if want := strings.TrimPrefix(addr, "10.0.0.1"); addr != "10.0.0.1:4370" && !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not name %s", err, addr)
		}
	}
	stop()
	if _, err := Wrap(&dialled{}, c, "").Dial(within(t), "n1@127.0.0.1"); !errors.Is(err, transport.ErrUnreachable) || errors.Is(err, transport.ErrRefused) {
		t.Errorf("without a mapper: %v", err)
	}
	halfway := liar(t, "\x00\x00\x11\x11name n1 at port 6370\n") // lists a node, and tells nothing of it
	if _, err := Wrap(&dialled{}, halfway, "").Dial(within(t), "@127.0.0.1"); !errors.Is(err, ErrProtocol) || errors.Is(err, transport.ErrRefused) {
		t.Errorf("a mapper that fails halfway: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Wrap(&dialled{}, c, "").Dial(ended, "n1@127.0.0.1"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

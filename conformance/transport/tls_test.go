//go:build linux

package transport_test

import (
	"net"
	"testing"

	suite "github.com/muster-mqtt/muster/conformance/transport"
	"github.com/muster-mqtt/muster/transport/tcp"
	"github.com/muster-mqtt/muster/transport/tcp/certtest"
)

// TestTLS runs the suite over TCP with TLS: with one who does not answer at
// all, and one who takes the connection and says nothing.
func TestTLS(t *testing.T) {
	for name, silent := range map[string]func(testing.TB) string{"deaf": deaf, "mute": mute} {
		t.Run(name, func(t *testing.T) {
			h := tcpHarness(tcp.Options{Bind: "127.0.0.1", MaxPending: 20, TLS: material(t)})
			h.Silent = silent
			suite.Run(t, h)
		})
	}
}

func material(t *testing.T) *tcp.TLS {
	t.Helper()
	ca := certtest.New(t)
	cert, key := ca.Issue(certtest.Cert{Hosts: []string{"127.0.0.1"}})
	m, err := tcp.NewTLS(tcp.TLSOptions{CertFile: cert, KeyFile: key, CAFile: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// mute returns the address of a listener that accepts nothing, but whose queue
// has room.
func mute(t testing.TB) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

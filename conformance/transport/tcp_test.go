//go:build linux

package transport_test

import (
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	suite "github.com/muster-mqtt/muster/conformance/transport"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/tcp"
)

// TestTCP runs the suite over both loopback addresses, and with each of the
// two bounds of waiting links.
func TestTCP(t *testing.T) {
	for name, opts := range map[string]tcp.Options{
		"IPv4":      {Bind: "127.0.0.1", MaxPerSource: 20},
		"IPv6":      {Bind: "::1", MaxPending: 20},
		"localhost": {Bind: "localhost", MaxPending: 20, MaxPerSource: 20},
	} {
		t.Run(name, func(t *testing.T) { suite.Run(t, tcpHarness(opts)) })
	}
}

func tcpHarness(opts tcp.Options) suite.Harness {
	return suite.Harness{
		New: func(t testing.TB, n int) []transport.Transport {
			var all []transport.Transport
			for range n {
				one, err := tcp.Listen(opts)
				if err != nil {
					t.Fatalf("listen: %v", err)
				}
				all = append(all, one)
			}
			return all
		},
		Refused:    vacant,
		Silent:     deaf,
		MaxPending: 20, Reliable: true, Ordered: true,
	}
}

// vacant returns the address of a port that is bound, so that nobody else can
// have it, but not listened on.
func vacant(t testing.TB) string {
	_, addr := boundSocket(t)
	return addr
}

// deaf returns the address of a listener that accepts nothing and whose
// queue, of one, is full: the kernel drops what asks for a connection.
func deaf(t testing.TB) string {
	fd, addr := boundSocket(t)
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatalf("listen: %v", err)
	}
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatalf("fill the queue: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return addr
}

func boundSocket(t testing.TB) (fd int, addr string) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("socket: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatalf("bind: %v", err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatalf("getsockname: %v", err)
	}
	port := name.(*syscall.SockaddrInet4).Port
	return fd, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// Package porttest finds ports of loopback for the servers that the tests of
// transports start, where a server must be told its port. It is to transports
// what discovery/discoverytest/ports is to everybody else: the walls keep the
// one from the other.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// draws bounds the search for a free port.
const draws = 1000

// Port returns a port of 127.0.0.1 on which nobody listens. It is from 10000
// to 31999, below those that the kernel gives to connections, so that none
// takes it while the server is stopped. Until the end of the test the UDP port
// of the same number keeps other processes of tests away from it.
func Port(t testing.TB) int {
	t.Helper()
	for range draws {
		port := 10_000 + rand.IntN(22_000)
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		lock, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			t.Cleanup(func() { _ = lock.Close() })
			return port
		}
		_ = lock.Close()
	}
	t.Fatal("there is no free port of loopback")
	return 0
}

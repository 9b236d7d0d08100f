package porttest

import (
	"fmt"
	"net"
	"testing"
)

// A port is in the range, is nobody else's until the end of its test, and can
// be listened on, again and again.
func TestPort(t *testing.T) {
	var ports []int
	t.Run("drawn", func(t *testing.T) {
		seen := map[int]bool{}
		for range 50 {
			port := Port(t)
			if seen[port] || port < 10_000 || port >= 32_000 {
				t.Errorf("port %d, twice: %v", port, seen[port])
			}
			seen[port] = true
			ports = append(ports, port)
			if lock, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
				_ = lock.Close()
				t.Errorf("port %d can be drawn by others", port)
			}
			for range 2 {
				l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
				if err != nil {
					t.Fatal(err)
				}
				_ = l.Close()
			}
		}
	})
	free := 0
	for _, port := range ports {
		if lock, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			free++
			_ = lock.Close()
		}
	}
	if free < len(ports)/2 { // others may have drawn some of them since
		t.Errorf("%d of %d ports are free after their test", free, len(ports))
	}
}

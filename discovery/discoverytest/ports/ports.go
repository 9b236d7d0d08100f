// Package ports finds ports of loopback for the programs that a test starts,
// where the program cannot be asked which one it has taken.
//
// They are below those that the kernel gives to connections, 32768 and up on
// Linux, so that none is lost between two runs of a program, or before the
// first. They are drawn at random, and two processes of tests that run side by
// side do not get the same: each holds the UDP port of the same number as long
// as it lives, which no server can have therefore.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are from Low to High-1.
const (
	Low  = 10_000
	High = 32_000
)

// maxDraws bounds the search for free ports.
const maxDraws = 1000

// ErrNone: none of many ports that were drawn is free.
var ErrNone = errors.New("there is no free port of loopback")

// held are the ports that this process has handed out, with what holds them.
var held sync.Map // of int to net.PacketConn

// Port returns a port on which nobody listens, on 127.0.0.1 and, where there
// is one, ::1. A process gets each but once. The error is ErrNone.
func Port() (int, error) { return Row(1) }

// Row returns the first of n ports in a row, of each of which holds what Port
// says; it is a multiple of n, which is from 1 to 100. The error is ErrNone.
func Row(n int) (int, error) {
	if n < 1 || n > 100 {
		return 0, fmt.Errorf("%d ports in a row: from 1 to 100", n)
	}
	var last error
	for range maxDraws {
		low := (Low + rand.IntN(High-Low-n)) / n * n
		if low < Low {
			continue
		}
		if last = take(low, n); last == nil {
			return low, nil
		}
	}
	return 0, fmt.Errorf("%w: the last draw: %w", ErrNone, last)
}

// take holds n ports from low on, or none.
func take(low, n int) error {
	var locks []net.PacketConn
	for port := low; port < low+n; port++ {
		lock, err := try(port)
		if err != nil {
			for _, l := range locks {
				_ = l.Close()
			}
			return err
		}
		locks = append(locks, lock)
	}
	for i, lock := range locks {
		held.Store(low+i, lock)
	}
	return nil
}

// try returns what holds a port from now on.
func try(port int) (net.PacketConn, error) {
	lock, err := net.ListenPacket("udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
		} else if host == "127.0.0.1" || taken(host) {
			_ = lock.Close()
			return nil, err
		}
	}
	return lock, nil
}

// taken reports whether a host that refuses a port has others.
func taken(host string) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}

package kit

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// look is the time between two looks at other processes.
const look = 10 * time.Millisecond

// Wait waits for a state of other processes, which have no event to wait for,
// and returns how long it took; false when it does not come. Any goroutine may
// call it.
func Wait(within time.Duration, ok func() bool) (time.Duration, bool) {
	began := time.Now()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !ok() {
		if took := time.Since(began); took > within {
			return took, false
		}
		<-tick.C
	}
	return time.Since(began), true
}

// Until is a Wait for what must come, or the test has failed.
func Until(t testing.TB, within time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	took, came := Wait(within, ok)
	if !came {
		t.Fatalf("not within %s: %s", within, what)
	}
	return took
}

// Pass lets a time pass that the trial is about, such as that of an outage.
func Pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// Each calls f for the numbers from 0 to n-1, atOnce of them at a time, and
// fails the test by their errors.
func Each(t testing.TB, atOnce, n int, f func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := f(i); err != nil {
				t.Errorf("trial %d of %d: %v", i+1, n, err)
			}
		})
	}
	all.Wait()
}

// Seed is where a trial takes its chances from: MUSTER_SEED, else a new one.
// It is printed, so that a trial can be repeated.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("MUSTER_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("MUSTER_SEED: %v", err)
		}
	}
	t.Logf("MUSTER_SEED=%d", seed)
	return seed
}

// Proving reports whether the counts and times of the promises are asked for,
// as make prove does; else a trial is short.
func Proving() bool { return os.Getenv("MUSTER_PROVE") != "" }

// Choose is few, or many when Proving.
func Choose[T any](few, many T) T {
	if Proving() {
		return many
	}
	return few
}

// The ports of nodes are below those that the kernel gives to connections: the
// port of a node that was killed is still free when it is started again.
const (
	lowPort  = 10_000
	highPort = 32_000
	maxDraws = 1000
)

// drawn are the ports that this process has handed out.
var drawn sync.Map

// Ports returns n ports of loopback that are free now, each but once.
func Ports(t testing.TB, n int) []int {
	t.Helper()
	var out []int
	for range n {
		port, err := Port()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, port)
	}
	return out
}

// Port returns one port as Ports does.
func Port() (int, error) {
	for range maxDraws {
		port := lowPort + rand.IntN(highPort-lowPort)
		if _, taken := drawn.LoadOrStore(port, true); !taken && free(port) {
			return port, nil
		}
	}
	return 0, errors.New("there is no free port")
}

func free(port int) bool {
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
		} else if host == "127.0.0.1" {
			return false
		}
	}
	return true
}

package kit

import (
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery/discoverytest/ports"
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

// lenient is how much longer than promised something may take while other
// tests run beside it. The promises themselves are held by the proof.
const lenient = 5

// Promised is the bound of the median of a trial that starts whole clusters: d
// when Proving, on a machine that has nothing else to do; else several times
// that, since other tests start theirs beside it.
func Promised(d time.Duration) time.Duration { return Choose(lenient*d, d) }

// Choose is few, or many when Proving.
func Choose[T any](few, many T) T {
	if Proving() {
		return many
	}
	return few
}

// Ports returns n ports of loopback, as ports.Port does: that of a node which
// was killed is still free when it is started again.
func Ports(t testing.TB, n int) []int {
	t.Helper()
	var out []int
	for range n {
		port, err := ports.Port()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, port)
	}
	return out
}

package nats

import (
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport/nats/natstest"
)

var _ interface{ Came() uint64 } = (*link)(nil) // core/node asks for it

// slowWays tell the time by what they have carried: it stands still with the
// machine.
type slowWays []*proxy

// now returns what each way has carried so far, in each direction.
func (w slowWays) now() (bytes []int64) {
	for _, p := range w {
		bytes = append(bytes, p.passed[0].Load(), p.passed[1].Load())
	}
	return bytes
}

// since returns how long the busiest way took for what it has carried since.
func (w slowWays) since(before []int64) time.Duration {
	var most int64
	for i, n := range w.now() {
		most = max(most, n-before[i])
	}
	return time.Duration(most) * time.Second / time.Duration(w[0].perSecond)
}

// worstEcho passes short frames there and back, as probes are, until stop, and
// returns how long the slowest took.
func worstEcho(t *testing.T, from, to *link, clock slowWays, stop <-chan struct{}) <-chan time.Duration {
	go func() {
		for {
			f, err := to.Receive()
			if err != nil || to.Send(f) != nil {
				return
			}
		}
	}()
	worst := make(chan time.Duration, 1)
	go func() {
		var slowest time.Duration
		defer func() { worst <- slowest }()
		again := time.NewTicker(100 * time.Millisecond)
		defer again.Stop()
		for {
			began := clock.now()
			if err := from.Send([]byte("there?")); err != nil {
				t.Errorf("probe: %v", err)
				return
			}
			if _, err := from.Receive(); err != nil {
				t.Errorf("probe: %v", err)
				return
			}
			slowest = max(slowest, clock.since(began))
			select {
			case <-stop:
				return
			case <-again.C:
			}
		}
	}()
	return worst
}

// Over ways of 1.2 Mbit/s a message of 600 KB each way at once arrives, no
// server is lost, and probes are answered in time: one goes out each 500 ms, and
// a node is suspect after 2 s without an answer.
func TestSlowWays(t *testing.T) {
	s := natstest.Start(t)
	slow := slowWays{newProxy(t, s, 1_200_000/8), newProxy(t, s, 1_200_000/8)}
	a, err := tryListen(t, 1, slow[0].url())
	if err != nil {
		t.Fatal(err)
	}
	b, err := tryListen(t, 2, slow[1].url())
	if err != nil {
		t.Fatal(err)
	}
	from, to := pair(t, a, b)
	probe, answer := pair(t, a, b)
	stop := make(chan struct{})
	worst := worstEcho(t, probe, answer, slow, stop)
	began := time.Now()
	frame, done := make([]byte, 200<<10), make(chan error, 4)
	for _, l := range []*link{from, to} {
		go func() { done <- l.Send(frame, frame, frame) }()
		go func() {
			var err error
			for range 3 {
				if err == nil {
					_, err = l.Receive()
				}
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	close(stop)
	slowest, took := <-worst, time.Since(began)
	t.Logf("all was there after %v, the slowest answer took %v", took, slowest)
	if took > 2*patience || slowest >= 1500*time.Millisecond {
		t.Error("too late")
	}
	if l := to.Came(); l < 600<<10 {
		t.Errorf("%d bytes came", l)
	}
	if lost := a.Stats().Disconnects + b.Stats().Disconnects; lost > 0 {
		t.Errorf("a server was lost %d times", lost)
	}
}

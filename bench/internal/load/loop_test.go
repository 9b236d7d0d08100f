package load

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/muster-mqtt/muster/bench/internal/brokertest"
)

// looping runs a loop at once and to its end.
func looping(t *testing.T, o Options) (Looped, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), o.Timeout)
	defer cancel()
	start := make(chan struct{})
	close(start)
	o.Role = Loop
	return runLoop(ctx, o, signals{ready: func() {}, start: start})
}

func TestLoop(t *testing.T) {
	for qos := range byte(3) {
		for _, own := range []bool{true, false} {
			b := brokertest.Start(t, brokertest.Faults{})
			o := options(b, qos)
			o.Own, o.Credit, o.Clients = own, 5, 4
			o.Grace = time.Minute // nothing is lost, however slow this machine is
			each := 2             // publishers that a subscriber takes
			if own {
				each = 1
			}
			got, err := looping(t, o)
			want := Tally{Received: uint64(4 * each * 500), Unique: uint64(4 * each * 500)}
			if err != nil || got.Received.Tally != want || got.Sent.Sent != 1000 || got.Sent.AckDisorder+got.Stalls != 0 {
				t.Errorf("QoS %d, own %v: %+v, %v", qos, own, got, err)
			}
			if acked := 1000 * uint64(min(qos, 1)); got.Sent.Acknowledged != acked {
				t.Errorf("QoS %d: %d acknowledged, want %d", qos, got.Sent.Acknowledged, acked)
			}
			b.Drained()
			if want := int(want.Received) * int(min(qos, 1)); b.Acked() != want {
				t.Errorf("QoS %d, own %v: subscribers acknowledged %d, want %d", qos, own, b.Acked(), want)
			}
		}
	}
}

// TestLoopAway: the subscribers are shared out to the brokers they are given.
// The second of these two has no publisher, so that half of them get nothing.
func TestLoopAway(t *testing.T) {
	first, second := brokertest.Start(t, brokertest.Faults{}), brokertest.Start(t, brokertest.Faults{})
	o := options(first, 0)
	o.Clients, o.Away = 4, first.Addr()+","+second.Addr()
	got, err := looping(t, o)
	want := Tally{Received: 2000, Unique: 2000, Missing: 2000}
	if err != nil || got.Received.Tally != want {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestLoopGivesUp: what is lost takes its credit with it until the grace is
// over, and no longer.
func TestLoopGivesUp(t *testing.T) {
	t.Parallel()
	o := options(brokertest.Start(t, brokertest.Faults{Drop: 50}), 0)
	o.Clients, o.Publishers, o.Credit = 1, 1, 4
	o.Grace = 2 * time.Second // longer than what is not lost may take
	got, err := looping(t, o)
	if err != nil || got.Sent.Sent != 500 || got.Received.Missing != 10 || got.Stalls != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLoopRefuses(t *testing.T) {
	o := options(brokertest.Start(t, brokertest.Faults{}), 0)
	o.Clients, o.Publishers, o.Own = 3, 2, true
	if _, err := looping(t, o); err == nil || !strings.Contains(err.Error(), "evenly") {
		t.Errorf("error %v", err)
	}
	o = options(brokertest.Start(t, brokertest.Faults{Refuse: true}), 0)
	if _, err := looping(t, o); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
}

// TestLoopEndsWithTheContext: whoever waits for credit stops too.
func TestLoopEndsWithTheContext(t *testing.T) {
	t.Parallel()
	o := options(brokertest.Start(t, brokertest.Faults{Stall: true}), 0)
	o.Credit, o.Grace, o.Timeout = 5, time.Minute, time.Second
	if _, err := looping(t, o); err == nil {
		t.Error("no error")
	}
}

// TestCreditTwin compares with two sums.
func TestCreditTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit, fan := rapid.IntRange(1, 5).Draw(t, "limit"), rapid.IntRange(1, 4).Draw(t, "fan")
		c := newCredit(Options{Credit: limit, Clients: fan, Grace: time.Second})
		sent, seen := 0, 0
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "take") {
				room := sent*fan-seen <= (limit-1)*fan
				if c.take() != room {
					t.Fatalf("sent %d x %d, seen %d, limit %d: room is %v", sent, fan, seen, limit, room)
				}
				if room {
					sent++
				}
			} else if seen < sent*fan {
				c.back()
				seen++
			}
		}
	})
}

func TestCreditWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCredit(Options{Credit: 1, Clients: 1, Grace: time.Second})
		began := time.Now()
		_ = c.take()
		go func() {
			time.Sleep(time.Second / 2)
			c.back()
		}()
		if err := c.wait(t.Context()); err != nil || time.Since(began) != time.Second/2 || c.stalls != 0 {
			t.Errorf("waited %v, %v, %d stalls", time.Since(began), err, c.stalls)
		}
		if err := c.wait(t.Context()); err != nil || time.Since(began) != 3*time.Second/2 || c.stalls != 1 {
			t.Errorf("waited %v, %v, %d stalls", time.Since(began), err, c.stalls)
		}
	})
}

func TestNoCredit(t *testing.T) {
	c := newCredit(Options{})
	c.back()
	if c != nil {
		t.Error("no bound is a bound")
	}
}

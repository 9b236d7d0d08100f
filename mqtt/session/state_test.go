package session

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

func TestState(t *testing.T) {
	now := time.Unix(5000, 0)
	s := New(time.Hour, limits)
	s.Subscribe(packet.Subscription{Filter: "f/#", QoS: 1})
	s.Connect()
	deliver(s, 1, "a", "b", "c", "d")
	sent(s)
	s.Puback(2)
	s.Disconnect(now)
	st := s.State(now.Add(time.Minute))
	want := State{
		Subscriptions: []packet.Subscription{{Filter: "f/#", QoS: 1}},
		Inflight:      []Inflight{{1, message("a", 1)}, {3, message("c", 1)}},
		NextID:        4,
		Queue:         []Queued{{message("d", 1), 1}},
		Expiry:        time.Hour,
		Remaining:     59 * time.Minute,
	}
	if diff := cmp.Diff(want, st); diff != "" {
		t.Fatal(diff)
	}
	later := now.Add(24 * time.Hour) // on another node's clock
	moved, err := Restore(st, later, limits)
	if err != nil {
		t.Fatal(err)
	}
	if moved.Over(later.Add(59*time.Minute-1)) || !moved.Over(later.Add(59*time.Minute)) {
		t.Error("the remaining time was not kept")
	}
	moved.Connect()
	if got := sent(moved); got != "a#1dup c#3dup" {
		t.Error(got)
	}
	moved.Puback(1)
	if got := sent(moved); got != "d#4" {
		t.Error(got)
	}
}

func TestRestoreRefuses(t *testing.T) {
	m := message("a", 1)
	for name, st := range map[string]State{
		"zero next":         {},
		"zero identifier":   {NextID: 1, Inflight: []Inflight{{0, m}}},
		"no message":        {NextID: 2, Inflight: []Inflight{{1, nil}}},
		"twice the same":    {NextID: 9, Inflight: []Inflight{{5, m}, {5, m}}},
		"out of order":      {NextID: 9, Inflight: []Inflight{{5, m}, {6, m}, {4, m}, {7, m}}},
		"next is in use":    {NextID: 6, Inflight: []Inflight{{5, m}, {6, m}, {7, m}}},
		"filter twice":      {NextID: 1, Subscriptions: []packet.Subscription{{Filter: "a"}, {Filter: "a"}}},
		"QoS 3":             {NextID: 1, Subscriptions: []packet.Subscription{{Filter: "a", QoS: 3}}},
		"queue without one": {NextID: 1, Queue: []Queued{{nil, 1}}},
		"queue of QoS 2":    {NextID: 1, Queue: []Queued{{m, 2}}},
	} {
		if _, err := Restore(st, time.Unix(0, 0), limits); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRestoreOverLimits: nothing is lost by moving to a node with lower
// limits, and the session returns to them.
func TestRestoreOverLimits(t *testing.T) {
	st := State{NextID: 1, Expiry: time.Hour}
	for range 9 {
		st.Queue = append(st.Queue, Queued{message("a", 1), 1})
	}
	s, err := Restore(st, time.Unix(0, 0), limits)
	if err != nil || s.Size().Queue != 9 {
		t.Fatal(err, s.Size())
	}
	if n := deliver(s, 1, "b"); n != 5 || s.Size().Queue != limits.Queue {
		t.Errorf("%d dropped, %d left", n, s.Size().Queue)
	}
}

// BenchmarkQoS1 takes a message through queue and window: 0 allocations, the
// rings are reused.
func BenchmarkQoS1(b *testing.B) {
	s := New(0, Limits{Inflight: 64, Queue: 1000, QueueBytes: 1 << 20, Subscriptions: 1})
	s.Connect()
	m := &core.Message{Topic: "sensors/42", Payload: make([]byte, 64), QoS: 1}
	b.ReportAllocs()
	for b.Loop() {
		s.Deliver(m, 1)
		d, _ := s.Next()
		s.Puback(d.ID)
	}
}

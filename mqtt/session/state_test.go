package session

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
)

// full returns a session that has something of everything, offline, with an
// hour until its end.
func full() *Session {
	l := limits
	l.Inflight = 4
	s := New(Options{Limits: l})
	s.Subscribe(core.Subscription{Filter: "f/#", Grant: core.Grant{QoS: 1, NoLocal: true, IDs: []uint32{300}}})
	s.Subscribe(core.Subscription{Filter: "f", Group: "g", Grant: core.Grant{QoS: 2, RetainAsPublished: true}})
	s.Connect(start, Peer{Expiry: 3600, Will: &Will{Message: message("w", 1), Delay: 200, Expiry: 5, HasExpiry: true}})
	s.Deliver(start, message("a", 1), core.Grant{QoS: 1, IDs: []uint32{1, 300}}, true)
	deliver(s, 1, "b")
	deliver(s, 2, "c", "d", "e")
	sent(s)
	s.Puback(2)
	s.Pubrec(3, 0)
	s.Receive(9)
	s.Receive(4)
	s.Disconnect(start, Ending{})
	deliver(s, 1, "f")
	return s
}

func TestState(t *testing.T) {
	s := full()
	st := s.State(at(60))
	want := State{
		At: at(60), Expiry: 3600, Remaining: 59 * time.Minute,
		Subscriptions: []core.Subscription{
			{Filter: "f", Group: "g", Grant: core.Grant{QoS: 2, RetainAsPublished: true}},
			{Filter: "f/#", Grant: core.Grant{QoS: 1, NoLocal: true, IDs: []uint32{300}}},
		},
		NextID: 5,
		Inflight: []Inflight{
			{ID: 1, Queued: Queued{Message: message("a", 1), QoS: 1, Retain: true, IDs: []uint32{1, 300}}},
			{ID: 3, Released: true, Queued: Queued{QoS: 2}},
			{ID: 4, Queued: Queued{Message: message("d", 2), QoS: 2}},
		},
		Queue:    []Queued{{Message: message("e", 2), QoS: 2}, {Message: message("f", 1), QoS: 1}},
		Received: []uint16{9, 4},
		Will:     &Will{Message: message("w", 1), Delay: 200, Expiry: 5, HasExpiry: true},
		WillDue:  140 * time.Second,
	}
	if diff := cmp.Diff(want, st); diff != "" {
		t.Fatal(diff)
	}
	later := at(1e6) // on another node's clock
	moved, err := Restore(st, later, Options{Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	if end := later.Add(59 * time.Minute); moved.Over(end.Add(-1)) || !moved.Over(end) {
		t.Error("the remaining time was not kept")
	}
	if due, _ := moved.NextDue(); !due.Equal(later.Add(140 * time.Second)) {
		t.Errorf("due %v", due)
	}
	moved.Connect(later, Peer{Expiry: 10})
	same(t, "moved", [2]string{sent(moved), "rel#3 a#1dup d##4dup"})
	moved.Puback(1)
	same(t, "then the queue", [2]string{sent(moved), "e##5"})
}

// TestStateShares: a State is not changed by what happens to the session later.
func TestStateShares(t *testing.T) {
	s := full()
	before, again := s.State(start), s.State(start)
	s.Connect(start, Peer{})
	s.Pubcomp(3)
	s.Release(9)
	s.Unsubscribe("f", "g")
	if diff := cmp.Diff(again, before); diff != "" {
		t.Error(diff)
	}
}

func TestRestoreRefuses(t *testing.T) {
	m := message("a", 1)
	q := Queued{Message: m, QoS: 1}
	inflight := func(ids ...uint16) (all []Inflight) {
		for _, id := range ids {
			all = append(all, Inflight{ID: id, Queued: q})
		}
		return all
	}
	for name, st := range map[string]State{
		"zero next":         {},
		"zero identifier":   {NextID: 1, Inflight: inflight(0)},
		"no message":        {NextID: 2, Inflight: []Inflight{{ID: 1, Queued: Queued{QoS: 1}}}},
		"inflight QoS 0":    {NextID: 2, Inflight: []Inflight{{ID: 1, Queued: Queued{Message: m}}}},
		"inflight QoS 3":    {NextID: 2, Inflight: []Inflight{{ID: 1, Queued: Queued{Message: m, QoS: 3}}}},
		"released QoS 1":    {NextID: 2, Inflight: []Inflight{{ID: 1, Released: true, Queued: Queued{QoS: 1}}}},
		"released with one": {NextID: 2, Inflight: []Inflight{{ID: 1, Released: true, Queued: Queued{Message: m, QoS: 2}}}},
		"released unsure":   {NextID: 2, Inflight: []Inflight{{ID: 1, Released: true, Unsure: true, Queued: Queued{QoS: 2}}}},
		"twice the same":    {NextID: 9, Inflight: inflight(5, 5)},
		"out of order":      {NextID: 9, Inflight: inflight(5, 6, 4, 7)},
		"next is in use":    {NextID: 6, Inflight: inflight(5, 6, 7)},
		"filter twice":      {NextID: 1, Subscriptions: []core.Subscription{{Filter: "a"}, {Filter: "a"}}},
		"QoS 3":             {NextID: 1, Subscriptions: []core.Subscription{{Filter: "a", Grant: core.Grant{QoS: 3}}}},
		"queue without one": {NextID: 1, Queue: []Queued{{QoS: 1}}},
		"queue of QoS 0":    {NextID: 1, Queue: []Queued{{Message: m}}},
		"queue of QoS 3":    {NextID: 1, Queue: []Queued{{Message: m, QoS: 3}}},
		"received twice":    {NextID: 1, Received: []uint16{1, 1}},
		"received 0":        {NextID: 1, Received: []uint16{0}},
		"an empty will":     {NextID: 1, Will: &Will{}},
		"negative time":     {NextID: 1, Remaining: -1},
	} {
		if s, err := Restore(st, start, Options{Limits: limits}); !errors.Is(err, ErrState) || s != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestApplyRefuses: an op that cannot have been next is refused, and has done
// nothing.
func TestApplyRefuses(t *testing.T) {
	s := full()
	before := s.State(start)
	for name, op := range map[string]Op{
		"no kind":                  {},
		"unknown kind":             {Kind: opKinds},
		"disconnect while offline": {Kind: OpDisconnect, At: start},
		"subscribe with QoS 3":     {Kind: OpSubscribe, Subscription: core.Subscription{Filter: "x", Grant: core.Grant{QoS: 3}}},
		"unsubscribe without":      {Kind: OpUnsubscribe, Subscription: core.Subscription{Filter: "x"}},
		"unsubscribe other group":  {Kind: OpUnsubscribe, Subscription: core.Subscription{Filter: "f"}},
		"deliver nothing":          {Kind: OpDeliver},
		"deliver QoS 0":            {Kind: OpDeliver, Queued: Queued{Message: message("x", 0)}},
		"drop beyond":              {Kind: OpDrop, Index: 2},
		"drop before":              {Kind: OpDrop, Index: -1},
		"sent another":             {Kind: OpSent, ID: 6},
		"sent again":               {Kind: OpSent, ID: 4},
		"PUBREC of QoS 1":          {Kind: OpPubrec, ID: 1},
		"PUBREC again":             {Kind: OpPubrec, ID: 3},
		"ended already":            {Kind: OpEnded, ID: 2},
		"received again":           {Kind: OpReceive, ID: 9},
		"received 0":               {Kind: OpReceive},
		"released another":         {Kind: OpRelease, ID: 1},
		"connect with a bad will":  {Kind: OpConnect, Will: &Will{}},
	} {
		if err := s.Apply(op); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, s.State(start)); diff != "" {
		t.Error(diff)
	}
	if err := New(Options{}).Apply(Op{Kind: OpWillTaken}); !errors.Is(err, ErrState) {
		t.Errorf("no will: %v", err)
	}
	if s := New(Options{}); s.Apply(Op{Kind: OpEnd}) != nil || !s.Over(start) {
		t.Error("not ended")
	}
}

// TestRestoreOverLimits: nothing is lost by moving to a node with lower
// limits, and the session returns to them.
func TestRestoreOverLimits(t *testing.T) {
	st := State{NextID: 1, Expiry: 60, Received: []uint16{1, 2, 3}}
	for range 9 {
		st.Queue = append(st.Queue, Queued{Message: message("a", 1), QoS: 1})
	}
	s, err := Restore(st, start, Options{Limits: limits})
	if err != nil || s.Size() != (Size{Queue: 9, Received: 3}) {
		t.Fatal(err, s.Size())
	}
	if n := deliver(s, 1, "b"); n != 5 || s.Size().Queue != limits.Queue {
		t.Errorf("%d dropped, %d left", n, s.Size().Queue)
	}
	if _, ok := s.Receive(4); ok {
		t.Error("received one more")
	}
}

// TestRecover: a killed process may have sent everything that waited; the
// clock of the next one may be anywhere.
func TestRecover(t *testing.T) {
	l := limits
	l.Inflight = 9
	s := online(l, Peer{ReceiveMaximum: 1, Expiry: 100, Will: &Will{Message: message("w", 1), Delay: 10}})
	deliver(s, 1, "a", "b")
	s.Deliver(start, expiring("c", 2, at(5)), core.Grant{QoS: 2}, false)
	s.Deliver(start, expiring("d", 1, at(5)), core.Grant{QoS: 2}, false)
	sent(s)
	s.Recover(at(50))
	if due, _ := s.NextDue(); s.Online() || !due.Equal(at(60)) {
		t.Errorf("the connection ends when the next process recovers, not %v", due)
	}
	if got := s.Size(); got != (Size{Inflight: 4}) {
		t.Errorf("%+v", got)
	}
	deliver(s, 1, "e")
	s.Connect(at(50), Peer{Expiry: 100})
	same(t, "all with their identifiers", [2]string{sentAt(s, at(50)), "a#1dup b#2dup rel#3 e#5"})
	if drops, _ := s.TakeDrops(); drops != (Drops{Expired: 2}) {
		t.Errorf("dropped %v", drops)
	}
	for _, c := range []struct{ now, end float64 }{{30, 100}, {-1000, -900}, {5000, 5000}} {
		s := online(limits, Peer{Expiry: 100})
		s.Disconnect(start, Ending{})
		s.Recover(at(c.now))
		if due, _ := s.NextDue(); !due.Equal(at(c.end)) {
			t.Errorf("recovered at %v, it ends at %v", c.now, due.Sub(start))
		}
	}
	s = online(limits, Peer{Expiry: 100, Will: &Will{Message: message("w", 1), Delay: 10}})
	s.Disconnect(start, Ending{})
	s.Recover(at(-1000))
	if due, _ := s.NextDue(); !due.Equal(at(-990)) {
		t.Errorf("the will is due at %v", due.Sub(start))
	}
}

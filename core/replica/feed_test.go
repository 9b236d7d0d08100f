package replica

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// linked returns a table with n rows, a copy in step with it, and the feed.
func linked(t *testing.T, n int, o Options) (*Table, *Feed, *Copy) {
	t.Helper()
	table, c := NewTable(1, o), NewCopy(Limits{})
	for i := range n {
		table.Set(key(i), nil)
	}
	f := NewFeed(table, c.Have())
	run(t, f, c)
	if f.Acked() != table.Version() || !c.Complete() || c.Len() != table.Len() {
		t.Fatalf("not in step: acked %d of %d", f.Acked(), table.Version())
	}
	return table, f, c
}

var start = time.Unix(1000, 0)

// run carries messages both ways over a good link and returns what was sent.
func run(t *testing.T, f *Feed, c *Copy) (sent []Message) {
	t.Helper()
	for {
		m, ok := f.Next(start)
		if !ok {
			return sent
		}
		sent = append(sent, m)
		if err := answer(f, hand(c, m)); err != nil {
			t.Fatal(err)
		}
	}
}

func hand(c *Copy, m Message) (reply Message) {
	switch m := m.(type) {
	case Delta:
		_, reply = c.Delta(m)
	case Snapshot:
		_, reply = c.Snapshot(m)
	}
	return reply
}

func answer(f *Feed, reply Message) error {
	switch m := reply.(type) {
	case Ack:
		return f.Ack(m)
	case Pull:
		return f.Pull(m)
	}
	return nil
}

// TestCoalesce: the first write goes at once; what gathers while it is not
// acked goes in one delta, once for each key.
func TestCoalesce(t *testing.T) {
	table, f, c := linked(t, 0, Options{})
	table.Set("a", []byte("1"))
	first, _ := f.Next(start)
	table.Set("b", []byte("1"))
	table.Set("c", nil)
	table.Set("b", []byte("2"))
	table.Delete("c")
	table.Set("a", []byte("2"))
	if m, ok := f.Next(start); ok {
		t.Fatalf("%+v sent before the ack", m)
	}
	if err := answer(f, hand(c, first)); err != nil {
		t.Fatal(err)
	}
	got, _ := f.Next(start)
	want := Delta{Incarnation: 1, From: 1, To: 6, Ops: []Op{
		{Key: "b", Value: []byte("2"), Version: 4},
		{Key: "c", Deleted: true, Version: 5},
		{Key: "a", Value: []byte("2"), Version: 6},
	}}
	if diff := cmp.Diff(Message(want), got); diff != "" {
		t.Error(diff)
	}
}

// TestCutDelta: a delta that ends before a row's last write has the row all
// the same if it was written before, too; else its ack would say too much.
func TestCutDelta(t *testing.T) {
	table, f, c := linked(t, 0, Options{DeltaOps: 2})
	for _, k := range []string{"a", "b", "c", "a"} {
		table.Set(k, []byte{byte(table.Version())})
	}
	m, _ := f.Next(start)
	want := Delta{Incarnation: 1, From: 0, To: 2, Ops: []Op{
		{Key: "a", Value: []byte{3}, Version: 4}, {Key: "b", Value: []byte{1}, Version: 2},
	}}
	if diff := cmp.Diff(Message(want), m); diff != "" {
		t.Error(diff)
	}
	_ = answer(f, hand(c, m))
	if run(t, f, c); !sameRows(table, c) {
		t.Errorf("rows are %v", collect(c.Rows()))
	}
}

// TestResumeWithoutSnapshot: a peer that returns gets only what it missed, if
// the log reaches back that far.
func TestResumeWithoutSnapshot(t *testing.T) {
	for _, missed := range []int{0, 1, 100, 101} {
		table, _, c := linked(t, 500, Options{LogOps: 100})
		for n := range missed {
			table.Set(key(n), []byte("new"))
		}
		f := NewFeed(table, c.Have())
		sent := run(t, f, c)
		snapshot := false
		if len(sent) > 0 {
			_, snapshot = sent[0].(Snapshot)
		}
		if snapshot != (missed > 100) || c.Have() != (Have{1, table.Version(), true}) {
			t.Errorf("missed %d: %d messages, snapshot %v, have %+v", missed, len(sent), snapshot, c.Have())
		}
	}
}

// TestStuckPeer: a peer that never answers costs a bounded number of messages
// and no memory, and needs one snapshot in the end.
func TestStuckPeer(t *testing.T) {
	table, f, c := linked(t, 1000, Options{LogOps: 50, ChunkBytes: 1000})
	sent, now := 0, start
	for n := range 10_000 {
		table.Set(key(n%1000), []byte{byte(n), byte(n >> 8)})
		for _, ok := f.Next(now); ok; _, ok = f.Next(now) {
			sent++
		}
		now = now.Add(20 * time.Millisecond) // 200 s in all
	}
	if sent > 30*(window+1) || table.log.len() > 50 {
		t.Errorf("%d messages sent, %d in the log", sent, table.log.len())
	}
	before := countOf(table.Counts(), "table_snapshots_total", "")
	if f.expire(); before > 30 {
		t.Errorf("%d snapshots begun for a peer that does not answer", before)
	}
	run(t, f, c)
	if got := countOf(table.Counts(), "table_snapshots_total", "log_too_short"); got == 0 || f.Acked() != table.Version() {
		t.Errorf("%d snapshots, acked %d of %d", got, f.Acked(), table.Version())
	}
}

// TestSnapshotUnderStorm: writes that outrun the log do not keep a snapshot
// from ending, because deltas go out between its parts.
func TestSnapshotUnderStorm(t *testing.T) {
	table, c := NewTable(1, Options{LogOps: 64, ChunkBytes: 500}), NewCopy(Limits{})
	for n := range 2000 {
		table.Set(key(n), nil)
	}
	f := NewFeed(table, c.Have())
	for n := 0; !c.Complete(); n++ {
		for i := range 30 {
			table.Set(key((n*30+i)%2500), []byte{byte(n)})
		}
		for range 2 {
			if m, ok := f.Next(start); ok {
				if err := answer(f, hand(c, m)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n > 2000 {
			t.Fatal("the snapshot never ends")
		}
	}
	run(t, f, c)
	if got := countOf(table.Counts(), "table_snapshots_total", ""); got != 1 || c.Len() != table.Len() {
		t.Errorf("%d snapshots, %d rows of %d", got, c.Len(), table.Len())
	}
}

// TestResend: silence doubles the wait; an answer resets it.
func TestResend(t *testing.T) {
	table, f, c := linked(t, 1, Options{Resend: time.Second})
	if !f.Deadline().IsZero() {
		t.Fatal("a deadline with nothing under way")
	}
	table.Set("x", nil)
	now := start
	var last Message
	for _, want := range []time.Duration{1, 2, 4, 8, 8} {
		m, ok := f.Next(now)
		if !ok || f.Deadline() != now.Add(want*time.Second) {
			t.Fatalf("sent %v, deadline in %v, want %v s", ok, f.Deadline().Sub(now), want)
		}
		if _, ok := f.Next(f.Deadline().Add(-1)); ok {
			t.Fatal("sent again too early")
		}
		last, now = m, f.Deadline()
	}
	if err := answer(f, hand(c, last)); err != nil {
		t.Fatal(err)
	}
	table.Set("y", nil)
	if _, ok := f.Next(now); !ok || f.Deadline() != now.Add(time.Second) {
		t.Errorf("deadline in %v", f.Deadline().Sub(now))
	}
}

func TestUntrueAnswers(t *testing.T) {
	table, f, _ := linked(t, 5, Options{})
	for _, tt := range []struct {
		m    Message
		want error
	}{
		{Ack{Incarnation: 1, Version: 6}, ErrFuture},
		{Ack{Incarnation: 1, Version: 5, Snapshot: 6, Position: Done}, ErrFuture},
		{Ack{Incarnation: 2, Version: 1}, ErrIncarnation},
		{Ack{Incarnation: 0, Version: 1}, ErrIncarnation},
		{Pull{Incarnation: 1, Have: 6}, ErrFuture},
		{Pull{Incarnation: 2, Have: 1}, ErrIncarnation},
		{Ack{Incarnation: 1, Version: 2}, nil}, // late
	} {
		if err := answer(f, tt.m); !errors.Is(err, tt.want) || f.Acked() != 5 {
			t.Errorf("%+v: %v, acked %d", tt.m, err, f.Acked())
		}
	}
	if got := countOf(table.Counts(), "table_answers_refused_total", ""); got != 6 {
		t.Errorf("%d refused answers counted", got)
	}
	late := NewFeed(table, Have{Incarnation: 1, Version: 99, Complete: true})
	if m, _ := late.Next(start); m.(Snapshot).Part != Begin || late.Acked() != 0 {
		t.Errorf("a copy from the future got %+v", m)
	}
	if err := late.Ack(Ack{Incarnation: 1, Version: 5, Snapshot: 5, Position: 99}); !errors.Is(err, ErrFuture) {
		t.Errorf("position beyond the end: %v", err)
	}
}

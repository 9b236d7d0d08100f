package replica

import (
	"slices"
	"testing"
)

// TestReplayedSnapshot: messages of a snapshot that has ended, all over again
// and in order, change nothing, whatever has been written since.
func TestReplayedSnapshot(t *testing.T) {
	table, c := NewTable(1, Options{ChunkBytes: 60}), NewCopy(Limits{})
	for n := range 10 {
		table.Set(key(n), nil)
	}
	f := NewFeed(table, c.Have())
	old := run(t, f, c)
	table.Set("later", nil)
	table.Delete(key(3))
	run(t, f, c)
	want := c.Have()
	for _, m := range old {
		changes, reply := c.Snapshot(m.(Snapshot))
		done := Ack{Incarnation: 1, Version: 12, Snapshot: 10, Position: Done}
		if len(changes) != 0 || reply != done || c.Have() != want {
			t.Fatalf("%+v: %v, %+v, have %+v", m, changes, reply, c.Have())
		}
	}
	if !sameRows(table, c) {
		t.Errorf("rows are %v", collect(c.Rows()))
	}
}

// TestHalfSnapshotOfAnEarlierLink: a copy that still waits for the rest of a
// snapshot, from a feed that does not send one, gets a new one.
func TestHalfSnapshotOfAnEarlierLink(t *testing.T) {
	for _, part := range []int{1, 2} {
		table, f, c := linked(t, 10, Options{ChunkBytes: 60})
		table.Set("a", nil)
		run(t, f, c)
		if err := f.Pull(Pull{Incarnation: 1}); err != nil {
			t.Fatal(err)
		}
		for range part {
			m, _ := f.Next(start)
			_ = answer(f, hand(c, m))
		}
		if have := c.Have(); !have.Complete || !c.shadow.active {
			t.Fatalf("have %+v, shadow %+v", have, c.shadow)
		}
		next := NewFeed(table, c.Have())
		table.Set("b", nil)
		run(t, next, c)
		if next.Acked() != table.Version() || c.shadow.active || !sameRows(table, c) {
			t.Errorf("after %d parts: acked %d of %d, shadow %+v", part, next.Acked(), table.Version(), c.shadow)
		}
	}
}

// TestPullGoesBack: a copy knows best what it holds, even if it said more
// before; what it acked stays acked.
func TestPullGoesBack(t *testing.T) {
	_, f, _ := linked(t, 5, Options{})
	if err := f.Pull(Pull{Incarnation: 1, Have: 3}); err != nil {
		t.Fatal(err)
	}
	m, _ := f.Next(start)
	if d, ok := m.(Delta); !ok || d.From != 3 || d.To != 5 || f.Acked() != 5 {
		t.Errorf("sent %+v, acked %d", m, f.Acked())
	}
}

// TestRowsMoveUnderScan: rows move to other slots while a snapshot is under
// way and deltas keep up; the scan starts again.
func TestRowsMoveUnderScan(t *testing.T) {
	table, c := NewTable(1, Options{LogOps: 64, ChunkBytes: 60}), NewCopy(Limits{})
	for n := range 6000 {
		table.Set(key(n), nil)
	}
	f := NewFeed(table, c.Have())
	for n := range 5500 {
		if n%9 != 0 {
			table.Delete(key(n))
		}
		m, ok := f.Next(start)
		if n > 40 && n%9 != 0 {
			if s, snapshot := m.(Snapshot); !ok || snapshot && s.Part != Begin {
				t.Fatalf("write %d was not sent at once: %+v", n, m)
			}
		}
		_ = answer(f, hand(c, m))
	}
	run(t, f, c)
	if got := countOf(table.Counts(), "table_snapshots_total", "rows_moved"); got == 0 || !sameRows(table, c) {
		t.Errorf("%d restarts, %d rows of %d", got, c.Len(), table.Len())
	}
}

// TestOrderWithinSnapshot: an older state that arrives after a newer one, or
// after its deletion, is not believed.
func TestOrderWithinSnapshot(t *testing.T) {
	c := NewCopy(Limits{})
	hand(c, Snapshot{Incarnation: 1, Version: 9, Part: Begin, To: 1})
	hand(c, Delta{Incarnation: 1, From: 9, To: 11, Ops: []Op{
		{Key: "a", Value: []byte("new"), Version: 10}, {Key: "b", Deleted: true, Version: 11},
	}})
	hand(c, Snapshot{Incarnation: 1, Version: 9, Part: Rows, From: 1, To: 4, Rows: []Op{
		{Key: "a", Value: []byte("old"), Version: 9}, {Key: "b", Version: 2}, {Key: "c", Version: 3},
	}})
	reply := hand(c, Snapshot{Incarnation: 1, Version: 9, Part: End, From: 4, To: 5})
	var got []string
	for k, v := range c.Rows() {
		got = append(got, k+string(v))
	}
	if slices.Sort(got); !slices.Equal(got, []string{"anew", "c"}) || reply.(Ack).Version != 11 {
		t.Errorf("%v, %+v", got, reply)
	}
	if len(c.rows.index) != 2 {
		t.Errorf("%d slots are taken: a tombstone is left", len(c.rows.index))
	}
}

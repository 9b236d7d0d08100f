package replica

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTableVersions(t *testing.T) {
	table := NewTable(3, Options{})
	steps := []struct {
		do   func() uint64
		want uint64
	}{
		{func() uint64 { return table.Delete("a") }, 0},
		{func() uint64 { return table.Set("a", []byte("x")) }, 1},
		{func() uint64 { return table.Set("b", nil) }, 2},
		{func() uint64 { return table.Set("a", []byte("x")) }, 1}, // equal: nothing written
		{func() uint64 { return table.Set("b", []byte{}) }, 2},
		{func() uint64 { return table.Set("a", []byte("y")) }, 3},
		{func() uint64 { return table.Delete("b") }, 4},
		{func() uint64 { return table.Delete("b") }, 4},
		{func() uint64 { return table.RowVersion("b") }, 4},
		{func() uint64 { return table.RowVersion("a") }, 3},
		{func() uint64 { return table.RowVersion("c") }, 0},
		{func() uint64 { return table.Set("b", nil) }, 5},
		{table.Version, 5},
	}
	for i, s := range steps {
		if got := s.do(); got != s.want {
			t.Fatalf("step %d: %d, want %d", i, got, s.want)
		}
	}
	if v, ok := table.Get("a"); !ok || string(v) != "y" {
		t.Errorf("a = %q %v", v, ok)
	}
	if v, ok := table.Get("c"); ok || table.Len() != 2 || table.Incarnation() != 3 {
		t.Errorf("c = %q, %d rows", v, table.Len())
	}
}

// TestTableKeepsItsOwnValues: a caller may reuse its bytes, both ways.
func TestTableKeepsItsOwnValues(t *testing.T) {
	table := NewTable(1, Options{})
	v := []byte("abc")
	table.Set("k", v)
	v[0] = 'X'
	got, _ := table.Get("k")
	got[1] = 'X'
	if got, _ := table.Get("k"); string(got) != "abc" {
		t.Errorf("value is %q", got)
	}
}

// TestTombstonesAreBounded: what only the log needs goes with the log.
func TestTombstonesAreBounded(t *testing.T) {
	for name, o := range map[string]Options{"ops": {LogOps: 100}, "bytes": {LogBytes: 400}} {
		table := NewTable(1, o)
		for n := range 100_000 {
			table.Set(key(n), []byte("v"))
			table.Delete(key(n))
		}
		if n := len(table.rows.index); n > 101 || table.rows.slots > 3000 || table.Len() != 0 {
			t.Errorf("%s: %d tombstones, %d slots", name, n, table.rows.slots)
		}
		if n := cap(table.log.entries); n > 1000 {
			t.Errorf("%s: log of %d entries", name, n)
		}
	}
}

// TestTableShrinks gives memory back, and feeds follow the rows that moved.
func TestTableShrinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.opts = Options{LogOps: 64, ChunkBytes: 5000}
		w.table = NewTable(1, w.opts)
		w.opts = w.table.opts
		for n := range 5000 {
			w.set(key(n), "v")
		}
		w.up()
		w.pump(3)
		gone := rapid.IntRange(4000, 4900).Draw(t, "gone")
		for n := range gone {
			w.delete(key(n))
		}
		w.settle()
		w.converged()
		if w.table.layout == 0 || w.table.rows.slots > 4*pageRows {
			t.Fatalf("layout %d, %d slots", w.table.layout, w.table.rows.slots)
		}
		if w.copy.rows.slots > 6000 || w.copy.Len() != 5000-gone {
			t.Fatalf("copy has %d slots, %d rows", w.copy.rows.slots, w.copy.Len())
		}
	})
}

func TestMarksWrap(t *testing.T) {
	table := NewTable(1, Options{})
	table.mark = ^uint32(0)
	table.Set("a", nil)
	table.rows.at(0).mark = 1
	if d := table.since(0); len(d.Ops) != 1 || table.mark != 1 {
		t.Errorf("got %+v, mark %d", d, table.mark)
	}
}

package replica

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// BenchmarkThrough writes rows that go through Table, Feed and Copy in
// batches as a subscribe storm would make them; one op is one row.
func BenchmarkThrough(b *testing.B) {
	table, c := NewTable(1, Options{}), NewCopy(Limits{})
	f := NewFeed(table, c.Have())
	now := time.Unix(1000, 0)
	b.ReportAllocs()
	for n := range b.N {
		table.Set(fmt.Sprintf("site/%d/dev/%d/+", n%1000, n), nil)
		if n%500 == 499 || n == b.N-1 {
			for m, ok := f.Next(now); ok; m, ok = f.Next(now) {
				_ = answer(f, hand(c, m))
			}
		}
	}
	if c.Len() != b.N {
		b.Fatalf("%d rows of %d", c.Len(), b.N)
	}
}

// BenchmarkSnapshot copies a table of a million rows; one op is the whole.
func BenchmarkSnapshot(b *testing.B) {
	before := heap()
	table := NewTable(1, Options{})
	for n := range 1_000_000 {
		table.Set(fmt.Sprintf("site/%d/dev/%d/+", n%1000, n), nil)
	}
	perRow := float64(heap()-before) / 1e6
	for b.Loop() {
		c := NewCopy(Limits{})
		f := NewFeed(table, c.Have())
		for m, ok := f.Next(start); ok; m, ok = f.Next(start) {
			_ = answer(f, hand(c, m))
		}
		if c.Len() != 1_000_000 {
			b.Fatal("incomplete")
		}
	}
	b.ReportMetric(perRow, "B/row")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

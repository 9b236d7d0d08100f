package route

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

func uid(n int) core.UID { return core.UID{15: byte(n), 0: 1} }

// filled returns a table with the first n slots taken and live.
func filled(t interface{ Fatal(...any) }, n int) *Table {
	table := NewTable()
	for i := range n {
		slot, err := table.Slot(uid(i))
		if err != nil || slot != i {
			t.Fatal(slot, err)
		}
		table.SetLive(i, true)
	}
	return table
}

func TestSlots(t *testing.T) {
	table := filled(t, MaxSlots)
	if _, err := table.Slot(uid(64)); !errors.Is(err, ErrFull) {
		t.Errorf("slot 65: %v", err)
	}
	if slot, err := table.Slot(uid(7)); slot != 7 || err != nil {
		t.Errorf("the same again: %d %v", slot, err)
	}
	table.Release(9)
	table.Release(9)
	if slot, err := table.Slot(uid(64)); slot != 9 || err != nil {
		t.Errorf("after a release: %d %v", slot, err)
	}
	if _, err := NewTable().Slot(core.UID{}); err == nil {
		t.Error("the zero uid has a slot")
	}
	for _, slot := range []int{-1, 64, 99} {
		if err := table.Apply(slot, "a", true); !errors.Is(err, ErrSlot) || table.Len(slot) != 0 {
			t.Errorf("slot %d: %v", slot, err)
		}
		table.Release(slot)
		table.SetLive(slot, true)
		table.SetFlood(slot, true)
	}
	if got := table.flood.Load(); got != 0 {
		t.Errorf("flood is %b", got)
	}
	if err := table.Apply(0, "a#", true); !errors.Is(err, core.ErrWildcard) {
		t.Error(err)
	}
}

func TestLive(t *testing.T) {
	table := filled(t, 3)
	table.SetLive(1, false)
	if got := table.Live(); got != 0b101 {
		t.Errorf("live: %b", got)
	}
	table.Release(0)
	if got := table.Live(); got != 0b100 {
		t.Errorf("after a release: %b", got)
	}
}

func TestMaskAndFlood(t *testing.T) {
	table := filled(t, 4)
	_ = table.Apply(0, "a/+", true)
	_ = table.Apply(1, "a/b", true)
	_ = table.Apply(1, "a/#", true)
	table.SetFlood(3, true)
	match := func(topic core.Topic, want uint64) {
		t.Helper()
		if got := table.Match(topic); got != want {
			t.Errorf("%s: %b, want %b", topic, got, want)
		}
	}
	match("a/b", 0b1011)
	match("x", 0b1000)
	table.SetLive(1, false)
	table.SetLive(3, false)
	match("a/b", 0b0001)
	match("x", 0)
	if live, away := table.MatchAll("a/b"); live != 0b0001 || away != 0b0010 { // a flooded node routes nothing by that
		t.Errorf("a/b: live %b, away %b", live, away)
	}
	table.SetLive(1, true)
	match("a/c", 0b0011)
	want := []Row{{"a/#", 0b10}, {"a/+", 0b1}, {"a/b", 0b10}}
	if diff := cmp.Diff(want, table.MatchFilters("a/b")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, table.All()); diff != "" {
		t.Error(diff)
	}
	table.Release(1)
	if got := table.All(); len(got) != 1 || table.Len(1) != 0 {
		t.Errorf("after a release: %v", got)
	}
	table.Release(3)
	_, _ = table.Slot(uid(1))
	_, _ = table.Slot(uid(3))
	table.SetLive(3, true)
	match("x", 0) // a slot comes back neither flooded nor live
}

// TestTableTwin compares random routes with a plain map.
func TestTableTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := filled(t, 6)
		twin := map[string]core.Filter{}
		name := func(slot int, f core.Filter) string { return fmt.Sprint(slot, f) }
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			slot, f := rapid.IntRange(0, 5).Draw(t, "slot"), filters.Draw(t, "filter")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				table.Release(slot)
				_, _ = table.Slot(uid(slot))
				table.SetLive(slot, true)
				for _, f := range twin {
					delete(twin, name(slot, f))
				}
			case 1, 2, 3:
				_ = table.Apply(slot, f, false)
				delete(twin, name(slot, f))
			default:
				if table.Apply(slot, f, true) == nil {
					twin[name(slot, f)] = f
				}
			}
		}
		topic := topics.Draw(t, "topic")
		var want uint64
		for slot := range 6 {
			rows := 0
			for n, f := range twin {
				if n == name(slot, f) {
					rows++
					if f.Matches(topic) {
						want |= 1 << slot
					}
				}
			}
			if table.Len(slot) != rows {
				t.Fatalf("slot %d: %d routes, want %d", slot, table.Len(slot), rows)
			}
		}
		if got := table.Match(topic); got != want {
			t.Fatalf("%q: %b, want %b", topic, got, want)
		}
	})
}

func TestMatchAllocatesNothing(t *testing.T) {
	table := filled(t, 2)
	for n := range 5000 {
		_ = table.Apply(n%2, mixed(n), true)
		_ = table.Apply(n%2, core.Filter(fmt.Sprintf("cmd/+/%d/#", n)), true)
	}
	buf := make([]*nodes, 0, 16)
	if n := testing.AllocsPerRun(100, func() {
		table.Match("site/5/dev/605/temperature")
		buf = table.index.Match("cmd/x/17/y/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15", buf[:0])
	}); n != 0 || len(buf) != 1 {
		t.Errorf("%v allocations, %d matches", n, len(buf))
	}
}

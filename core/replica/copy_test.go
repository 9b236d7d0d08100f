package replica

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestRestartLeavesNoHole: rows of the earlier incarnation are in effect until
// the snapshot of the later one ends; then what it did not mention goes.
func TestRestartLeavesNoHole(t *testing.T) {
	_, _, c := linked(t, 4, Options{})
	if err := c.Meet(2); err != nil || c.Complete() || c.Len() != 4 {
		t.Fatalf("%v, complete %v, %d rows", err, c.Complete(), c.Len())
	}
	table := NewTable(2, Options{})
	table.Set(key(1), nil)
	table.Set(key(2), []byte("other"))
	f := NewFeed(table, c.Have())
	var got [][]Change
	for m, ok := f.Next(start); ok; m, ok = f.Next(start) {
		changes, reply := c.Snapshot(m.(Snapshot))
		got = append(got, append([]Change(nil), changes...))
		if err := answer(f, reply); err != nil {
			t.Fatal(err)
		}
	}
	want := [][]Change{nil,
		{{Key: key(2), Value: []byte("other")}},
		{{Key: key(0), Deleted: true}, {Key: key(3), Deleted: true}},
	}
	if diff := cmp.Diff(want, got); diff != "" || !c.Complete() {
		t.Error(diff)
	}
	if v, ok := c.Get(key(2)); !ok || string(v) != "other" {
		t.Errorf("%q %v", v, ok)
	}
	if _, ok := c.Get(key(3)); ok {
		t.Error("a row of the earlier incarnation is left")
	}
}

func TestLowerIncarnationIsRefused(t *testing.T) {
	_, _, c := linked(t, 3, Options{})
	if err := c.Meet(5); err != nil {
		t.Fatal(err)
	}
	if err := c.Meet(4); !errors.Is(err, ErrIncarnation) {
		t.Error(err)
	}
	for _, m := range []Message{
		Delta{Incarnation: 4, To: 9, Ops: []Op{{Key: "x", Version: 9}}},
		Snapshot{Incarnation: 4, Part: Begin, To: 1},
	} {
		if reply := hand(c, m); reply != (Ack{Incarnation: 5}) || c.Len() != 3 {
			t.Errorf("%+v: %+v", m, reply)
		}
	}
	if got := countOf(c.Counts(), "table_messages_ignored_total", "incarnation"); got != 3 {
		t.Errorf("%d counted", got)
	}
}

// TestGap: a delta that leaves something out changes nothing and is answered
// with what is missing.
func TestGap(t *testing.T) {
	_, _, c := linked(t, 3, Options{})
	reply := hand(c, Delta{Incarnation: 1, From: 4, To: 5, Ops: []Op{{Key: "x", Version: 5}}})
	if reply != (Pull{Incarnation: 1, Have: 3}) || c.Len() != 3 {
		t.Errorf("%+v, %d rows", reply, c.Len())
	}
	reply = hand(NewCopy(Limits{}), Delta{Incarnation: 1, From: 0, To: 1})
	if reply != (Pull{Incarnation: 1}) {
		t.Errorf("a copy with nothing answers %+v", reply)
	}
}

// TestLimits: rows beyond the limits stay out, are counted, and make the copy
// incomplete until there is room for a new snapshot.
func TestLimits(t *testing.T) {
	for name, limits := range map[string]Limits{"row_limit": {Rows: 8}, "byte_limit": {Bytes: 16}} {
		table, c := NewTable(1, Options{}), NewCopy(limits)
		for n := range 10 {
			table.Set(key(n), nil)
		}
		f := NewFeed(table, c.Have())
		run(t, f, c)
		if c.Complete() || c.Len() != 8 || f.Acked() != 10 {
			t.Errorf("%s: complete %v with %d rows", name, c.Complete(), c.Len())
		}
		if got := countOf(c.Counts(), "table_rows_refused_total", name); got != 2 {
			t.Errorf("%s: %d refused rows counted", name, got)
		}
		for n := range 6 {
			table.Delete(key(n))
		}
		run(t, f, c)
		if !c.Complete() || c.Len() != 4 {
			t.Errorf("%s: complete %v with %d rows", name, c.Complete(), c.Len())
		}
	}
}

func TestMalformed(t *testing.T) {
	c := NewCopy(Limits{})
	for _, m := range []Message{
		Delta{Incarnation: 9, From: 2, To: 1},
		Snapshot{Incarnation: 9, Part: 0, To: 1},
		Snapshot{Incarnation: 9, Part: 4, From: 1, To: 2},
		Snapshot{Incarnation: 9, Part: Begin, From: 1, To: 2},
		Snapshot{Incarnation: 9, Part: Begin, To: 2},
		Snapshot{Incarnation: 9, Part: Rows, From: 2, To: 2},
		Snapshot{Incarnation: 9, Part: End, From: 0, To: 1},
		Snapshot{Incarnation: 9, Part: End, From: 1, To: Done},
	} {
		if reply := hand(c, m); reply != nil || c.Have() != (Have{}) {
			t.Errorf("%+v: %+v", m, reply)
		}
	}
	if got := countOf(c.Counts(), "table_messages_ignored_total", "malformed"); got != 8 {
		t.Errorf("%d counted", got)
	}
}

// TestHostile throws messages that nobody sent at both ends: nothing panics,
// limits hold, and a snapshot asked for afterwards puts everything right.
func TestHostile(t *testing.T) {
	number := rapid.OneOf(rapid.Uint64Range(0, 12), rapid.Uint64())
	rapid.Check(t, func(t *rapid.T) {
		table, c := NewTable(2, tiny), NewCopy(Limits{Rows: 50})
		f := NewFeed(table, Have{})
		draw := func(what string) uint64 { return number.Draw(t, what) }
		ops := func() (ops []Op) {
			for range rapid.IntRange(0, 3).Draw(t, "ops") {
				ops = append(ops, Op{Key: key(int(draw("key") % 99)), Deleted: rapid.Bool().Draw(t, "del"), Version: draw("v")})
			}
			return ops
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			table.Set(key(int(draw("key")%30)), []byte{byte(draw("value"))})
			inc := table.inc - 1
			switch rapid.IntRange(0, 4).Draw(t, "message") {
			case 0:
				hand(c, Delta{Incarnation: inc, From: draw("from"), To: draw("to"), Ops: ops()})
			case 1:
				part := Part(rapid.IntRange(0, 4).Draw(t, "part"))
				hand(c, Snapshot{Incarnation: inc, Version: draw("v"), Part: part, From: draw("from"), To: draw("to"), Rows: ops()})
			case 2:
				_ = f.Ack(Ack{Incarnation: 2, Version: draw("v"), Snapshot: draw("s"), Position: draw("p")})
			case 3:
				_ = f.Pull(Pull{Incarnation: 2, Have: draw("have")})
			default:
				f.Next(start.Add(1 << (draw("later") % 40)))
			}
			if len(c.rows.index) > 50 || f.Acked() > table.Version() {
				t.Fatalf("%d rows, acked %d of %d", len(c.rows.index), f.Acked(), table.Version())
			}
		}
		honest := NewFeed(table, c.Have())
		for m, ok := honest.Next(start); ok; m, ok = honest.Next(start) {
			_ = answer(honest, hand(c, m))
		}
		if !c.Complete() || !sameRows(table, c) {
			t.Fatalf("after all: %+v, %v", c.Have(), collect(c.Rows()))
		}
	})
}

func sameRows(table *Table, c *Copy) bool {
	for k, v := range table.Rows() {
		if got, ok := c.Get(k); !ok || !bytes.Equal(got, v) {
			return false
		}
	}
	return c.Len() == table.Len()
}

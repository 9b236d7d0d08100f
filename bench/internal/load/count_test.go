package load

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestLedgerTwin compares the ledger with one that remembers every arrival.
func TestLedgerTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		publishers := rapid.IntRange(1, 3).Draw(t, "publishers")
		messages := rapid.Uint64Range(1, 130).Draw(t, "messages")
		l := newLedger(9, publishers, messages)
		var want Tally
		seen := map[mark]bool{}
		highest := map[uint32]uint64{}
		for range rapid.IntRange(0, 400).Draw(t, "arrivals") {
			m := mark{run: 9, publisher: uint32(rapid.IntRange(0, publishers).Draw(t, "p")), sequence: rapid.Uint64Range(0, messages+1).Draw(t, "s")}
			l.note(m)
			switch {
			case int(m.publisher) == publishers || m.sequence == 0 || m.sequence > messages:
				want.Foreign++
				continue
			case seen[m]:
				want.Duplicates++
			case m.sequence < highest[m.publisher]:
				want.Reordered++
			}
			want.Received++
			seen[m] = true
			highest[m.publisher] = max(highest[m.publisher], m.sequence)
		}
		want.Unique = uint64(len(seen))
		want.Missing = uint64(publishers)*messages - want.Unique
		if got := l.close(); got != want || l.complete() != (want.Missing == 0) {
			t.Fatalf("counted %+v, want %+v", got, want)
		}
	})
}

func TestForeignRun(t *testing.T) {
	l := newLedger(1, 1, 1)
	if l.note(mark{run: 2, sequence: 1}) || l.close().Foreign != 1 {
		t.Errorf("another run's message was counted: %+v", l.close())
	}
}

func TestMark(t *testing.T) {
	m := mark{run: 1 << 31, publisher: 2, sequence: 1 << 40, sent: 5}
	payload := make([]byte, MinSize)
	m.put(payload)
	if back, ok := readMark(payload); !ok || back != m {
		t.Errorf("%+v came back as %+v", m, back)
	}
	if _, ok := readMark(payload[1:]); ok {
		t.Error("a short payload has a mark")
	}
}

// TestHistogramTwin compares quantiles with those of the sorted durations.
func TestHistogramTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		durations := rapid.SliceOfN(rapid.Int64Range(0, 1<<62), 1, 200).Draw(t, "durations")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		var h Histogram
		for _, d := range durations {
			h.Add(time.Duration(d))
		}
		slices.Sort(durations)
		exact := time.Duration(durations[max(int(ceil(q*float64(len(durations)))), 1)-1])
		got := h.Quantile(q)
		if got < exact || got-exact > exact/32+1 {
			t.Fatalf("quantile %v is %v, exactly %v", q, got, exact)
		}
	})
}

func ceil(f float64) float64 {
	if n := float64(int(f)); n < f {
		return n + 1
	}
	return f
}

func TestHistogramJSON(t *testing.T) {
	var h, other Histogram
	for i := range 1000 {
		h.Add(time.Duration(i) * time.Microsecond)
	}
	h.Add(-time.Second)
	text, err := json.Marshal(&h)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &other); err != nil || h != other {
		t.Errorf("changed on the way: %v", err)
	}
	other.Merge(&h)
	if other.Count() != 2002 || other.Quantile(0.5) != h.Quantile(0.5) {
		t.Errorf("merged with itself: %d, %v", other.Count(), other.Quantile(0.5))
	}
	for _, bad := range []string{"{}", "[[99999,1]]", "[[-1,1]]"} {
		if err := json.Unmarshal([]byte(bad), &other); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	if (&Histogram{}).Quantile(0.5) != 0 {
		t.Error("an empty histogram has a quantile")
	}
}

func TestPace(t *testing.T) {
	start := time.Unix(1000, 0)
	p := newPace(Options{Clients: 2, Rate: 1000}, 1, start) // each 2 ms, from 1 ms on
	if w := p.wait(1, start); w != time.Millisecond {
		t.Errorf("the first waits %v", w)
	}
	at := start.Add(7 * time.Millisecond) // the fourth is due
	if w := p.wait(5, at); w != 2*time.Millisecond {
		t.Errorf("the fifth waits %v", w)
	}
	if due := p.due(4, at.Add(time.Second)); !due.Equal(at) {
		t.Errorf("held up by the broker, the fourth counts from %v", due)
	}
	p.woke = at.Add(time.Millisecond)
	if due := p.due(4, at.Add(time.Second)); !due.Equal(p.woke) {
		t.Errorf("overslept, the fourth counts from %v", due)
	}
	alone := newPace(Options{Role: Loop, Clients: 1000, Publishers: 1, Rate: 1000}, 0, start)
	if w := alone.wait(2, start); w != time.Millisecond {
		t.Errorf("the subscribers of a loop slow its publisher down to one in %v", w)
	}
	flat := newPace(Options{Clients: 2}, 1, start)
	if flat.wait(100, start) > 0 || !flat.due(100, at).Equal(at) {
		t.Error("as fast as possible waits for nothing")
	}
}

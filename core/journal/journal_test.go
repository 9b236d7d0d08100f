package journal

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/muster-mqtt/muster/core"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kind is what the tests append.
const kind = OwnerKinds

// opened is a journal with what it recovered, as text.
func opened(t testing.TB, o Options) (*Journal, []string) {
	t.Helper()
	j, got, err := tryOpen(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return j, got
}

func tryOpen(t testing.TB, o Options) (*Journal, []string, error) {
	t.Helper()
	j, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = j.Recover(func(k byte, record []byte) error {
		if k != kind {
			return fmt.Errorf("kind %d", k)
		}
		got = append(got, string(record))
		return nil
	})
	return j, got, err
}

// put appends records and waits until they are written.
func put(j *Journal, records ...string) {
	for _, r := range records {
		j.Append(kind, []byte(r))
	}
	settled(j)
}

func settled(j *Journal) {
	done := make(chan struct{})
	j.Written(func() { close(done) })
	<-done
}

func shut(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// contents is what a start finds in a directory.
func contents(t testing.TB, d *memDir) []string {
	t.Helper()
	j, got := opened(t, Options{dir: d})
	shut(t, j)
	return got
}

// count is the value of a counter.
func count(j *Journal, name, reason string) uint64 {
	cs := j.Counters()
	i := slices.IndexFunc(cs, func(c core.Count) bool { return c.Name == name && c.Reason == reason })
	return cs[i].Value
}

// TestRoundTrip: what was appended is found again by the next start, in order.
func TestRoundTrip(t *testing.T) {
	o := Options{Dir: t.TempDir() + "/journal"}
	j, got := opened(t, o)
	if len(got) != 0 {
		t.Errorf("a new one holds %q", got)
	}
	put(j, "one", "", "three")
	put(j, strings.Repeat("x", 1<<20))
	shut(t, j)
	j, got = opened(t, o)
	if want := []string{"one", "", "three", strings.Repeat("x", 1<<20)}; !slices.Equal(got, want) {
		t.Errorf("got %d records", len(got))
	}
	put(j, "five")
	shut(t, j)
	j, got = opened(t, o)
	if len(got) != 5 || got[4] != "five" {
		t.Errorf("got %d records", len(got))
	}
	if n := count(j, "journal_recovered_records_total", ""); n != 5 {
		t.Errorf("%d counted", n)
	}
	shut(t, j)
}

// TestClosed: a second Close says so, a record that comes too late is counted,
// and nothing claims that it was written.
func TestClosed(t *testing.T) {
	j, _ := opened(t, Options{dir: newMemDir()})
	put(j, "a")
	shut(t, j)
	if err := j.Close(); err != ErrClosed {
		t.Errorf("got %v", err)
	}
	called := false
	j.Written(func() { called = true })
	if !called {
		t.Error("everything was written")
	}
	j.Append(kind, []byte("b"))
	j.Written(func() { t.Error("this was never written") })
	if n := count(j, "journal_records_dropped_total", "closed"); n != 1 {
		t.Errorf("%d dropped", n)
	}
}

// TestOneWrite: what gathers while one batch is written is the next batch.
func TestOneWrite(t *testing.T) {
	d := newMemDir()
	writing, go_ := make(chan struct{}), make(chan struct{})
	first := true
	d.fail = func(o op) error {
		if o.what == "write" && o.offset > 0 && first {
			first = false
			close(writing)
			<-go_
		}
		return nil
	}
	j, _ := opened(t, Options{dir: d})
	j.Append(kind, []byte("a"))
	<-writing
	for range 100 {
		j.Append(kind, []byte("b"))
	}
	close(go_)
	settled(j)
	if n := count(j, "journal_batches_total", ""); n != 2 {
		t.Errorf("%d batches", n)
	}
	if n := count(j, "journal_records_total", ""); n != 101 {
		t.Errorf("%d records", n)
	}
	shut(t, j)
}

// TestHold: records of overlapping holds are in one batch, whatever is
// appended and released between.
func TestHold(t *testing.T) {
	d := newMemDir()
	j, _ := opened(t, Options{dir: d})
	put(j, "before")
	j.Append(kind, []byte("ahead"))
	j.Hold()
	j.Append(kind, []byte("a1"))
	j.Hold()
	j.Append(kind, []byte("b1"))
	j.Release()
	j.Append(kind, []byte("other"))
	j.Append(kind, []byte("a2"))
	j.Release()
	settled(j)
	shut(t, j)
	for n := range d.log {
		got := contents(t, d.killed(n, 20))
		if text := strings.Join(got, " "); strings.Contains(text, "a1") && text != "before ahead a1 b1 other a2" {
			t.Errorf("after %d changes: %s", n, text)
		}
	}
}

// TestManyHolds: overlapping holds without end do not keep the log from being
// written, and a kill at any instant leaves all records of a hold or none.
func TestManyHolds(t *testing.T) {
	const actors, rounds = 8, 200
	d := newMemDir()
	j, _ := opened(t, Options{dir: d, Memory: 2000})
	var wg sync.WaitGroup
	for a := range actors {
		wg.Go(func() {
			for i := range rounds {
				j.Hold()
				for part := range 3 {
					j.Append(kind, fmt.Appendf(nil, "%d/%d/%d", a, i, part))
				}
				j.Release()
				if i%16 == 0 {
					settled(j)
				}
			}
		})
	}
	wg.Wait()
	shut(t, j)
	for n := 0; n <= len(d.log); n += 1 + n/50 {
		got := contents(t, d.killed(n, n%40))
		parts := map[string]int{}
		for _, r := range got {
			parts[r[:strings.LastIndexByte(r, '/')]]++
		}
		for group, n := range parts {
			if n != 3 {
				t.Fatalf("%d records of hold %s", n, group)
			}
		}
	}
}

func BenchmarkWrittenIdle(b *testing.B) {
	j, _ := opened(b, Options{Dir: b.TempDir()})
	put(j, "a")
	n := 0
	done := func() { n++ }
	b.ReportAllocs()
	for b.Loop() {
		j.Written(done)
	}
	shut(b, j)
}

// BenchmarkAppendWritten has 100 publishers, each of which waits for its own
// record.
func BenchmarkAppendWritten(b *testing.B) {
	for _, actors := range []int{1, 100} {
		b.Run(fmt.Sprint(actors), func(b *testing.B) {
			j, _ := opened(b, Options{Dir: b.TempDir()})
			record := make([]byte, 100)
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for a := range actors {
				wg.Go(func() {
					done := make(chan struct{}, 1)
					tell := func() { done <- struct{}{} }
					for i := a; i < b.N; i += actors {
						j.Append(kind, record)
						j.Written(tell)
						<-done
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(count(j, "journal_records_total", ""))/float64(max(count(j, "journal_batches_total", ""), 1)), "records/batch")
			shut(b, j)
		})
	}
}

// BenchmarkAppend is what a delivery to a session pays.
func BenchmarkAppend(b *testing.B) {
	j, _ := opened(b, Options{Dir: b.TempDir(), Compact: 1 << 40})
	record := make([]byte, 20)
	b.ReportAllocs()
	for b.Loop() {
		j.Append(kind, record)
	}
	settled(j)
	shut(b, j)
}

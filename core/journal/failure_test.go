package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// broken makes every change that match says fail, while on.
type broken struct {
	on    bool
	match func(op) bool
}

func (b *broken) fail(o op) error {
	if b.on && b.match(o) {
		return errFull
	}
	return nil
}

func (d *memDir) set(b *broken, on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b.on = on
}

// TestFailures: while the log cannot be written nothing is reported as
// written, the state says so, no half batch stays, and afterwards everything
// is there, in order.
func TestFailures(t *testing.T) {
	for name, match := range map[string]func(op) bool{
		"write":      func(o op) bool { return o.what == "write" },
		"end":        func(o op) bool { return o.what == "write" || o.what == "truncate" },
		"sync":       func(o op) bool { return o.what == "sync" },
		"everything": func(op) bool { return true },
	} {
		for _, short := range []int{0, 1, 30, 1000} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { failAndHeal(t, match, short) })
			})
		}
	}
}

func failAndHeal(t *testing.T, match func(op) bool, short int) {
	d, b := newMemDir(), &broken{match: match}
	d.fail, d.short = b.fail, short
	j, _ := opened(t, Options{dir: d, Sync: Always})
	put(j, "before")
	d.set(b, true)
	written := false
	j.Append(kind, []byte(strings.Repeat("x", 100)))
	j.Written(func() { written = true })
	time.Sleep(time.Minute)
	synctest.Wait()
	if !errors.Is(j.Health(), errFull) || count(j, "journal_failing", "") != 1 {
		t.Errorf("health: %v", j.Health())
	}
	n := count(j, "journal_failures_total", "")
	if written || n < 20 || n > 60 {
		t.Errorf("written: %v, %d tries in a minute", written, n)
	}
	d.set(b, false)
	time.Sleep(lastRetry)
	synctest.Wait()
	if !written || j.Health() != nil {
		t.Errorf("written: %v, health %v", written, j.Health())
	}
	put(j, "after")
	shut(t, j)
	if got := contents(t, d); !slices.Equal(got, []string{"before", strings.Repeat("x", 100), "after"}) {
		t.Errorf("got %q", got)
	}
}

// TestFailedSegment: a new segment that cannot be begun is begun later, and
// the records that belong to it wait.
func TestFailedSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDir()
		b := &broken{match: func(o op) bool { return strings.HasSuffix(o.name, "2"+suffix) }}
		d.fail = b.fail
		j, _ := opened(t, Options{dir: d, Compact: 100, Checkpoint: func(add func(byte, []byte)) error { add(kind, []byte("whole")); return nil }})
		d.set(b, true)
		put(j, strings.Repeat("x", 200))
		synctest.Wait()
		written := false
		j.Append(kind, []byte("later"))
		j.Written(func() { written = true })
		time.Sleep(time.Minute)
		synctest.Wait()
		if written || j.Health() == nil {
			t.Errorf("written: %v, health %v", written, j.Health())
		}
		d.set(b, false)
		time.Sleep(lastRetry)
		synctest.Wait()
		if !written || j.Health() != nil {
			t.Errorf("written: %v, health %v", written, j.Health())
		}
		shut(t, j)
		if got := contents(t, d); !slices.Equal(got, []string{"whole", "later"}) {
			t.Errorf("got %q", got)
		}
	})
}

// TestFull: when the memory is full, Ready waits, and goes on when there is
// room; Append waits later, and a hold does not make it wait for itself.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newMemDir(), &broken{match: func(op) bool { return true }}
		d.fail = b.fail
		j, _ := opened(t, Options{dir: d, Memory: 200})
		d.set(b, true)
		sent, ready := 0, 0
		go func() {
			for range 100 {
				j.Hold()
				j.Append(kind, make([]byte, 50))
				j.Append(kind, make([]byte, 50))
				j.Release()
				sent++
			}
		}()
		time.Sleep(time.Second)
		go func() {
			if j.Ready(t.Context()) == nil {
				ready++
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := j.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ready: %v", err)
		}
		synctest.Wait()
		if sent > 4*overfull || ready > 0 || count(j, "journal_waits_total", "memory_overfull") == 0 || count(j, "journal_waits_total", "memory_full") != 2 {
			t.Errorf("%d holds went into 17 times 200 bytes, %d were ready", sent, ready)
		}
		d.set(b, false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if sent != 100 || ready != 1 {
			t.Errorf("only %d went through in the end, %d ready", sent, ready)
		}
		shut(t, j)
	})
}

// TestCloseFailing: Close does not wait for a disk that is full; it says what
// is lost, and lets go on who waits.
func TestCloseFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newMemDir(), &broken{match: func(o op) bool { return o.what == "write" }}
		d.fail = b.fail
		j, _ := opened(t, Options{dir: d, Memory: 100})
		put(j, "kept")
		d.set(b, true)
		for range 20 {
			go j.Append(kind, make([]byte, 90))
		}
		synctest.Wait()
		j.Written(func() { t.Error("that is not so") })
		err := j.Close()
		synctest.Wait()
		left := fmt.Sprintf("%d records", 20-count(j, "journal_records_dropped_total", "closed"))
		if !errors.Is(err, errFull) || !strings.Contains(err.Error(), left) {
			t.Errorf("got %v", err)
		}
		d.set(b, false)
		if got := contents(t, d); !slices.Equal(got, []string{"kept"}) {
			t.Errorf("got %q", got)
		}
	})
}

// TestHurry: when the process is about to end nobody waits. What was dropped
// then is at the end, and nothing claims that it was written.
func TestHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newMemDir(), &broken{match: func(o op) bool { return o.what == "write" }}
		d.fail = b.fail
		j, _ := opened(t, Options{dir: d, Memory: 100})
		d.set(b, true)
		for range 20 {
			go j.Append(kind, make([]byte, 90))
		}
		synctest.Wait()
		j.Hurry()
		synctest.Wait()
		dropped := int(count(j, "journal_records_dropped_total", "closed"))
		if dropped == 0 || dropped > 12 {
			t.Errorf("%d dropped", dropped)
		}
		j.Append(kind, nil)
		j.Written(func() { t.Error("that is not so") })
		d.set(b, false)
		time.Sleep(lastRetry)
		shut(t, j)
		if got := contents(t, d); len(got) != 20-dropped {
			t.Errorf("%d records, %d dropped", len(got), dropped)
		}
	})
}

// TestInterval: with an interval the log is synced that often and only when
// there is something to sync, idle or busy; a failure is told until it works.
func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newMemDir(), &broken{match: func(o op) bool { return o.what == "sync" }}
		d.fail = b.fail
		j, _ := opened(t, Options{dir: d, Sync: Policy(time.Second)})
		syncs := func() (n int) {
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, o := range d.log {
				if o.what == "sync" {
					n++
				}
			}
			return n
		}
		put(j, "a")
		begun := syncs()
		for range 100 {
			put(j, "b")
			time.Sleep(100 * time.Millisecond)
		}
		if n := syncs() - begun; n < 9 || n > 10 {
			t.Errorf("%d syncs in 10 s", n)
		}
		time.Sleep(time.Hour)
		idle := syncs()
		time.Sleep(time.Hour)
		if syncs() != idle {
			t.Error("synced without need")
		}
		d.set(b, true)
		put(j, "c")
		time.Sleep(5 * time.Second)
		put(j, "written all the same")
		if j.Health() == nil {
			t.Error("a sync that fails must be told")
		}
		d.set(b, false)
		time.Sleep(5 * time.Second)
		if j.Health() != nil {
			t.Error(j.Health())
		}
		shut(t, j)
	})
}

// TestHoldGate: a hold waits for the end of many others, not for ever.
func TestHoldGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, _ := opened(t, Options{dir: newMemDir()})
		for range maxOverlap {
			j.Hold()
		}
		began := time.Now()
		j.Hold()
		if time.Since(began) != holdWait || count(j, "journal_waits_total", "holds_overlap") != 1 {
			t.Errorf("waited %v", time.Since(began))
		}
		entered := false
		go func() { j.Hold(); entered = true; j.Release() }()
		for range maxOverlap + 1 {
			j.Release()
		}
		synctest.Wait()
		if !entered {
			t.Error("the gate stays shut")
		}
		j.Release() // one too many changes nothing
		put(j, "a")
		shut(t, j)
	})
}

// TestFailedCheckpoint: what a checkpoint could not write whole takes the place
// of nothing.
func TestFailedCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, calls := newMemDir(), 0
		j, _ := opened(t, Options{dir: d, Compact: 100, Checkpoint: func(add func(byte, []byte)) error {
			calls++
			add(kind, []byte("half"))
			return errFull
		}})
		for range 3 {
			put(j, strings.Repeat("x", 200))
			synctest.Wait()
		}
		shut(t, j)
		if got := contents(t, d); calls != 1 || len(got) != 4 || len(d.files) != 2 {
			t.Errorf("%d calls, %d records in %d files", calls, len(got), len(d.files))
		}
	})
}

package discoverytest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
)

// doomed is a test that may fail.
type doomed struct {
	*testing.T
	said string
}

func (d *doomed) Fatalf(format string, args ...any) {
	d.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// dies runs f, which must be fatal for its test, and returns what it said.
func dies(t *testing.T, f func(t discoverytest.TB)) string {
	t.Helper()
	d := &doomed{T: t}
	over := make(chan struct{})
	go func() {
		defer close(over)
		f(d)
	}()
	<-over
	return d.said
}

// resync is an event that says so.
func resync(reason string) discovery.Event { return discovery.Event{Resync: reason} }

func says(reason string) func(discovery.Event) bool {
	return func(ev discovery.Event) bool { return ev.Resync == reason }
}

var errOver = errors.New("over")

// script tells of reasons, a second before each, and ends with errOver, or
// with the test where it is silent.
func script(silent bool, reasons ...string) func(context.Context, string, func(discovery.Event) error) error {
	return func(ctx context.Context, _ string, on func(discovery.Event) error) error {
		for _, r := range reasons {
			time.Sleep(time.Second)
			if err := on(resync(r)); err != nil {
				return err
			}
		}
		if silent {
			<-ctx.Done()
		}
		return errOver
	}
}

func TestWatching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := discoverytest.Watch(t, script(false, "a", "b", "c"))
		began := time.Now()
		w.Until(time.Minute, "b", says("b"))
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("b comes after %v", took)
		}
		if ended, err := w.UntilOrEnd(time.Minute, "c", says("c")); ended {
			t.Error(err)
		}
		if err := w.End(time.Minute); !errors.Is(err, errOver) {
			t.Error(err)
		}
	})
}

// What was told before the end is read before the end, however late the reader
// comes.
func TestToldAndOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // a choice at random would be right in half of them
			w := discoverytest.Watch(t, func(_ context.Context, _ string, on func(discovery.Event) error) error {
				return errors.Join(on(resync("a")), on(resync("b")), errOver)
			})
			synctest.Wait()
			for _, reason := range []string{"a", "b"} {
				w.Until(time.Minute, reason, says(reason))
			}
			if err := w.End(time.Minute); !errors.Is(err, errOver) {
				t.Error(err)
			}
		}
	})
}

func TestWatchingInVain(t *testing.T) {
	for _, x := range []struct {
		name   string
		silent bool
		use    func(w *discoverytest.Watching)
		want   string
	}{
		{"what does not come", true, func(w *discoverytest.Watching) { w.Until(time.Minute, "x", says("x")) }, "does not tell of x within 1m0s"},
		{"the end", false, func(w *discoverytest.Watching) { w.Until(time.Minute, "x", says("x")) }, "ends instead of telling of x: over"},
		{"no end", true, func(w *discoverytest.Watching) { _ = w.End(time.Minute) }, "does not tell of its end within 1m0s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			said := dies(t, func(t discoverytest.TB) { x.use(discoverytest.Watch(t, script(x.silent, "a"))) })
			if !strings.Contains(said, x.want) {
				t.Errorf("%s: %q", x.name, said)
			}
		})
	}
}

// A test that does not read ends all the same.
func TestUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		discoverytest.Watch(t, func(_ context.Context, _ string, on func(discovery.Event) error) error {
			for {
				if err := on(resync("again")); err != nil {
					return err
				}
			}
		})
		synctest.Wait()
	})
}

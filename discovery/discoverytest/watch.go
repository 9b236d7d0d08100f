package discoverytest

import (
	"context"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// maxUnread is how many events wait for a test that reads none; the watch waits
// with the next.
const maxUnread = 1000

// Watching is a watch that hands its events over one by one.
type Watching struct {
	t      TB
	events chan discovery.Event
	ended  chan error
}

// Watch opens a watch from its beginning, by the method Watch of a Client or of
// a strategy. It ends with the test.
func Watch(t TB, watch func(ctx context.Context, resume string, on func(discovery.Event) error) error) *Watching {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watching{t: t, events: make(chan discovery.Event, maxUnread), ended: make(chan error, 1)}
	over := make(chan struct{})
	go func() {
		defer close(over)
		w.ended <- watch(ctx, "", func(ev discovery.Event) error {
			select {
			case w.events <- ev:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-over
	})
	return w
}

// Until reads events up to the first that ok wants. That none comes in time, or
// the watch ends before, is fatal for the test; what names the event.
func (w *Watching) Until(within time.Duration, what string, ok func(discovery.Event) bool) {
	w.t.Helper()
	if ended, err := w.UntilOrEnd(within, what, ok); ended {
		w.t.Fatalf("the watch ends instead of telling of %s: %v", what, err)
	}
}

// UntilOrEnd reads as Until does, but the watch may have ended before, with err.
func (w *Watching) UntilOrEnd(within time.Duration, what string, ok func(discovery.Event) bool) (ended bool, err error) {
	w.t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		select {
		case ev := <-w.events:
			if ok(ev) {
				return false, nil
			}
		case err := <-w.ended:
			if w.told(ok) {
				w.ended <- err // for who reads on
				return false, nil
			}
			return true, err
		case <-timer.C:
			w.t.Fatalf("the watch does not tell of %s within %v", what, within)
			return false, nil
		}
	}
}

// told reads the events that wait, up to the first that ok wants. A watch that
// has ended tells no more: what it told before comes first.
func (w *Watching) told(ok func(discovery.Event) bool) bool {
	for {
		select {
		case ev := <-w.events:
			if ok(ev) {
				return true
			}
		default:
			return false
		}
	}
}

// End reads all events up to the end of the watch and returns its error. That
// it does not end in time is fatal for the test.
func (w *Watching) End(within time.Duration) error {
	w.t.Helper()
	_, err := w.UntilOrEnd(within, "its end", func(discovery.Event) bool { return false })
	return err
}

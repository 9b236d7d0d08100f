package node

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/muster-mqtt/muster/discovery"
)

// looseWatcher tells from many goroutines at once, and goes on when its watch
// has ended.
type looseWatcher struct {
	late func()
	wg   sync.WaitGroup
}

func (w *looseWatcher) Watch(_ context.Context, on func(discovery.Answer)) error {
	told := make(chan struct{})
	for range 4 {
		w.wg.Go(func() {
			on(discovery.Answer{})
			told <- struct{}{}
			on(discovery.Answer{})
		})
	}
	for range 4 {
		<-told
	}
	w.late = func() { on(discovery.Answer{}) }
	return errors.New("it has ended")
}

var _ Watcher = (*looseWatcher)(nil)

// A source that tells from several goroutines, and after its watch has ended,
// does no harm: a watch that has ended is not relied on.
func TestLooseWatch(t *testing.T) {
	bubble(t, func(c *cluster) {
		n := c.start("n1")
		src := &looseWatcher{}
		w := &watch{src: src, name: "loose", again: make(chan struct{}, 1)}
		if told, err := n.watchOnce(w); !told || err == nil {
			t.Errorf("told: %v, %v", told, err)
		}
		src.late()
		src.wg.Wait()
		if w.open.Load() {
			t.Error("a watch that has ended is open")
		}
	})
}

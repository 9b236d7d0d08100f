package node

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// Watcher is a Source that may tell of changes by itself.
type Watcher interface {
	// Watch calls on with each whole answer, one after the other, until ctx ends
	// or the watch does; then it is opened again. What it tells after it has
	// returned counts for nothing. discovery.Unsupported: there is none.
	Watch(ctx context.Context, on func(discovery.Answer)) error
}

// Registrar is a Source that may enter the node at its backend, for others to
// find, and keeps it there.
type Registrar interface {
	// SetListed says whether the node is to be found. It must not block.
	SetListed(yes bool)
}

// watch is the watch of one source.
type watch struct {
	src     Watcher // nil: the source has none
	name    string
	started atomic.Bool // its goroutine runs
	open    atomic.Bool // a snapshot has come, and the watch stands
	again   chan struct{}
}

// reopen ends the pause before the next try, if there is one.
func (w *watch) reopen() {
	select {
	case w.again <- struct{}{}:
	default: // one is pending
	}
}

// The pauses between a lost watch and the next.
const (
	watchRetry    = time.Second
	watchRetryMax = 30 * time.Second
)

// watchFrom starts the goroutine of a watch, after a first answer, unless it
// runs.
func (n *Node) watchFrom(w *watch) {
	if w.src != nil && w.started.CompareAndSwap(false, true) {
		n.start(func() { n.watches(w) })
	}
}

// watches is the goroutine that keeps a watch open. It ends when there is none
// to be had; the next poll tries anew, since the plugin may be another by then.
func (n *Node) watches(w *watch) {
	defer w.started.Store(false)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pause := watchRetry; ; pause = min(2*pause, watchRetryMax) {
		select {
		case <-n.ctx.Done():
			return
		case <-timer.C:
		case <-w.again:
		}
		told, err := n.watchOnce(w)
		if told {
			pause = watchRetry
		}
		if discovery.ClassOf(err) == discovery.Unsupported {
			return
		}
		n.log.Debug("a watch has ended; it is opened again", "strategy", w.name, "error", err)
		timer.Reset(max(pause, retryAfter(err)))
	}
}

// watchOnce keeps a watch open until it ends, and reports whether it has told
// anything. A source may call from any goroutine, and late: the end of the
// watch stands all the same, or polling would rely on a watch that there is not.
func (n *Node) watchOnce(w *watch) (told bool, err error) {
	var mu sync.Mutex
	ended := false
	err = w.src.Watch(n.ctx, func(a discovery.Answer) {
		mu.Lock()
		defer mu.Unlock() // so that answers are taken in as they come
		if !ended {
			told = true
			w.open.Store(true)
			n.reported(w.name, a)
		}
	})
	mu.Lock()
	defer mu.Unlock()
	ended = true
	w.open.Store(false)
	return told, err
}

// setLeft sets the mark that the node has left. The lock is held.
func (n *Node) setLeft(yes bool) {
	n.left = yes
	n.list()
}

// list tells every strategy whether the node is to be found at its backend:
// always, but not after it has left. The lock is held.
func (n *Node) list() {
	for _, src := range n.opts.Sources {
		if r, ok := src.(Registrar); ok {
			r.SetListed(!n.left)
		}
	}
}

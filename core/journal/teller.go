package journal

import "sync"

// teller calls the callbacks of Written, in order, in a goroutine of its own:
// one that waits for a lock whose owner waits for memory must not keep the
// writer from making room. What it has to tell is bounded by the publishes and
// packets that are under way.
type teller struct {
	mu   sync.Mutex
	todo []waiter
	done bool
	wake chan struct{}
}

// tell takes over the callbacks of ws.
func (t *teller) tell(ws []waiter) {
	t.mu.Lock()
	t.todo = append(t.todo, ws...)
	t.mu.Unlock()
	t.signal()
}

// finish ends run when everything has been told.
func (t *teller) finish() {
	t.mu.Lock()
	t.done = true
	t.mu.Unlock()
	t.signal()
}

func (t *teller) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *teller) run() {
	var now []waiter
	for done := false; !done; {
		<-t.wake
		t.mu.Lock()
		now, t.todo, done = t.todo, now[:0], t.done
		t.mu.Unlock()
		for i := range now {
			now[i].done()
			now[i] = waiter{}
		}
	}
}

package main

import (
	"context"
	"fmt"
	"sync/atomic"
)

// tally counts messages; one goroutine at a time waits for a number of them.
type tally struct {
	seen atomic.Int64
	goal atomic.Int64
	full chan struct{}
}

func newTally() tally { return tally{full: make(chan struct{}, 1)} }

// one counts one more.
func (t *tally) one() {
	if n := t.seen.Add(1); n >= t.goal.Load() && t.goal.Load() > 0 {
		select {
		case t.full <- struct{}{}:
		default:
		}
	}
}

// wait waits until there are so many, and fails when there are more.
func (t *tally) wait(ctx context.Context, messages int) error {
	t.goal.Store(int64(messages))
	for t.seen.Load() < int64(messages) {
		select {
		case <-t.full:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages have come: %w", t.seen.Load(), messages, ctx.Err())
		}
	}
	if n := t.seen.Load(); n != int64(messages) {
		return fmt.Errorf("%d messages have come instead of %d", n, messages)
	}
	return nil
}

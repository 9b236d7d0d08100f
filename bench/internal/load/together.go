package load

import (
	"context"
	"errors"
	"sync"
)

// errDone ends a part that reached its goal.
var errDone = errors.New("done")

// together runs n parts at once. The first error ends the others; it is the
// one returned, when all have ended.
func together(ctx context.Context, n int, part func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := part(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// because turns an error of a connection that was closed because ctx ended
// into the reason why it ended, which says more.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

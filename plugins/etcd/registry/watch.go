package registry

import (
	"context"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-mqtt/muster/discovery"
)

// The pace of a watch.
const (
	listGap    = 200 * time.Millisecond // between two lists, however much changes
	proofEvery = 10 * time.Second       // between two proofs that etcd is there
)

// errClosed is the end of a watch for which etcd's client gives no reason.
var errClosed = discovery.Errorf(discovery.BackendUnavailable, "etcd does not take the watch")

var _ discovery.Watcher = (*strategy)(nil)

// Watch tells of each change by a whole new list, which is cheap for the few
// entries of a cluster and can miss nothing. A list that etcd has compacted
// away while the connection was lost is followed by a resync.
func (s *strategy) Watch(ctx context.Context, _ string, emit func(discovery.Event) error) error {
	news, end := s.seen.follow()
	defer end()
	for {
		w := watch{s: s, emit: emit, news: news}
		if err := w.list(ctx); err != nil {
			return err
		}
		if err := w.run(ctx); err != nil {
			return err
		}
		if err := emit(discovery.Event{Resync: "etcd has compacted the changes that were missed"}); err != nil {
			return err
		}
	}
}

// watch is one watch at etcd.
type watch struct {
	s        *strategy
	emit     func(discovery.Event) error
	news     <-chan discovery.Registration
	revision int64
	listed   time.Time // when the last list was asked for
}

func (w *watch) list(ctx context.Context) error {
	w.listed = time.Now()
	a, revision, err := w.s.list(ctx)
	if err != nil {
		return err
	}
	w.revision = revision
	return w.emit(discovery.Event{Snapshot: &a, Resume: strconv.FormatInt(revision, 10)})
}

// run follows the changes after the list. nil says that some are lost.
func (w *watch) run(ctx context.Context) error {
	c, err := w.s.etcd.connect(ctx)
	if err != nil {
		return classify(ctx, err)
	}
	// A server that is cut off from the others must not keep us waiting.
	within, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	changes := w.open(within, cancel, c)
	proof := time.NewTicker(proofEvery)
	defer proof.Stop()
	var due <-chan time.Time
	for {
		select {
		case r, open := <-changes:
			switch {
			case !open:
				return w.lost(ctx, errClosed)
			case r.CompactRevision > 0:
				return nil
			case r.Err() != nil:
				return w.lost(ctx, r.Err())
			case len(r.Events) > 0 && due == nil:
				due = time.After(listGap - min(time.Since(w.listed), listGap))
			}
		case <-due:
			due = nil
			err = w.list(ctx)
		case reg := <-w.news:
			err = w.emit(discovery.Event{Registration: &reg})
		case <-proof.C:
			err = w.prove(ctx)
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// open asks for the changes after the list. Etcd's client waits for an etcd
// that takes the question, for as long as it is let.
func (w *watch) open(ctx context.Context, cancel func(), c *clientv3.Client) clientv3.WatchChan {
	limit := time.AfterFunc(callTime, cancel)
	defer limit.Stop()
	return c.Watch(ctx, w.s.keys.nodes(), clientv3.WithPrefix(), clientv3.WithRev(w.revision+1), clientv3.WithFragment())
}

// lost explains the end of a watch.
func (w *watch) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if classOf(err) == discovery.Timeout {
		err = errClosed
	}
	err = classify(ctx, err)
	w.s.seen.note(err, time.Now())
	return err
}

// prove ends a watch while etcd does not answer: its client would wait for
// etcd without a word, and what was seen last would pass for true.
func (w *watch) prove(ctx context.Context) error {
	return w.s.etcd.call(ctx, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Get(ctx, w.s.keys.nodes(), clientv3.WithPrefix(), clientv3.WithCountOnly())
		return err
	})
}

package pods

import (
	"context"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/rest"
)

const (
	// watchLife is how long one watch lasts at the server at least, and half
	// as long again at most, so that many do not end at once.
	watchLife = 5 * time.Minute
	// watchGap is the least time between two watches at the server, and
	// between two lists after it has forgotten a version: one that ends every
	// watch at once is not asked without a pause.
	watchGap = time.Second
)

var _ discovery.Watcher = (*strategy)(nil)

// Watch follows the collection from a whole list on. When the server has
// forgotten the version that we know (410) it begins anew, after a resync.
func (s *strategy) Watch(ctx context.Context, _ string, emit func(discovery.Event) error) error {
	for {
		began := time.Now()
		l, a, err := s.list(ctx)
		if err != nil {
			return err
		}
		f := follower{s: s, emit: emit, listing: l}
		if err := f.tell(a); err != nil {
			return err
		}
		if err := f.run(ctx); !expired(err) {
			return s.lost(ctx, err)
		}
		s.log.Debug("the API server has forgotten the version that was watched; listing anew", "version", f.listing.version)
		if err := emit(discovery.Event{Resync: "the API server has forgotten the changes that were missed"}); err != nil {
			return err
		}
		if err := pause(ctx, watchGap-time.Since(began)); err != nil {
			return err
		}
	}
}

// lost explains the end of a watch.
func (s *strategy) lost(ctx context.Context, err error) error {
	err = s.asking(s.may("watch")).classify(ctx, err)
	s.seen.note(err, time.Now())
	return err
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follower keeps the state of a collection by the events of its watches.
type follower struct {
	s       *strategy
	emit    func(discovery.Event) error
	listing listing
}

// run opens one watch after the other. It returns an error, always.
func (f *follower) run(ctx context.Context) error {
	for {
		began := time.Now()
		if err := f.s.api.Watch(ctx, f.call(), f.event); err != nil {
			return err
		}
		if err := pause(ctx, watchGap-time.Since(began)); err != nil {
			return err
		}
	}
}

// call asks for what follows the version that we know. The server ends the
// watch by itself; bookmarks keep our version young while nothing changes.
func (f *follower) call() rest.Call {
	life := f.s.life + rand.N(f.s.life/2)
	return rest.Call{Path: f.s.source.path(), Query: url.Values{
		"watch": {"true"}, "allowWatchBookmarks": {"true"}, "labelSelector": {f.s.source.selector},
		"resourceVersion": {f.listing.version}, "timeoutSeconds": {strconv.Itoa(max(int(life/time.Second), 1))},
	}}
}

// event takes in one event. That the service is gone ends the watch: a list
// says so.
func (f *follower) event(ev rest.Event) error {
	changed, err := f.listing.apply(f.s.source.read, ev)
	if err != nil || !changed {
		return err
	}
	a, err := f.s.source.answer(f.listing, f.s.names)
	if err != nil {
		return err
	}
	f.s.seen.warn(a.Warnings)
	return f.tell(a)
}

func (f *follower) tell(a discovery.Answer) error {
	return f.emit(discovery.Event{Snapshot: &a, Resume: f.listing.version})
}

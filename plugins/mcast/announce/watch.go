package announce

import (
	"context"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

var _ discovery.Watcher = (*strategy)(nil)

// errOver is the end of a watch by Close.
var errOver = discovery.Errorf(discovery.BackendUnavailable, "the strategy was closed")

// Watch tells of each change of the list and of the node's entry. It ends when
// the group cannot be reached any more.
func (s *strategy) Watch(ctx context.Context, _ string, emit func(discovery.Event) error) error {
	news, end := s.follow()
	defer end()
	if err := s.look(ctx); err != nil {
		return err
	}
	s.ask()
	w := watch{s: s, emit: emit}
	for {
		if err := w.tell(); err != nil {
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return errOver
		}
	}
}

// watch knows what was told.
type watch struct {
	s     *strategy
	emit  func(discovery.Event) error
	told  bool
	list  string // revision
	entry discovery.RegistrationState
}

// tell emits what has changed.
func (w *watch) tell() error {
	w.s.mu.Lock()
	a, err, entry := w.s.answer(time.Now()), w.s.seen.err, w.s.seen.entry
	w.s.mu.Unlock()
	if err != nil {
		return err
	}
	if !w.told || a.SourceRevision != w.list {
		w.told, w.list = true, a.SourceRevision
		if err := w.emit(discovery.Event{Snapshot: &a, Resume: w.list}); err != nil {
			return err
		}
	}
	if entry.State != w.entry {
		w.entry = entry.State
		return w.emit(discovery.Event{Registration: &entry})
	}
	return nil
}

// follow returns a channel that has something in it after a change, until end
// is called.
func (s *strategy) follow() (news <-chan struct{}, end func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.followers = append(s.followers, c)
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.followers = slices.DeleteFunc(s.followers, func(f chan struct{}) bool { return f == c })
	}
}

// tell wakes those who watch; the lock is held.
func (s *strategy) tell() {
	for _, f := range s.followers {
		select {
		case f <- struct{}{}:
		default:
		}
	}
}

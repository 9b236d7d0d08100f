package strategy

import (
	"context"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// heartbeat is the longest silence of a watch.
const heartbeat = 15 * time.Second

var watchCases = []Case{
	{Name: "watch.snapshot", Sentence: "a watch begins with a whole snapshot, or a resync mark and then one", Needs: needWatch, check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1), node(2))
		w := s.watch()
		s.sees(w.snapshot("the first snapshot"), node(1), node(2))
	}},
	{Name: "watch.changes", Sentence: "a change brings a new whole snapshot", Needs: needWatch, check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		w := s.watch()
		s.sees(w.snapshot("the first snapshot"), node(1))
		p.seed(node(2))
		w.awaits("the entry that was added", func(a discovery.Answer) bool { return find(a, node(1)) != nil && find(a, node(2)) != nil })
		p.remove(node(1))
		w.awaits("the end of the entry that was removed", func(a discovery.Answer) bool { return find(a, node(1)) == nil && find(a, node(2)) != nil })
	}},
	{Name: "watch.coalesced", Sentence: "many changes at once bring few snapshots, the last of them right", Needs: needWatch, check: func(p *probe) {
		s := p.start(99)
		w := s.watch()
		w.event("the first event")
		began := time.Now()
		for n := 1; n <= 20; n++ {
			p.seed(node(n))
		}
		w.awaits("all twenty entries", func(a discovery.Answer) bool {
			for n := 1; n <= 20; n++ {
				if find(a, node(n)) == nil {
					return false
				}
			}
			return true
		})
		if limit := int(time.Since(began)/(150*time.Millisecond)) + 2; w.snapshots > limit {
			p.fail("%d snapshots within %v: closer than 200 ms", w.snapshots, time.Since(began).Round(time.Millisecond))
		}
	}},
	{Name: "watch.heartbeat", Sentence: "a watch is never silent for longer than 15 s", Needs: needWatch, check: func(p *probe) {
		s := p.start(9)
		w := s.watch()
		w.event("the first event")
		for range 2 {
			w.event("a heartbeat")
		}
	}},
	{Name: "watch.reset", Sentence: "after a lost connection a watch ends, or goes on with what is true now", Needs: needWatch, check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		w := s.watch()
		s.sees(w.snapshot("the first snapshot"), node(1))
		p.fault("reset", true)
		p.seed(node(2))
		w.reopens(func(a discovery.Answer) bool { return find(a, node(1)) != nil && find(a, node(2)) != nil })
	}},
	{Name: "watch.cancelled", Sentence: "a cancelled watch ends and leaves nothing behind", Needs: needWatch, check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.list()
		w := s.watch()
		w.event("the first event")
		w.stop()
		before := s.descriptors()
		for range 20 {
			w := s.watch()
			w.event("the first event")
			w.stop()
		}
		p.settles(s, before)
		s.sees(s.list(), node(1))
	}},
}

// watch is an open watch of a subject.
type watch struct {
	s         *subject
	cancel    context.CancelFunc
	events    chan discovery.Event
	ended     chan struct{}
	err       error // once ended
	snapshots int
}

func (s *subject) watch() *watch {
	ctx, cancel := context.WithCancel(s.p.ctx)
	w := &watch{s: s, cancel: cancel, events: make(chan discovery.Event), ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		w.err = s.Watch(ctx, "", func(ev discovery.Event) error {
			select {
			case w.events <- ev:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return w
}

// stop ends the watch as a host does.
func (w *watch) stop() {
	w.cancel()
	<-w.ended
}

// next returns the next event; false when the watch has ended.
func (w *watch) next(what string, d time.Duration) (discovery.Event, bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case ev := <-w.events:
		if ev.Snapshot != nil {
			w.snapshots++
		}
		return ev, true
	case <-w.ended:
		return discovery.Event{}, false
	case <-timer.C:
		w.cancel()
		w.s.p.fail("%s does not come within %v", what, d)
	}
	return discovery.Event{}, false
}

// event returns the next event, which must come before a heartbeat is missed.
func (w *watch) event(what string) discovery.Event {
	ev, open := w.next(what, heartbeat+slack)
	if !open {
		w.s.p.fail("the watch ends instead of bringing %s: %v", what, w.err)
	}
	return ev
}

// snapshot returns the next snapshot.
func (w *watch) snapshot(what string) discovery.Answer {
	for {
		if ev := w.event(what); ev.Snapshot != nil {
			return *ev.Snapshot
		}
	}
}

// awaits reads until a snapshot is as it should be.
func (w *watch) awaits(what string, ok func(discovery.Answer) bool) {
	deadline := time.Now().Add(changes)
	for {
		ev, open := w.next(what, max(time.Until(deadline), time.Millisecond))
		switch {
		case !open:
			w.s.p.fail("the watch ends instead of bringing %s: %v", what, w.err)
		case ev.Snapshot != nil && ok(*ev.Snapshot):
			return
		}
	}
}

// reopens does what a host does with a watch that may end: it opens it again.
func (w *watch) reopens(ok func(discovery.Answer) bool) {
	deadline := time.Now().Add(2 * changes)
	for {
		ev, open := w.next("a snapshot of what is true now", max(time.Until(deadline), time.Millisecond))
		if ev.Snapshot != nil && ok(*ev.Snapshot) {
			w.stop()
			return
		}
		if !open {
			w.s.p.wait(100 * time.Millisecond)
			w.cancel()
			w = w.s.watch()
		}
	}
}

package discovery

import (
	"context"
	"time"

	"google.golang.org/grpc"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

// The pace of a watch: PLUGINS asks for a heartbeat at least each 15 s and
// for snapshots no closer than 200 ms.
const (
	heartbeatEvery = 10 * time.Second
	snapshotGap    = 200 * time.Millisecond
)

func (s *service) Watch(r *v1.WatchRequest, out grpc.ServerStreamingServer[v1.WatchResponse]) error {
	watcher, e, err := offered[Watcher](s, CanWatch)
	if err != nil {
		return err
	}
	defer e.calls.Done()
	ctx, cancel := context.WithCancel(out.Context())
	p := pacer{send: out.Send, events: make(chan Event), done: make(chan error, 1), over: e.over}
	go func() {
		var err error
		defer func() { p.done <- err }()
		defer recovered(s.log, "Watch", &err)
		err = watcher.Watch(ctx, r.GetResume(), func(ev Event) error {
			select {
			case p.events <- ev:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	finished, err := p.run()
	cancel()
	if !finished {
		<-p.done
	}
	return toStatus(err)
}

// pacer sends the events of one watch: the latest snapshot when the gap
// allows it, all else at once and in order, a heartbeat into a silence.
type pacer struct {
	send    func(*v1.WatchResponse) error
	events  chan Event
	done    chan error // the strategy's Watch has returned
	over    chan struct{}
	pending *Event
	gap     <-chan time.Time // nil: a snapshot may go at once
}

// run reports whether the strategy's Watch has returned, and its error or
// that of sending.
func (p *pacer) run() (finished bool, err error) {
	silence := time.NewTimer(heartbeatEvery)
	defer silence.Stop()
	for err == nil {
		silence.Reset(heartbeatEvery)
		select {
		case ev := <-p.events:
			err = p.take(ev)
		case <-p.gap:
			p.gap = nil
			err = p.flush()
		case <-silence.C:
			err = p.send(eventToWire(Event{}))
		case <-p.over:
			return false, Errorf(BackendUnavailable, "reconfigured: watch again")
		case err := <-p.done:
			if ferr := p.flush(); ferr != nil {
				return true, ferr
			}
			return true, err
		}
	}
	return false, err
}

func (p *pacer) take(ev Event) error {
	if ev.Snapshot == nil {
		if err := p.flush(); err != nil {
			return err
		}
		return p.send(eventToWire(ev))
	}
	p.pending = &ev
	if p.gap != nil {
		return nil
	}
	return p.flush()
}

// flush sends the snapshot that waits, if any, and opens a new gap.
func (p *pacer) flush() error {
	if p.pending == nil {
		return nil
	}
	ev := *p.pending
	p.pending, p.gap = nil, time.After(snapshotGap)
	return p.send(eventToWire(ev))
}

func eventToWire(ev Event) *v1.WatchResponse {
	out := &v1.WatchResponse{Resume: clean(ev.Resume, maxText)}
	switch {
	case ev.Snapshot != nil:
		out.Event = &v1.WatchResponse_Snapshot{Snapshot: answerToWire(*ev.Snapshot, time.Now())}
	case ev.Resync != "":
		out.Event = &v1.WatchResponse_Resync{Resync: &v1.Resync{Reason: clean(ev.Resync, maxWarning)}}
	case ev.Registration != nil:
		out.Event = &v1.WatchResponse_Registration{Registration: registrationToWire(*ev.Registration)}
	default:
		out.Event = &v1.WatchResponse_Heartbeat{Heartbeat: &v1.Heartbeat{}}
	}
	return out
}

func eventFromWire(w *v1.WatchResponse) Event {
	ev := Event{Resume: w.GetResume()}
	switch x := w.GetEvent().(type) {
	case *v1.WatchResponse_Snapshot:
		a := answerFromWire(x.Snapshot, time.Now())
		ev.Snapshot = &a
	case *v1.WatchResponse_Resync:
		ev.Resync = first(clean(x.Resync.GetReason(), maxWarning), "unknown")
	case *v1.WatchResponse_Registration:
		r := registrationFromWire(x.Registration)
		ev.Registration = &r
	}
	return ev
}

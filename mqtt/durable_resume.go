package mqtt

import (
	"errors"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Recover takes a record that an earlier Broker appended to the Journal; kind
// is 0x20 to 0x3f. All of them are given in order, and then Resume is called,
// before Serve. The record is not kept. An error says what cannot be
// understood; the Broker is of no use then.
func (b *Broker) Recover(kind byte, record []byte) error {
	if b.durable == nil || b.durable.recovering == nil {
		return errors.New("mqtt: Recover without a Journal, or after Resume")
	}
	return b.durable.recover(kind, record, b.limits.session())
}

// RecoveredLanes calls yield for each lane that brought messages to what has
// been recovered, with the last of them; before Resume.
func (b *Broker) RecoveredLanes(yield func(core.LaneSeq)) {
	if b.durable != nil && b.durable.recovering != nil {
		b.durable.recovering.eachLane(yield)
	}
}

// resumeWait is how long wills and the ends of sessions wait for the node to
// be in a cluster.
const resumeWait = 30 * time.Second

// Resume ends the recovery, of nothing if need be: the sessions are here again, offline, with their
// subscriptions. What is due of them by now, wills and ends, is done when the
// node has joined its cluster, or after 30 s: the will of a client that was
// connected when the process was killed is published like that of any
// connection that broke, once. An error says what is missing in the journal.
func (b *Broker) Resume(joined <-chan struct{}) error {
	if b.durable == nil {
		return nil
	}
	now := time.Now()
	back, err := b.durable.finish(func(r *recovered) *client {
		return &client{broker: b, id: r.log.client, number: b.numbers.Add(1), session: r.session, log: r.log, since: now}
	})
	if err != nil {
		return err
	}
	newest := map[string]*client{} // an older one is there if a kill came before its end was written
	for _, cl := range back {
		newest[cl.id] = cl
	}
	replaced := func(cl *client) bool { return newest[cl.id] != cl }
	for _, cl := range back {
		if !replaced(cl) {
			b.revive(cl, now)
		}
	}
	if len(newest) > 0 {
		b.log.Info("sessions recovered", "sessions", len(newest))
	}
	b.task(func() { b.settle(back, replaced, joined) })
	return nil
}

// revive puts a recovered session in its place.
func (b *Broker) revive(cl *client, now time.Time) {
	cl.mu.Lock()
	cl.session.Recover(now)
	var subs []core.Subscription
	if !cl.session.Over(now) {
		subs = cl.session.Subscriptions()
	}
	cl.mu.Unlock()
	b.counters.add(sessionsRecovered, cl.number, 1)
	b.mu.Lock()
	b.places[cl.id] = &place{client: cl}
	b.mu.Unlock()
	for _, sub := range subs {
		b.cluster.Subscribe(cl, sub, func() {})
	}
}

// settle does what is due of recovered sessions, and sees to what will be.
func (b *Broker) settle(back []*client, replaced func(*client) bool, joined <-chan struct{}) {
	limit := time.NewTimer(resumeWait)
	defer limit.Stop()
	select {
	case <-joined:
	case <-limit.C:
	case <-b.ctx.Done():
		return // the next start does it
	}
	for _, cl := range back {
		if replaced(cl) {
			b.endSession(cl, sessionsDiscarded)
			continue
		}
		b.due(cl)
	}
}

// Checkpoint appends every session as a whole to the Journal, which calls it
// when it begins a new segment. It may run at any time, once at a time. An
// error says that not everything was written.
func (b *Broker) Checkpoint() error {
	if b.durable == nil {
		return nil
	}
	return b.durable.checkpoint(b.ctx)
}

package mqtt

import (
	"context"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/core"
)

const (
	// willTime is how long it is tried to publish a will that the cluster has
	// no room for.
	willTime = time.Minute
	// willTimeAtEnd is that of all wills together when the Broker is closed.
	willTimeAtEnd = 2 * time.Second
)

// takenWill is a will that was taken out of its session, so that it is
// published once at most. What the log gets of the taking and what it gets of
// the publication stay together: a kill leaves either both or none behind, and
// with none the will is published by the next process.
type takenWill struct {
	message *core.Message
	release func() // ends the hold on the log; may be called again
}

// willHold is how long a will that is taken holds back the log at most, while
// it looks for room in the cluster.
const willHold = 5 * time.Millisecond

// takingLocked has take take the will out of the session, if it does; nil
// means that it does not. The lock is held.
func (cl *client) takingLocked(take func() *core.Message) *takenWill {
	if cl.log == nil || !cl.session.HasWill() {
		if m := take(); m != nil {
			return &takenWill{m, func() {}}
		}
		return nil
	}
	journal := cl.broker.journal
	journal.Hold()
	m := take()
	if m == nil {
		journal.Release()
		return nil
	}
	release := sync.OnceFunc(journal.Release)
	limit := time.AfterFunc(willHold, release)
	return &takenWill{m, func() { limit.Stop(); release() }}
}

// publishWill publishes the will of a session, nil for none, in the name of
// its client; it is counted when that is not done.
func (b *Broker) publishWill(cl *client, w *takenWill) {
	if w == nil {
		return
	}
	cl.mu.Lock()
	who := cl.who
	cl.mu.Unlock()
	if who != nil && !b.allows(who, accessOf(w.message)) {
		w.release()
		b.counters.add(willsDenied, cl.number, 1)
		return
	}
	if !b.task(func() { b.tryWill(cl, w) }) {
		b.tryWill(cl, w)
	}
}

// tryWill publishes a will as soon as it finds room.
func (b *Broker) tryWill(cl *client, w *takenWill) {
	ctx, cancel := context.WithTimeout(b.lastly, willTime)
	defer cancel()
	m := w.message
	for {
		err := b.cluster.Publish(ctx, m, core.Outcome{})
		w.release()
		switch {
		case err == nil:
			b.counters.add(willsPublished, cl.number, 1)
			return
		case ctx.Err() != nil:
			b.counters.add(willsRefused, cl.number, 1)
			b.log.Warn("a will was not published: the cluster takes nothing", "client", cl.id, "topic", m.Topic, "error", err)
			return
		}
		wait(ctx, willPause)
	}
}

// willPause is how long to wait before a will is tried again.
const willPause = time.Second

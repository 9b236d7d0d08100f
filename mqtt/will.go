package mqtt

import (
	"context"
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

// publishWill publishes the will of a session, nil for none, in the name of
// its client. It was taken out of the session, so it is published once at
// most; it is counted when that is not done.
func (b *Broker) publishWill(cl *client, m *core.Message) {
	if m == nil {
		return
	}
	cl.mu.Lock()
	who := cl.who
	cl.mu.Unlock()
	if who != nil && !b.allows(who, accessOf(m)) {
		b.counters.add(willsDenied, cl.number, 1)
		return
	}
	if !b.task(func() { b.tryWill(cl, m) }) {
		b.tryWill(cl, m)
	}
}

// tryWill publishes a will as soon as it finds room.
func (b *Broker) tryWill(cl *client, m *core.Message) {
	ctx, cancel := context.WithTimeout(b.lastly, willTime)
	defer cancel()
	for {
		err := b.cluster.Publish(ctx, m, core.Outcome{})
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

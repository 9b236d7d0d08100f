package mqtt

import (
	"slices"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// retained is a retained message that a subscribing brings.
type retained struct {
	message *core.Message
	sub     *core.Subscription // that it comes by
}

// catchup is the retained messages on their way to a client. They follow the
// SUBACK as its session has room, which may take a while; what arrives live
// meanwhile overtakes them, and takes the place of an older one of its topic.
type catchup struct {
	open  int // SUBSCRIBEs not answered yet
	queue []retained
	seen  map[core.Topic]version // of the live messages meanwhile
}

// version orders the retained messages of one topic, see core.Extra.
type version struct {
	stamp core.Stamp
	node  core.UID
}

func versionOf(m *core.Message) version {
	if m.Extra == nil {
		return version{}
	}
	return version{m.Extra.Stamp, m.Extra.Node}
}

// until reports whether v is w or older.
func (v version) until(w version) bool {
	return v.stamp < w.stamp || v.stamp == w.stamp && v.node.Compare(w.node) <= 0
}

// maxSeen bounds the topics that are remembered. A client to which more are
// published while it catches up may get an older message of a topic after a
// newer one; it is told by the retain flag.
const maxSeen = 1 << 16

// saw takes note of a live message.
func (k *catchup) saw(m *core.Message) (noted bool) {
	if k.seen == nil {
		k.seen = map[core.Topic]version{}
	}
	topic := m.Topic
	if _, known := k.seen[topic]; !known {
		if len(k.seen) >= maxSeen {
			return false
		}
		// The message is not to stay in memory for its topic.
		topic = core.Topic(strings.Clone(string(topic)))
	}
	k.seen[topic] = versionOf(m)
	return true
}

// pop returns the next message that no live one has taken the place of.
func (k *catchup) pop() (r retained, ok bool) {
	for len(k.queue) > 0 {
		r, k.queue = k.queue[0], k.queue[1:]
		if live, seen := k.seen[r.message.Topic]; !seen || !versionOf(r.message).until(live) {
			return r, true
		}
	}
	return retained{}, false
}

// openCatchup begins to take note of live messages, before the subscribing.
func (cl *client) openCatchup(c *conn) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != c {
		return
	}
	if cl.catchup == nil {
		cl.catchup = &catchup{}
	}
	cl.catchup.open++
}

// follow lets the retained messages of a SUBSCRIBE follow its SUBACK.
func (cl *client) follow(c *conn, list []retained) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != c || cl.catchup == nil {
		return
	}
	cl.catchup.open--
	if room := cl.broker.limits.MaxRetained - len(cl.catchup.queue); len(list) > room {
		cl.broker.counters.add(retainedOmitted, cl.number, len(list)-room)
		list = list[:room]
	}
	cl.catchup.queue = append(cl.catchup.queue, list...)
	cl.pumpLocked()
	cl.closeCatchup()
}

// feed gives the session the next retained message, if nothing else waits
// there, and reports whether it did.
func (cl *client) feed(now time.Time) bool {
	if cl.catchup == nil || cl.session.Waiting() {
		return false
	}
	r, ok := cl.catchup.pop()
	if ok {
		cl.deliverRetained(now, r)
	}
	cl.closeCatchup()
	return ok
}

func (cl *client) deliverRetained(now time.Time, r retained) {
	cl.broker.counters.add(deliveries, cl.number, 1)
	cl.session.Deliver(now, r.message, r.sub.Grant, true)
}

// leaveOut drops the messages of a subscription that is taken back.
func (k *catchup) leaveOut(f core.Filter) {
	if k != nil {
		k.queue = slices.DeleteFunc(k.queue, func(r retained) bool { return r.sub.Filter == f })
	}
}

func (cl *client) closeCatchup() {
	if k := cl.catchup; k != nil && k.open == 0 && len(k.queue) == 0 {
		cl.catchup = nil
	}
}

// keepCatchup hands what is left to a session that goes on without its
// connection.
func (cl *client) keepCatchup(now time.Time) {
	k := cl.catchup
	cl.catchup = nil
	if k == nil || cl.session.Expiry() == 0 {
		return
	}
	for r, ok := k.pop(); ok; r, ok = k.pop() {
		if min(r.sub.QoS, r.message.QoS) == 0 {
			continue
		}
		if cl.session.Size().Queue >= cl.broker.limits.MaxQueue {
			cl.broker.counters.add(retainedOmitted, cl.number, len(k.queue)+1)
			return
		}
		cl.deliverRetained(now, r)
	}
}

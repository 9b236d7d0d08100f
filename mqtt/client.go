package mqtt

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// client is a session with its place in the world: the subscriber that the
// cluster knows and the connection, if there is one.
type client struct {
	broker *Broker
	id     string
	number uint64
	log    *sessionLog // nil: nothing is recorded

	// changes orders the calls of Cluster.Subscribe and Unsubscribe, so that
	// the end of a session is the last of them.
	changes sync.Mutex

	mu      sync.Mutex
	session *session.Session
	conn    *conn         // nil: away
	ready   bool          // the connection has its CONNACK
	left    chan struct{} // closed when conn has left; nil: nobody waits for that
	who     *Identity     // of the newest connection
	token   core.Token
	ended   bool
	since   time.Time   // of the connection, or of its end
	due     *time.Timer // of the will or the end, while away
	asked   bool        // the journal, to say when session.Gate is open
	catchup *catchup    // retained messages on their way; nil: none
}

var _ core.Subscriber = (*client)(nil)

// Number implements core.Subscriber.
func (cl *client) Number() uint64 { return cl.number }

// ClientID implements core.Subscriber.
func (cl *client) ClientID() string { return cl.id }

// Deliver implements core.Subscriber. A message of QoS 0 goes straight into
// the connection's buffer, or is dropped when that is full; it waits only
// behind others that wait, because it must not overtake them.
func (cl *client) Deliver(m *core.Message, g core.Grant) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.deliverLocked(m, g)
}

// Offer implements core.Subscriber.
func (cl *client) Offer(m *core.Message, g core.Grant) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.ended || !cl.ready || !cl.session.Room(m, g) || cl.conn.out.full() {
		return false
	}
	cl.deliverLocked(m, g)
	return true
}

func (cl *client) deliverLocked(m *core.Message, g core.Grant) {
	count := &cl.broker.counters
	count.add(deliveries, cl.number, 1)
	switch {
	case cl.ended:
		count.add(dropSessionEnded, cl.number, 1)
		return
	case !packet.Fits(m):
		count.add(dropTooLarge, cl.number, 1)
		return
	case cl.catchup != nil && m.Retain:
		if !cl.catchup.saw(m) {
			count.add(retainedUnseen, cl.number, 1)
		}
	}
	now := clock(m, g)
	if cl.ready && min(m.QoS, g.QoS) == 0 && cl.deliverNow(now, m, g) {
		return
	}
	cl.session.Deliver(now, m, g, false)
	cl.pumpLocked()
}

// clock returns the time when the delivery of a message depends on it, and
// else spares the look.
func clock(m *core.Message, g core.Grant) time.Time {
	if m.Extra == nil && min(m.QoS, g.QoS) == 0 {
		return time.Time{}
	}
	return time.Now()
}

// deliverNow sends or drops a message of QoS 0, and reports false when it must
// wait behind others or is a matter for the session.
func (cl *client) deliverNow(now time.Time, m *core.Message, g core.Grant) bool {
	d, direct := cl.session.Direct(now, m, g)
	switch {
	case direct && cl.conn.out.deliver(&d):
		return true
	case !direct && !cl.conn.out.full():
		return false
	}
	why := dropSlowConsumer
	if cl.conn.closed() {
		why = dropOffline
	}
	cl.broker.counters.add(why, cl.number, 1)
	return true
}

// pump moves what waits in the session to connection c, if that is still the
// one.
func (cl *client) pump(c *conn) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn == c {
		cl.pumpLocked()
	}
}

func (cl *client) pumpLocked() {
	for again := cl.ready && (cl.session.Waiting() || cl.catchup != nil); again; {
		now := time.Now()
		for cl.conn.out.pull(cl.session, now) && cl.feed(now) {
		}
		again = cl.openGate()
	}
	cl.countDrops()
}

// openGate asks the journal to say when the session may go on, if it waits for
// that, and reports whether it may already.
func (cl *client) openGate() (open bool) {
	mark, shut := cl.session.Gate()
	if !shut || cl.asked {
		return false
	}
	cl.asked = true
	// The journal may answer before Written returns, while cl.mu is held, or
	// later: whoever comes second to answered goes on.
	var answered atomic.Bool
	cl.broker.written(func() {
		if answered.Swap(true) {
			cl.mu.Lock()
			defer cl.mu.Unlock()
			cl.openedGate(mark)
			cl.pumpLocked()
		}
	})
	if !answered.Swap(true) {
		return false
	}
	cl.openedGate(mark)
	return true
}

func (cl *client) openedGate(mark uint64) {
	cl.asked = false
	cl.session.Written(mark)
}

func (cl *client) countDrops() {
	if drops, any := cl.session.TakeDrops(); any {
		cl.broker.counters.drops(drops, cl.number)
	}
}

// acknowledged takes in a PUBACK, PUBREC or PUBCOMP of connection c.
func (cl *client) acknowledged(c *conn, a packet.Ack) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != c {
		return
	}
	known := false
	switch a.Type {
	case packet.TypePuback:
		known = cl.session.Puback(a.ID)
	case packet.TypePubcomp:
		known = cl.session.Pubcomp(a.ID)
	case packet.TypePubrec:
		known = cl.pubrec(c, a)
	}
	if !known {
		cl.broker.counters.add(acksUnknown, cl.number, 1)
	}
	cl.pumpLocked()
}

// pubrec answers a PUBREC; the PUBREL leaves when the journal knows that the
// client has the message, and would not send it again.
func (cl *client) pubrec(c *conn, a packet.Ack) (known bool) {
	known, pubrel := cl.session.Pubrec(a.ID, a.Reason)
	answer := packet.Ack{Version: c.version, Type: packet.TypePubrel, ID: a.ID}
	switch {
	case known && pubrel:
		c.written(func() { c.out.ack(answer) })
	case !known && !a.Reason.Failed():
		answer.Reason = packet.PacketIdentifierNotFound
		c.out.ack(answer)
	}
	return known
}

package mqtt

import (
	"sync"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// client is a session with its place in the world: the subscriber that the
// cluster knows and the connection, if there is one.
type client struct {
	broker     *Broker
	id         string
	number     uint64
	persistent bool

	// changes orders the calls of Cluster.Subscribe and Unsubscribe, so that
	// the end of a session is the last of them.
	changes sync.Mutex

	mu        sync.Mutex
	session   *session.Session
	conn      *conn // nil: away
	token     core.Token
	ended     bool
	keepAlive uint16      // keep-alive of the newest connection in seconds
	since     time.Time   // of the connection, or of its end
	expiring  *time.Timer // while away
}

var _ core.Subscriber = (*client)(nil)

// Number implements core.Subscriber.
func (cl *client) Number() uint64 { return cl.number }

// Deliver implements core.Subscriber. A message of QoS 0 goes straight into
// the connection's buffer, or is dropped when that is full; it waits only
// behind others that wait, because it must not overtake them.
func (cl *client) Deliver(m *core.Message, granted core.QoS) {
	count := &cl.broker.counters
	count.add(deliveries, cl.number, 1)
	if !packet.Fits(m) {
		count.add(dropTooLarge, cl.number, 1)
		return
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	switch {
	case cl.ended:
		count.add(dropSessionEnded, cl.number, 1)
		return
	case cl.conn != nil && min(granted, m.QoS) == 0 && cl.deliverNow(m):
		return
	}
	count.drop(cl.session.Deliver(m, granted), cl.number)
	cl.pumpLocked()
}

// deliverNow sends or drops a message of QoS 0, and reports false when it must
// wait behind others; there is a connection.
func (cl *client) deliverNow(m *core.Message) bool {
	if cl.session.Waiting() && !cl.conn.out.full() {
		return false
	}
	if !cl.session.Waiting() && cl.conn.out.deliver(packet.Delivery{Message: m}) {
		return true
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
	if cl.conn != nil && cl.session.Waiting() {
		cl.conn.out.pull(cl.session)
	}
}

// puback takes in the client's acknowledgement of a delivery.
func (cl *client) puback(c *conn, id uint16) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != c {
		return
	}
	if !cl.session.Puback(id) {
		cl.broker.counters.add(pubacksUnknown, cl.number, 1)
		return
	}
	cl.pumpLocked()
}

// attach makes a.conn the connection and answers the CONNECT; the one that it
// replaces is returned to be closed.
func (cl *client) attach(a attachment, present bool) (previous *conn) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.stopExpiryLocked()
	previous = cl.conn
	cl.conn, cl.token, cl.keepAlive, cl.since = a.conn, a.token, a.req.KeepAlive, time.Now()
	a.conn.client = cl
	a.conn.out.reply(packet.Connack{SessionPresent: present}.Append(nil))
	cl.session.Connect()
	cl.pumpLocked()
	return previous
}

// detach takes connection c away and reports whether the session is over.
func (cl *client) detach(c *conn) (over bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != c {
		return false
	}
	cl.conn, cl.since = nil, time.Now()
	cl.broker.counters.drop(cl.session.Disconnect(cl.since), cl.number)
	if cl.persistent && !cl.broker.closed {
		cl.expiring = time.AfterFunc(cl.broker.limits.SessionExpiry, func() { cl.broker.expire(cl) })
	}
	return !cl.persistent
}

// over reports whether the session has expired.
func (cl *client) over(now time.Time) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return !cl.ended && cl.conn == nil && cl.session.Over(now)
}

// end marks the session as ended. It returns the subscriptions to be taken
// back and the connection to be closed.
func (cl *client) end() ([]packet.Subscription, *conn) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.ended {
		return nil, nil
	}
	cl.ended = true
	cl.stopExpiryLocked()
	cl.broker.counters.add(dropSessionEnded, cl.number, cl.session.Size().Queue)
	c := cl.conn
	cl.conn = nil
	return cl.session.Subscriptions(), c
}

// disconnect closes the connection, if there is one.
func (cl *client) disconnect(reason count) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != nil {
		cl.conn.close(reason)
	}
}

func (cl *client) stopExpiry() {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.stopExpiryLocked()
}

func (cl *client) stopExpiryLocked() {
	if cl.expiring != nil {
		cl.expiring.Stop()
		cl.expiring = nil
	}
}

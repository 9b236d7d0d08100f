package mqtt

import (
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// attach makes a.conn the connection of a session that has none; nothing is
// sent before greet. A will that it returns is to be published.
func (cl *client) attach(a *attachment) *takenWill {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.stopDueLocked()
	now := time.Now()
	cl.conn, cl.ready, cl.token, cl.since, cl.who = a.conn, false, a.token, now, a.conn.who
	a.conn.client = cl
	will := cl.takingLocked(func() *core.Message { return cl.session.Connect(now, a.peer()) })
	cl.countDrops()
	return will
}

// greet sends the CONNACK, and after it what waits.
func (cl *client) greet(c *conn, answer packet.Connack) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != c {
		return
	}
	c.out.welcome(answer)
	cl.ready = true
	cl.pumpLocked()
}

// occupied returns the connection of a session, and what to wait for until it
// has left; nil means that there is none.
func (cl *client) occupied() (*conn, <-chan struct{}) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn == nil {
		return nil, nil
	}
	if cl.left == nil {
		cl.left = make(chan struct{})
	}
	return cl.conn, cl.left
}

// farewell is what is to be done after a connection has left.
type farewell struct {
	will *takenWill // to be published; nil: none
	over bool       // the session has ended
}

// detach takes connection c away.
func (cl *client) detach(c *conn) (f farewell) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != c {
		return farewell{}
	}
	cl.conn, cl.ready, cl.since = nil, false, time.Now()
	cl.keepCatchup(cl.since)
	if cl.left != nil {
		close(cl.left)
		cl.left = nil
	}
	if c.moved.Load() && c.willDelay > 0 { // [MQTT-3.1.3-9]
		c.ending.DiscardWill = true
	}
	cl.session.Disconnect(cl.since, c.ending)
	f.will, f.over = cl.dueLocked(cl.since)
	return f
}

// dueLocked takes the will if it is due, and sees to it that what becomes due
// later is not forgotten.
func (cl *client) dueLocked(now time.Time) (will *takenWill, over bool) {
	will = cl.takingLocked(func() *core.Message { return cl.session.TakeWill(now) })
	over = cl.session.Over(now)
	cl.countDrops()
	if at, ok := cl.session.NextDue(); ok && !over {
		cl.stopDueLocked()
		cl.due = time.AfterFunc(at.Sub(now), func() { cl.broker.due(cl) })
	}
	return will, over
}

func (cl *client) stopDue() {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.stopDueLocked()
}

func (cl *client) stopDueLocked() {
	if cl.due != nil {
		cl.due.Stop()
		cl.due = nil
	}
}

// over reports whether the session has ended by itself.
func (cl *client) over(now time.Time) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.session.Over(now)
}

// remains is what is left to do of a session that has ended.
type remains struct {
	subscriptions []core.Subscription // to be taken back
	will          *takenWill          // to be published; nil: none
	conn          *conn               // to be closed; nil: none
}

// end marks the session as ended.
func (cl *client) end() (r remains) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.ended {
		return remains{}
	}
	cl.ended, cl.ready, cl.catchup = true, false, nil
	cl.stopDueLocked()
	cl.broker.counters.add(dropSessionEnded, cl.number, cl.session.Size().Queue)
	r = remains{subscriptions: cl.session.Subscriptions(), conn: cl.conn}
	r.will = cl.takingLocked(func() *core.Message { return cl.session.End(time.Now()) })
	cl.conn = nil
	if cl.left != nil {
		close(cl.left)
		cl.left = nil
	}
	return r
}

// disconnect closes the connection, if there is one.
func (cl *client) disconnect(b bye) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != nil {
		cl.conn.close(b)
	}
}

// forgetWill takes back a will that waits for its delay, because the client
// has come back at another node [MQTT-3.1.3-9].
func (cl *client) forgetWill() {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if at, ok := cl.session.NextDue(); ok {
		// That late every will is due.
		_ = cl.session.TakeWill(at.Add(1 << 32 * time.Second))
	}
}

// attachment is a connection on its way to a session.
type attachment struct {
	conn  *conn
	in    entry
	token core.Token
}

// peer is what the session needs to know of the CONNECT.
func (a *attachment) peer() session.Peer {
	req := &a.in.req
	p := session.Peer{
		Version: req.Version, ReceiveMaximum: req.ReceiveMaximum,
		MaximumPacketSize: req.MaximumPacketSize, Expiry: a.conn.expires,
	}
	if w := req.Will; w != nil {
		p.Will = &session.Will{Message: willMessage(w, req.ClientID), Delay: w.Delay, Expiry: w.Expiry, HasExpiry: w.HasExpiry}
	}
	return p
}

// expiry is how long the session outlives its connection, in seconds: one of
// 3.1.1 as long as may be, unless it is clean.
func (b *Broker) expiry(req *packet.Connect) uint32 {
	switch {
	case req.Version == packet.Version5:
		return b.limits.expiry(req.SessionExpiry)
	case req.CleanStart:
		return 0
	}
	return b.limits.expiry(session.Never)
}

func willMessage(w *packet.Will, publisher string) *core.Message {
	m := &core.Message{Topic: w.Topic, Payload: w.Payload, QoS: w.QoS, Retain: w.Retain, Publisher: publisher}
	if len(w.Properties) > 0 {
		m.Extra = &core.Extra{Properties: w.Properties}
	}
	return m
}

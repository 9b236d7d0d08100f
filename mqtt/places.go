package mqtt

import (
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// takeoverWait is how long a connection waits for the one that it replaces to
// come to its end.
const takeoverWait = 10 * time.Second

// takeoverGrace is how long a connection that is to be replaced may still read
// what the client has sent. A client that says DISCONNECT and connects again at
// once is heard in this order only if the reader of the first connection comes
// before the second. One of which nothing is unread is replaced at once.
const takeoverGrace = 20 * time.Millisecond

// attach claims the client ID in the cluster and ties the connection to a
// session, the CONNACK being the first packet out.
func (b *Broker) attach(c *conn, in entry) error {
	id := in.req.ClientID
	if !b.register(id) {
		return &refusal{refusedSessions, packet.QuotaExceeded, "there are too many sessions"}
	}
	defer b.unregister(id)
	a := &attachment{conn: c, in: in, token: b.cluster.Claim(id, in.req.CleanStart)}
	present, err := b.adopt(a)
	if err != nil {
		return err
	}
	return b.greet(c, c.connack(a, present))
}

// register opens the place of a client ID before its claim, so that a claim
// made elsewhere at the same time is not missed. It reports false when there
// are too many sessions.
func (b *Broker) register(clientID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.places[clientID]
	if p == nil {
		if len(b.places) >= b.limits.MaxSessions {
			return false
		}
		p = &place{}
		b.places[clientID] = p
	}
	p.claiming++
	return true
}

func (b *Broker) unregister(clientID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.places[clientID].claiming--
	b.sweep(clientID)
}

// sweep removes a place that nothing uses; the lock is held.
func (b *Broker) sweep(clientID string) {
	if p := b.places[clientID]; p != nil && p.client == nil && p.claiming == 0 {
		delete(b.places, clientID)
	}
}

// adopt gives a connection the session that is here, or a new one. It first
// ends the connection that it replaces, and waits for it: two readers of one
// session would see its QoS 2 identifiers out of turn.
func (b *Broker) adopt(a *attachment) (present bool, err error) {
	end := time.Now().Add(takeoverWait)
	for {
		p, err := b.place(a)
		if err != nil || p.wait == nil {
			b.publishWill(p.client, p.will)
			if p.discarded != nil {
				b.endSession(p.discarded, sessionsDiscarded)
			}
			return p.present, err
		}
		if err := a.replace(p, end); err != nil {
			return false, err
		}
	}
}

// replace ends the connection p.conn, and waits for that until the time end.
func (a *attachment) replace(p placed, end time.Time) error {
	wait := takeoverGrace
	if p.conn.source.quiet() {
		wait = 0
	} else if p.conn.source.raw == nil {
		p.conn.source.leave()
	}
	grace, timeout := time.NewTimer(wait), time.NewTimer(time.Until(end))
	defer grace.Stop()
	defer timeout.Stop()
	for {
		select {
		case <-p.wait:
			return nil
		case <-grace.C:
			p.conn.close(takenOver(false))
		case <-a.conn.ctx.Done():
			return a.conn.ctx.Err()
		case <-timeout.C:
			return &refusal{refusedBusy, packet.ServerUnavailable, "the connection to be replaced does not end"}
		}
	}
}

// placed is what came of looking for a session.
type placed struct {
	client    *client
	present   bool       // it was here before
	will      *takenWill // to be published; nil: none
	discarded *client    // to be ended; nil: none

	conn *conn           // to be closed, and
	wait <-chan struct{} // waited for, before it is tried again; nil: none
}

func (b *Broker) place(a *attachment) (placed, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.places[a.in.req.ClientID]
	if a.token.Compare(p.top) < 0 {
		return placed{}, errTakenOver
	}
	p.top = a.token
	old := p.client
	if old == nil {
		p.client = b.newClient(a)
		return placed{client: p.client, will: p.client.attach(a)}, nil
	}
	if c, wait := old.occupied(); c != nil {
		return placed{conn: c, wait: wait}, nil
	}
	if !a.in.req.CleanStart && !old.over(time.Now()) {
		return placed{client: old, present: true, will: old.attach(a)}, nil
	}
	p.client = b.newClient(a)
	return placed{client: p.client, discarded: old, will: p.client.attach(a)}, nil
}

// newClient makes a session for a connection, recorded if it is to stay.
func (b *Broker) newClient(a *attachment) *client {
	cl := &client{broker: b, id: a.in.req.ClientID, number: b.numbers.Add(1)}
	cl.log = b.durable.open(cl, scopeOf(a.conn.expires, a.in.req.Will != nil))
	cl.session = session.New(cl.log.options(session.Options{Limits: b.limits.session()}))
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.log.opened(cl.session, time.Now())
	return cl
}

// greet sends the CONNACK when the journal has what the CONNECT did to a
// session that is to stay.
func (b *Broker) greet(c *conn, answer packet.Connack) error {
	cl := c.client
	if b.journal == nil || c.expires == 0 {
		cl.greet(c, answer)
		return nil
	}
	sent := make(chan struct{})
	b.journal.Written(func() {
		cl.greet(c, answer)
		close(sent)
	})
	select {
	case <-sent:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// written calls f when the journal has everything recorded so far; it may be
// at once.
func (b *Broker) written(f func()) {
	if b.journal == nil {
		f()
		return
	}
	b.journal.Written(f)
}

// written calls f when the journal has everything that was recorded of the
// session so far; of one that ends with its connection nothing is.
func (c *conn) written(f func()) {
	if c.expires == 0 {
		f()
		return
	}
	c.broker.written(f)
}

// detach ends the tie between a connection and its session, and the session
// with it unless it is to stay.
func (b *Broker) detach(c *conn) {
	cl := c.client
	if cl == nil {
		return
	}
	f := b.leave(cl, c)
	b.publishWill(cl, f.will)
	if f.over {
		b.endSession(cl, none)
	}
}

func (b *Broker) leave(cl *client, c *conn) farewell {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := cl.detach(c)
	if f.over {
		b.remove(cl)
	}
	return f
}

// remove empties the place of a session; the lock is held.
func (b *Broker) remove(cl *client) {
	if p := b.places[cl.id]; p != nil && p.client == cl {
		p.client = nil
		b.sweep(cl.id)
	}
}

// due publishes the will of a session whose client is away, or ends the
// session, or both.
func (b *Broker) due(cl *client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.ended || cl.conn != nil {
		return
	}
	will, over := cl.dueLocked(time.Now())
	if over {
		b.remove(cl)
	}
	if over || will != nil {
		b.start(func() {
			b.publishWill(cl, will)
			if over {
				b.endSession(cl, sessionsExpired)
			}
		})
	}
}

// endSession takes back every subscription of a session that has no place any
// more. why may be none.
func (b *Broker) endSession(cl *client, why count) {
	cl.changes.Lock()
	defer cl.changes.Unlock()
	r := cl.end()
	if r.conn != nil {
		r.conn.close(takenOver(false))
	}
	if why != none {
		b.counters.add(why, cl.number, 1)
	}
	for _, s := range r.subscriptions {
		b.cluster.Unsubscribe(cl, s.Filter, s.Group)
	}
	b.publishWill(cl, r.will)
}

// TakenOver implements SessionOwner.
func (b *Broker) TakenOver(clientID string, token core.Token, discard bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.places[clientID]
	if p == nil || token.Compare(p.top) <= 0 {
		return
	}
	p.top = token
	cl := p.client
	switch {
	case cl == nil:
	case discard:
		if b.start(func() { b.endSession(cl, sessionsDiscarded) }) {
			b.remove(cl)
		}
	default:
		cl.forgetWill()
		cl.disconnect(takenOver(true))
	}
}

package mqtt

import (
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// attachment is a connection on its way to a session.
type attachment struct {
	conn  *conn
	req   packet.Connect
	token core.Token
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

// adopt gives a connection the session that is here, or a new one, and ends
// what it replaces. A lower token than one seen loses.
func (b *Broker) adopt(a attachment) error {
	replaced, err := b.place(a)
	if replaced.conn != nil {
		replaced.conn.close(endTakenOver)
	}
	if replaced.session != nil {
		b.endSession(replaced.session, sessionsDiscarded)
	}
	return err
}

// replaced is what a new connection puts an end to.
type replaced struct {
	conn    *conn
	session *client
}

func (b *Broker) place(a attachment) (replaced, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.places[a.req.ClientID]
	if a.token.Compare(p.top) < 0 {
		return replaced{}, errTakenOver
	}
	p.top = a.token
	if old := p.client; old != nil && old.persistent && !a.req.CleanStart {
		return replaced{conn: old.attach(a, true)}, nil
	}
	old := p.client
	p.client = b.newClient(a)
	p.client.attach(a, false)
	return replaced{session: old}, nil
}

func (b *Broker) newClient(a attachment) *client {
	expiry := b.limits.SessionExpiry
	if a.req.CleanStart {
		expiry = 0
	}
	s := session.New(expiry, b.limits.session())
	return &client{broker: b, id: a.req.ClientID, number: b.numbers.Add(1),
		persistent: s.Persistent(), session: s}
}

// detach ends the tie between a connection and its session, and the session
// with it unless it is persistent.
func (b *Broker) detach(c *conn) {
	cl := c.client
	if cl == nil {
		return
	}
	if b.leave(cl, c) {
		b.endSession(cl, none)
	}
}

func (b *Broker) leave(cl *client, c *conn) (over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if over = cl.detach(c); over {
		b.remove(cl)
	}
	return over
}

// remove empties the place of a session; the lock is held.
func (b *Broker) remove(cl *client) {
	if p := b.places[cl.id]; p != nil && p.client == cl {
		p.client = nil
		b.sweep(cl.id)
	}
}

// expire ends a session whose client has been away for too long.
func (b *Broker) expire(cl *client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cl.over(time.Now()) && b.start(func() { b.endSession(cl, sessionsExpired) }) {
		b.remove(cl)
	}
}

// endSession takes back every subscription of a session that has no place any
// more. why may be none.
func (b *Broker) endSession(cl *client, why count) {
	cl.changes.Lock()
	defer cl.changes.Unlock()
	subs, c := cl.end()
	if c != nil {
		c.close(endTakenOver)
	}
	if why != none {
		b.counters.add(why, cl.number, 1)
	}
	for _, s := range subs {
		b.cluster.Unsubscribe(cl, s.Filter)
	}
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
		cl.disconnect(endTakenOver)
	}
}

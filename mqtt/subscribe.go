package mqtt

import (
	"strings"
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// subscribing is a SUBSCRIBE that is being answered.
type subscribing struct {
	c        *conn
	answer   packet.Suback
	ids      []uint32     // its subscription identifier, if it has one
	missing  atomic.Int64 // subscriptions that are not visible yet, and one
	retained []retained   // to follow the SUBACK
}

// handleSubscribe adds subscriptions. The SUBACK leaves when all of them are
// visible, and reading goes on meanwhile.
func (c *conn) handleSubscribe(p packet.Packet) error {
	req, err := p.Subscribe()
	if err != nil {
		return err
	}
	c.acks.promise()
	c.client.openCatchup(c)
	s := &subscribing{c: c, answer: packet.Suback{Version: c.version, ID: req.ID, Codes: make([]byte, len(req.Subscriptions))}}
	if req.SubscriptionID != 0 {
		s.ids = []uint32{req.SubscriptionID}
	}
	// One more than the filters, so that none of them is the last one before
	// all codes are known.
	s.missing.Store(int64(len(req.Subscriptions)) + 1)
	for i, sub := range req.Subscriptions {
		s.answer.Codes[i] = byte(s.add(sub))
	}
	s.visible()
	return nil
}

// visible is called once for each subscription, and once more.
func (s *subscribing) visible() {
	if s.missing.Add(-1) > 0 {
		return
	}
	s.c.written(func() {
		s.c.acks.answer(s.answer)
		s.c.client.follow(s.c, s.retained)
	})
}

// add makes one subscription and returns its code.
func (s *subscribing) add(req packet.Subscription) packet.Reason {
	b, cl := s.c.broker, s.c.client
	sub := core.Subscription{Grant: core.Grant{
		QoS: core.QoS(min(int(req.QoS), b.limits.MaxQoS)), NoLocal: req.NoLocal, RetainAsPublished: req.RetainAsPublished, IDs: s.ids,
	}}
	sub.Group, sub.Filter = packet.Share(req.Filter)
	why, code := s.c.checkSubscription(sub)
	existed := false
	if code == packet.Success {
		why, code = subscriptionsRefused, packet.QuotaExceeded
		var ok bool
		if existed, ok = cl.subscribe(s.c, sub, s.visible); ok {
			s.collect(req, sub, existed)
			return packet.Reason(sub.QoS)
		}
	}
	b.counters.add(why, cl.number, 1)
	s.visible()
	return code
}

// checkSubscription says why a subscription is not allowed.
func (c *conn) checkSubscription(sub core.Subscription) (why count, code packet.Reason) {
	l := &c.broker.limits
	switch {
	case l.NoShared && sub.Group != "":
		return subscriptionsUnsupported, packet.SharedSubscriptionsNotSupported
	case l.NoWildcards && strings.ContainsAny(string(sub.Filter), "+#"):
		return subscriptionsUnsupported, packet.WildcardsNotSupported
	case !c.broker.allows(c.who, Access{Topic: string(sub.Filter), QoS: byte(sub.QoS)}):
		return subscriptionsDenied, packet.NotAuthorized
	}
	return none, packet.Success
}

// collect looks up the retained messages that a new subscription brings:
// always, only if it was not there before, or never [MQTT-3.3.1-9, 3.3.1-10,
// 3.3.1-11], and never for a shared one.
func (s *subscribing) collect(req packet.Subscription, sub core.Subscription, existed bool) {
	if sub.Group != "" || req.RetainHandling == 2 || req.RetainHandling == 1 && existed {
		return
	}
	b, cl := s.c.broker, s.c.client
	b.cluster.Retained(sub.Filter, func(m *core.Message) bool {
		if sub.NoLocal && m.Publisher == cl.id { // [MQTT-3.8.3-3]
			return true
		}
		if len(s.retained) >= b.limits.MaxRetained {
			b.counters.add(retainedOmitted, cl.number, 1)
			return false
		}
		s.retained = append(s.retained, retained{m, &sub})
		return true
	})
}

// subscribe adds a subscription to the session and to the cluster. ok is false
// when the session has room for no more, or another connection.
func (cl *client) subscribe(c *conn, sub core.Subscription, visible func()) (existed, ok bool) {
	cl.changes.Lock()
	defer cl.changes.Unlock()
	cl.mu.Lock()
	if cl.conn == c {
		existed, ok = cl.session.Subscribe(sub)
	}
	cl.mu.Unlock()
	if ok {
		cl.broker.cluster.Subscribe(cl, sub, visible)
	}
	return existed, ok
}

// handleUnsubscribe takes subscriptions back.
func (c *conn) handleUnsubscribe(p packet.Packet) error {
	req, err := p.Unsubscribe()
	if err != nil {
		return err
	}
	c.acks.promise()
	answer := packet.Unsuback{Version: c.version, ID: req.ID, Codes: make([]byte, len(req.Filters))}
	for i, f := range req.Filters {
		if !c.client.unsubscribe(c, f) {
			answer.Codes[i] = byte(packet.NoSubscriptionExisted)
		}
	}
	c.written(func() { c.acks.answer(answer) })
	return nil
}

func (cl *client) unsubscribe(c *conn, f core.Filter) (existed bool) {
	group, filter := packet.Share(f)
	cl.changes.Lock()
	defer cl.changes.Unlock()
	cl.mu.Lock()
	existed = cl.conn == c && cl.session.Unsubscribe(filter, group)
	if existed && group == "" {
		cl.catchup.leaveOut(filter)
	}
	cl.mu.Unlock()
	if existed {
		cl.broker.cluster.Unsubscribe(cl, filter, group)
	}
	return existed
}

package mqtt

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// handle does what one packet after the CONNECT asks for. An error ends the
// connection.
func (c *conn) handle(p packet.Packet) error {
	switch p.Type {
	case packet.TypePublish:
		return c.handlePublish(p)
	case packet.TypePuback:
		ack, err := p.Ack()
		if err == nil {
			c.client.puback(c, ack.ID)
		}
		return err
	case packet.TypeSubscribe:
		return c.handleSubscribe(p)
	case packet.TypeUnsubscribe:
		return c.handleUnsubscribe(p)
	case packet.TypePingreq:
		if err := p.Empty(); err != nil {
			return err
		}
		c.out.reply(packet.AppendEmpty(nil, packet.TypePingresp))
		return nil
	case packet.TypeDisconnect:
		if err := p.Empty(); err != nil {
			return err
		}
		return errDisconnect
	}
	return fmt.Errorf("%w: unexpected %v", packet.ErrProtocol, p.Type)
}

// handlePublish passes a message on to the cluster. It may wait there, which
// pauses this publisher and keeps its messages in order.
func (c *conn) handlePublish(p packet.Packet) error {
	in, err := p.Publish()
	if err != nil {
		return err
	}
	b, stripe := c.broker, c.client.number
	b.counters.add(publishesReceived, stripe, 1)
	if in.QoS == 2 {
		b.said[endQoS2].Do(func() { b.log.Warn("a QoS 2 publish closed its connection: not supported yet", "client", c.client.id) })
		return errQoS2
	}
	if in.Retain {
		b.warnOnce(retainIgnored, "retained messages are not supported yet: one is delivered and not stored", "client", c.client.id)
	}
	var accepted func()
	if in.QoS > 0 {
		accepted = c.acks.publish(in.ID)
	}
	if err := b.cluster.Publish(c.ctx, newMessage(in, p.Kept, c.client.id), accepted); err != nil {
		return fmt.Errorf("%w: %w", errPublish, err)
	}
	return nil
}

// newMessage makes the one copy of a message that everybody shares, topic and
// payload in one piece of memory. With keep, the packet's own memory is it.
func newMessage(in packet.Publish, keep bool, publisher string) *core.Message {
	topic, payload := in.Topic, in.Payload
	if !keep {
		buf := append(make([]byte, 0, len(topic)+len(payload)), topic...)
		buf = append(buf, payload...)
		topic, payload = buf[:len(topic)], buf[len(topic):]
	}
	return &core.Message{
		// Nobody writes to this memory any more, so it may be a string.
		Topic:     core.Topic(unsafe.String(unsafe.SliceData(topic), len(topic))),
		Payload:   payload,
		QoS:       in.QoS,
		Retain:    in.Retain,
		Publisher: publisher,
	}
}

// maxGranted is the highest QoS that a subscription is granted: QoS 2 is not
// supported yet, and the standard allows to grant less.
const maxGranted = 1

// handleSubscribe adds subscriptions. The SUBACK leaves when all of them are
// visible, and reading goes on meanwhile.
func (c *conn) handleSubscribe(p packet.Packet) error {
	req, err := p.Subscribe()
	if err != nil {
		return err
	}
	answer := packet.Suback{ID: req.ID, Codes: make([]byte, len(req.Subscriptions))}
	c.acks.subscribe()
	// One more than the filters, so that none of them is the last one before
	// all codes are known.
	var missing atomic.Int64
	missing.Store(int64(len(req.Subscriptions)) + 1)
	visible := func() {
		if missing.Add(-1) == 0 {
			c.acks.suback(answer)
		}
	}
	for i, s := range req.Subscriptions {
		s.QoS = min(s.QoS, maxGranted)
		answer.Codes[i] = byte(s.QoS)
		if !c.client.subscribe(c, s, visible) {
			answer.Codes[i] = packet.SubackFailure
			visible()
		}
	}
	visible()
	return nil
}

// subscribe adds a subscription to the session and to the cluster and reports
// whether it did.
func (cl *client) subscribe(c *conn, s packet.Subscription, visible func()) bool {
	cl.changes.Lock()
	defer cl.changes.Unlock()
	cl.mu.Lock()
	mine := cl.conn == c
	ok := mine && cl.session.Subscribe(s)
	cl.mu.Unlock()
	if mine && !ok {
		cl.broker.counters.add(subscriptionsRefused, cl.number, 1)
	}
	if !ok {
		return false
	}
	cl.broker.cluster.Subscribe(cl, s.Filter, s.QoS, visible)
	return true
}

// handleUnsubscribe takes subscriptions back.
func (c *conn) handleUnsubscribe(p packet.Packet) error {
	req, err := p.Unsubscribe()
	if err != nil {
		return err
	}
	for _, f := range req.Filters {
		c.client.unsubscribe(c, f)
	}
	c.out.reply(packet.Ack{Type: packet.TypeUnsuback, ID: req.ID}.Append(nil))
	return nil
}

func (cl *client) unsubscribe(c *conn, f core.Filter) {
	cl.changes.Lock()
	defer cl.changes.Unlock()
	cl.mu.Lock()
	ok := cl.conn == c && cl.session.Unsubscribe(f)
	cl.mu.Unlock()
	if ok {
		cl.broker.cluster.Unsubscribe(cl, f)
	}
}

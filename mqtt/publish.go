package mqtt

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// handlePublish passes a message on to the cluster. It may wait there, which
// pauses this publisher and keeps its messages in order.
func (c *conn) handlePublish(p packet.Packet) error {
	in, err := p.Publish()
	if err != nil {
		return err
	}
	c.broker.counters.add(publishesReceived, c.client.number, 1)
	if err := c.checkPublish(in); err != nil {
		return err
	}
	m, err := c.message(in, p.Kept)
	if err != nil {
		return err
	}
	if in.QoS == 0 {
		return c.publish0(m)
	}
	return c.publishAcked(in, m)
}

// checkPublish holds the client to what the CONNACK said.
func (c *conn) checkPublish(in packet.Publish) error {
	switch l := &c.broker.limits; {
	case int(in.QoS) > l.MaxQoS:
		return errNoQoS
	case in.Retain && l.NoRetain:
		return errNoRetain
	}
	return nil
}

// message makes the message that everybody shares.
func (c *conn) message(in packet.Publish, keep bool) (*core.Message, error) {
	if in.Alias == 0 {
		return newMessage(in, keep, c.client.id), nil
	}
	topic, err := c.aliases.resolve(in, c.broker.limits.MaxTopicAlias)
	if err != nil {
		return nil, err
	}
	in.Topic = nil
	m := newMessage(in, keep, c.client.id)
	m.Topic = topic
	return m, nil
}

// extended is a message with what few messages have.
type extended struct {
	core.Message
	extra core.Extra
}

// newMessage makes the one copy of a message that everybody shares: topic,
// payload and properties in one piece of memory. With keep, the packet's own
// memory is it.
func newMessage(in packet.Publish, keep bool, publisher string) *core.Message {
	topic, payload, props := in.Topic, in.Payload, in.Properties
	if !keep {
		buf := make([]byte, 0, len(topic)+len(payload)+len(props))
		buf = append(append(append(buf, topic...), payload...), props...)
		topic, buf = buf[:len(topic):len(topic)], buf[len(topic):]
		payload, props = buf[:len(payload):len(payload)], buf[len(payload):]
	}
	m := core.Message{
		// Nobody writes to this memory any more, so it may be a string.
		Topic:     core.Topic(unsafe.String(unsafe.SliceData(topic), len(topic))),
		Payload:   payload,
		QoS:       in.QoS,
		Retain:    in.Retain,
		Publisher: publisher,
	}
	if len(props) == 0 && !in.HasExpiry {
		return &m
	}
	x := &extended{Message: m, extra: core.Extra{Properties: props}}
	if in.HasExpiry {
		x.extra.Expires = time.Now().Add(time.Duration(in.Expiry) * time.Second)
	}
	x.Extra = &x.extra
	return &x.Message
}

// publish0 passes on a message of QoS 0; one that nobody takes is dropped.
func (c *conn) publish0(m *core.Message) error {
	b := c.broker
	if !b.allows(c.who, accessOf(m)) {
		b.counters.add(publishesDenied, c.client.number, 1)
		return nil
	}
	if err := b.cluster.Publish(&c.publish, m, core.Outcome{}); err != nil {
		b.counters.add(publishesRefused, c.client.number, 1)
		return c.ctx.Err()
	}
	return nil
}

func accessOf(m *core.Message) Access {
	return Access{Publish: true, Topic: string(m.Topic), QoS: byte(m.QoS), Retain: m.Retain}
}

// publishAcked passes on a message of QoS 1 or 2, and answers it in its turn.
func (c *conn) publishAcked(in packet.Publish, m *core.Message) error {
	typ := packet.TypePuback
	if in.QoS == 2 {
		typ = packet.TypePubrec
	}
	number, fits := c.acks.publish(typ, in.ID)
	if !fits && c.version == packet.Version5 {
		return errReceiveMax
	}
	if in.QoS == 2 {
		duplicate, room := c.client.receiving(in.ID)
		switch {
		case duplicate: // [MQTT-4.3.3-10]
			c.broker.counters.add(publishesAgain, c.client.number, 1)
			c.accept(number, packet.Success)
			return nil
		case !room:
			return fmt.Errorf("%w: more messages of QoS 2 in flight than %d", errReceiveMax, c.broker.limits.ReceiveMaximum)
		}
	}
	if !c.broker.allows(c.who, accessOf(m)) {
		c.broker.counters.add(publishesDenied, c.client.number, 1)
		c.deny(in, number)
		return nil
	}
	if err := c.broker.durable.ready(c.ctx); err != nil {
		return c.publishFailed(number, err)
	}
	if err := c.broker.cluster.Publish(&c.publish, m, c.outcome(in, number)); err != nil {
		return c.publishFailed(number, err)
	}
	return nil
}

// outcome is what follows from the publishing of a message: its identifier, at
// QoS 2, is taken in together with the message, and the answer leaves when
// everybody has accepted that, our own journal included.
func (c *conn) outcome(in packet.Publish, number uint64) core.Outcome {
	var on core.Outcome
	if in.QoS == 2 {
		id := in.ID
		on.Admitted = func() { c.client.receive(id) }
	}
	on.Accepted = func(matched bool) {
		reason := packet.Success
		if !matched {
			reason = packet.NoMatchingSubscribers
		}
		c.accept(number, reason)
	}
	return on
}

func (c *conn) accept(number uint64, reason packet.Reason) {
	if c.broker.journal == nil {
		c.acks.accept(number, reason)
		return
	}
	c.broker.written(func() { c.acks.accept(number, reason) })
}

// deny answers a message that the client may not publish. 3.1.1 has no word
// for that: it is acknowledged like any other [MQTT-3.3.5-2].
func (c *conn) deny(in packet.Publish, number uint64) {
	reason := packet.Success
	if c.version == packet.Version5 {
		reason = packet.NotAuthorized
	} else if in.QoS == 2 {
		c.client.receive(in.ID)
	}
	c.accept(number, reason)
}

// publishFailed answers a message that reached nobody: a client of 3.1.1 sends
// it again on its next connection.
func (c *conn) publishFailed(number uint64, err error) error {
	c.broker.counters.add(publishesRefused, c.client.number, 1)
	switch {
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case c.version == packet.Version5:
		c.acks.accept(number, packet.QuotaExceeded)
		return nil
	}
	return fmt.Errorf("%w: %w", errPublish, err)
}

// receiving reports whether a QoS 2 message of the client came before, and
// whether there is room for its identifier if not.
func (cl *client) receiving(id uint16) (duplicate, room bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.session.Receiving(id)
}

// receive takes in the identifier of a QoS 2 message of the client.
func (cl *client) receive(id uint16) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if !cl.ended {
		cl.session.Receive(id)
	}
}

// allows reports whether a client may do something.
func (b *Broker) allows(who *Identity, a Access) bool {
	return b.authorizer == nil || who.Superuser || b.authorizer.Authorize(who, a)
}

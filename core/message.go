package core

// QoS is MQTT's quality of service: 0, 1 or 2.
type QoS uint8

// Message is one application publish. It is immutable from the moment it is
// handed over: every session and lane that it goes to shares it.
type Message struct {
	Topic   Topic
	Payload []byte
	QoS     QoS
	Retain  bool
	// Publisher is the client ID of the publisher; it chooses the lane, so
	// that one publisher's messages stay in order.
	Publisher string
}

// Subscriber is the receiving end of subscriptions: a session.
type Subscriber interface {
	// Deliver hands over a message at the QoS granted to the subscription
	// that matched it; the effective QoS is the lower of that and the
	// message's own. It may be called from many goroutines, must not
	// block, and must not call back into its caller. When it returns, the
	// message is in the subscriber's queue or was dropped and counted by the
	// subscriber.
	Deliver(m *Message, granted QoS)
	// Number is unique among the subscribers of this process and never
	// changes. A message that matches several subscriptions of one
	// subscriber is delivered once, at the highest QoS granted.
	Number() uint64
}

// Count is the value of one counter: a name in snake_case with a unit suffix
// or _total, and an optional reason.
type Count struct {
	Name   string
	Reason string
	Value  uint64
}

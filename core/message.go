package core

import "time"

// QoS is MQTT's quality of service: 0, 1 or 2.
type QoS uint8

// Message is one application publish. It is immutable from the moment it is
// handed over: every session and lane that it goes to shares it.
type Message struct {
	Topic   Topic
	Payload []byte
	QoS     QoS
	// Retain is the flag that it was published with. Such a message goes to
	// every node of the cluster, which keeps the last one of each topic.
	Retain bool
	// Publisher is the client ID of the publisher; it chooses the lane, so
	// that one publisher's messages stay in order.
	Publisher string
	// Extra is what few messages have; nil is none.
	Extra *Extra
}

// Extra is the part of a message that most messages do without.
type Extra struct {
	// Properties are the MQTT 5.0 properties that subscribers get as they were
	// published: payload format, content type, response topic, correlation
	// data and user properties, encoded as in a PUBLISH without the length
	// before them.
	Properties []byte
	// Expires is when the message is not to be delivered any more, by the
	// monotonic clock of this process; zero is never [MQTT-3.3.2-5]. Between
	// nodes it travels as remaining time.
	Expires time.Time
	// Stamp orders the retained messages of one topic: the later one stands,
	// and of two alike that of the higher Node. Zero when Retain is not set.
	Stamp Stamp
	Node  UID // that stamped it
	// From is the lane that brought it; zero when it was published here.
	From LaneSeq
}

// LaneSeq is a position in a lane.
type LaneSeq struct {
	Node        UID // at the sending end; zero is none
	Incarnation Incarnation
	Lane        uint8
	Seq         uint64
}

// Properties returns the encoded properties of the message, nil for none.
func (m *Message) Properties() []byte {
	if m.Extra == nil {
		return nil
	}
	return m.Extra.Properties
}

// Expired reports whether the message is not to be delivered any more.
func (m *Message) Expired(now time.Time) bool {
	return m.Extra != nil && !m.Extra.Expires.IsZero() && !now.Before(m.Extra.Expires)
}

// Grant is what a subscription was granted, and how its messages are to come.
type Grant struct {
	QoS QoS // the highest
	// NoLocal keeps a client's own messages from it [MQTT-3.8.3-3].
	NoLocal bool
	// RetainAsPublished keeps the retain flag of forwarded messages
	// [MQTT-3.3.1-13].
	RetainAsPublished bool
	// IDs are the subscription identifiers of all subscriptions that matched,
	// 1 to 268,435,455 each [MQTT-3.3.4-3]. They are never written to.
	IDs []uint32
}

// Subscription is a filter with its grant.
type Subscription struct {
	Filter Filter // of a shared one without "$share" and the name of the group
	// Group is the share name of a shared subscription [MQTT 4.8.2], "" for
	// one of its own.
	Group string
	Grant
}

// Subscriber is the receiving end of subscriptions: a session. Its methods may
// be called from many goroutines, must not block, and must not call back into
// their caller.
type Subscriber interface {
	// Deliver hands over a message by a grant; the effective QoS is the lower
	// of the granted one and the message's own. When it returns, the message
	// is in the subscriber's queue or was dropped and counted by the
	// subscriber.
	Deliver(m *Message, g Grant)
	// Offer is Deliver for one of a group that shares a subscription: false
	// means that another one should have it, because this one is away or has
	// no room. Then nothing was done.
	Offer(m *Message, g Grant) bool
	// Number is unique among the subscribers of this process and never
	// changes. A message that matches several subscriptions of one
	// subscriber, shared ones apart, is delivered once, at the highest QoS
	// granted and with all identifiers.
	Number() uint64
	// ClientID is that of the session.
	ClientID() string
}

// Outcome is told how far a publish has got. Each of its functions may be nil
// and is called at most once.
type Outcome struct {
	// Admitted is called inside the step that hands the message to the
	// sessions of this node. What it and they append to the journal stands or
	// falls together. It must not block.
	Admitted func()
	// Accepted is called, for QoS 1 and up, when every live node that the
	// message was matched to has accepted it, on any goroutine. matched
	// reports whether there was any subscription.
	Accepted func(matched bool)
}

// Journal is the log of a data directory: what is appended to it is found
// again, in order, by the next start. All methods may be called concurrently.
type Journal interface {
	// Append adds a record of a kind; the bytes are copied. It waits only
	// while the memory for records not yet written is full.
	Append(kind byte, record []byte)
	// Hold keeps all records appended before Release together: a kill leaves
	// all of them or none. Holds may overlap, and must be short.
	Hold()
	// Release ends a Hold.
	Release()
	// Written calls done, on any goroutine, perhaps before it returns, when
	// everything appended so far is in the log as its policy says.
	Written(done func())
}

// Count is the value of one counter: a name in snake_case with a unit suffix
// or _total, and an optional reason.
type Count struct {
	Name   string
	Reason string
	Value  uint64
}

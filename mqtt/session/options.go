package session

import (
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// maxIDs is the number of packet identifiers, 1 to 65535 [MQTT-2.3.1-1, 5.0
// MQTT-2.2.1-3].
const maxIDs = 65535

// Never is the session expiry of a session that does not expire, in seconds
// [5.0 3.1.2.11.2].
const Never uint32 = 0xFFFFFFFF

// Limits bound one session.
type Limits struct {
	Inflight      int // messages sent and not acknowledged; 1 to 65535
	Queue         int // messages that wait
	QueueBytes    int // topics, payloads and properties of those, in bytes
	Receive       int // QoS 2 messages of the client between PUBLISH and PUBREL; 1 to 65535
	Subscriptions int
	FilterBytes   int // of the filters and group names of those
}

// Options are what a session is made with.
type Options struct {
	Limits Limits
	// Record is given every change that must survive a kill, in order, from
	// within the call that makes it, and must not call back. What an Op points
	// to is shared and must not be changed. nil: nothing is recorded.
	Record func(Op)
	// Gated holds a QoS 2 message back until the Ops that fix its identifier
	// are in the log; see Gate. It is meant for sessions that are recorded.
	Gated bool
}

// Peer is what the CONNECT of a connection asks for.
type Peer struct {
	Version packet.Version
	// ReceiveMaximum is how many messages of QoS 1 and 2 may be on their way
	// to the client at a time, 1 to 65535 [MQTT-3.1.2.11.3]; 0 counts as 65535.
	ReceiveMaximum uint16
	// MaximumPacketSize is the longest packet that the client takes, in bytes;
	// 0 is no limit [MQTT-3.1.2.11.4].
	MaximumPacketSize uint32
	// Expiry is the session expiry in seconds: 0 ends the session with the
	// connection, Never keeps it.
	Expiry uint32
	// Will is the will of this connection, nil for none.
	Will *Will
}

// Will is the message that is published when a connection ends without being
// asked to [MQTT-3.1.2.5]. It is immutable.
type Will struct {
	Message *core.Message
	// Delay is how long it waits for the client to return, in seconds; the end
	// of the session ends the wait [MQTT-3.1.3.2.2].
	Delay uint32
	// Expiry is the message expiry in seconds, which begins when the will is
	// published; it counts when HasExpiry is set.
	Expiry    uint32
	HasExpiry bool
}

// Ending is how a connection ended. The zero Ending is that of one that broke.
type Ending struct {
	// DiscardWill says that the client sent DISCONNECT 0x00, which removes its
	// will [MQTT-3.14.4-3].
	DiscardWill bool
	// Expiry is a new session expiry in seconds from the client's DISCONNECT;
	// it counts when HasExpiry is set. A session of expiry 0 keeps it
	// [MQTT-3.1.2.11.2]; to refuse such a DISCONNECT is the caller's matter.
	Expiry    uint32
	HasExpiry bool
}

// Out is a packet to be sent: a PUBREL when Pubrel, its packet identifier, is
// not 0, else a PUBLISH. Every PUBREL of a session that is recorded, these and
// those that answer a PUBREC, leaves only when what was recorded before is in
// the log: the client forgets the identifier then.
type Out struct {
	Delivery packet.Delivery
	Pubrel   uint16
}

// normal returns the limits within the ranges that the code relies on.
func (l Limits) normal() Limits {
	l.Inflight = min(max(l.Inflight, 1), maxIDs)
	l.Receive = min(max(l.Receive, 1), maxIDs)
	return l
}

// Package mqtt is the broker front: it speaks MQTT 3.1.1 and 5.0 with clients
// and keeps their sessions. Matching, routing, retained messages and the other
// nodes are behind Cluster; who may come in and do what is behind Authenticator
// and Authorizer; the bytes are in packet, and the state of a session in
// session.
//
// Each connection has one goroutine, which reads and handles its packets in
// order (conn.go, handle.go), and an outbox, which a few writers for all
// connections empty (outbox.go, writers.go). An idle connection has neither a
// buffer nor a deep stack. A client that reads too slowly loses messages of
// QoS 0, and has others wait in its session, within the Limits; nobody waits
// for it.
//
// Where the standards leave a choice:
//
//   - Shared subscriptions are for clients of 3.1.1 as well.
//   - A publish that the Authorizer denies is acknowledged to a client of
//     3.1.1 like any other [3.1.1 MQTT-3.3.5-2], and to one of 5.0 with 0x87.
//   - A message that the cluster has no room for is answered with 0x97 in 5.0;
//     a connection of 3.1.1 is closed, and its client sends again.
//   - A DISCONNECT has a second to leave; nothing else waits for it. 3.1.1 just
//     closes [MQTT-4.13.1].
//   - Retained messages follow the SUBACK, as the client takes them.
//   - Wills of clients that are connected when the Broker is closed are
//     published; see Broker.Close.
package mqtt

import (
	"context"

	"github.com/muster-mqtt/muster/core"
)

// Cluster is what the front needs of the node that it runs in. All methods
// may be called concurrently.
type Cluster interface {
	// Subscribe records that s wants messages by sub; it replaces an earlier
	// subscription of the same filter and group. visible is called exactly
	// once, on any goroutine, perhaps before Subscribe returns: when every
	// live node routes the filter, or has had its time to. Only then may the
	// SUBACK be sent.
	Subscribe(s core.Subscriber, sub core.Subscription, visible func())
	// Unsubscribe takes back the subscription of a filter and group; unknown
	// ones are ignored.
	Unsubscribe(s core.Subscriber, f core.Filter, group string)
	// Publish routes m to every matching session of the cluster, and stores it
	// when it is to be retained. It blocks while a queue that m needs is full:
	// that pauses the publisher. An error means that m reached nobody and must
	// not be acknowledged; then nothing of on is called. It asks for Done of
	// ctx only when it is about to wait, and on the goroutine that called it:
	// from then on its caller reads ahead from the publisher.
	Publish(ctx context.Context, m *core.Message, on core.Outcome) error
	// Retained calls yield for the retained message of each topic that f
	// matches until yield returns false. A message published after Subscribe
	// of f was called is in here, or delivered, or both.
	Retained(f core.Filter, yield func(m *core.Message) bool)
	// Claim says that clientID connects here now. Other nodes close their
	// connections of that client ID, and forget the session when discard.
	// It returns the token that orders this claim among others.
	Claim(clientID string, discard bool) core.Token
}

// SessionOwner is what the node needs of the front; *Broker implements it.
type SessionOwner interface {
	// TakenOver tells of a claim made at another node. A connection of that
	// client ID with a lower token is closed; with discard its session is
	// forgotten as well. It must not block.
	TakenOver(clientID string, token core.Token, discard bool)
	// Connected calls yield for each connected client ID and its token until
	// yield returns false.
	Connected(yield func(clientID string, token core.Token) bool)
}

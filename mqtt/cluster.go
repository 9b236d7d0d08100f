// Package mqtt is the broker front: it speaks MQTT with clients and keeps
// their sessions. Matching, routing and the other nodes are behind Cluster.
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

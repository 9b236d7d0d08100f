package node

import (
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
)

// group are the sessions of this node that share a subscription [MQTT 4.8.2]:
// each message goes to one of them. It is immutable, but for the turn.
type group struct {
	name    string
	members []subscribed   // ordered by number; never empty
	turn    *atomic.Uint32 // counts the messages, whoever is a member
}

// deliver gives m to the member whose turn it is, or to the next one that has
// use for it. If all of them refuse it waits in the queue of the first: their
// sessions last longer than their connections.
func (g *group) deliver(m *core.Message) {
	n := uint32(len(g.members))
	first := g.turn.Add(1) - 1
	for i := range n {
		if o := &g.members[(first+i)%n]; o.sub.Offer(m, o.grant) {
			return
		}
	}
	o := &g.members[first%n]
	o.sub.Deliver(m, o.grant)
}

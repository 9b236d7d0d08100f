package node

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/core/replica"
)

// maxChangers bounds the clients whose last change of our routes is remembered
// until all have it; what is beyond is not waited for, and counted.
const maxChangers = 1 << 16

// changes is, for each client, the version of our table with its last new
// route, until every alive peer has acknowledged that: a message that the
// client publishes meanwhile must not overtake it.
type changes struct {
	some atomic.Bool // there are any: publishes look no further if not

	mu       sync.Mutex
	byClient map[string]uint64
}

// note remembers a change; false says that there is no room.
func (c *changes) note(client string, version uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byClient == nil {
		c.byClient = map[string]uint64{}
	}
	if _, known := c.byClient[client]; !known && len(c.byClient) >= maxChangers {
		return false
	}
	c.byClient[client] = version
	c.some.Store(true)
	return true
}

// reached forgets what all alive peers have.
func (c *changes) reached(version uint64) {
	if !c.some.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for client, v := range c.byClient {
		if v <= version {
			delete(c.byClient, client)
		}
	}
	c.some.Store(len(c.byClient) > 0)
}

// of returns the version that a message of a client must not overtake, 0 for
// none.
func (c *changes) of(client string) uint64 {
	if !c.some.Load() {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byClient[client]
}

// allRoutes is the version of a table that nobody has to wait for: as long as
// it is not complete every message goes to its node.
const allRoutes = math.MaxUint64

// routesAt is how much of the table of a peer is in effect here.
type routesAt struct {
	at atomic.Uint64

	mu    sync.Mutex
	moved chan struct{} // closed when at moves; nil while nobody waits
}

func (r *routesAt) set(version uint64) {
	if r.at.Swap(version) == version {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.moved != nil {
		close(r.moved)
		r.moved = nil
	}
}

func (r *routesAt) follow(h replica.Have) {
	if !h.Complete {
		r.set(allRoutes)
		return
	}
	r.set(h.Version)
}

// wait returns a channel that is closed when more routes are in effect; nil
// if version is already.
func (r *routesAt) wait(version uint64) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.Load() >= version {
		return nil
	}
	if r.moved == nil {
		r.moved = make(chan struct{})
	}
	return r.moved
}

// holdFor is how long a frame waits for the routes of its publishers.
const holdFor = 50 * time.Millisecond

// hold waits until the routes that the publishers of a frame had before it are
// in effect here. Only the reader of a data connection may wait: the routes
// come over the link.
func (n *Node) hold(l *link, version uint64) {
	r, in := &l.peer.routes, l.lanes.in
	moved := r.wait(version)
	if moved == nil || l.speaks < dataProtocol {
		return
	}
	if r.at.Load() < in.lag.Load() {
		return
	}
	n.count.holds.Add(1)
	t := time.NewTimer(holdFor)
	defer t.Stop()
	for ; moved != nil; moved = r.wait(version) {
		select {
		case <-moved:
		case <-l.done:
			return
		case <-t.C:
			in.lag.Store(version)
			n.count.holdTimeouts.Add(1)
			return
		}
	}
}

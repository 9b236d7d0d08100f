package node

import (
	"sync"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// clusterTime is the cluster's clock at this node. Its lock is taken last:
// nothing else is taken while it is held.
type clusterTime struct {
	mu    sync.Mutex
	clock core.Clock
}

// Now returns the next stamp.
func (c *clusterTime) Now(at time.Time) core.Stamp {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock.Now(at)
}

// Observe takes in a stamp made elsewhere, see core.Clock.
func (c *clusterTime) Observe(s core.Stamp, at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock.Observe(s, at)
}

// Adopt moves the clock up, see core.Clock.
func (c *clusterTime) Adopt(s core.Stamp, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock.Adopt(s, at)
}

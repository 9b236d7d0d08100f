package mqtt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
)

// ErrClosed is returned by Serve when the Broker has been closed.
var ErrClosed = errors.New("broker closed")

// Broker is the MQTT front of one node. All methods may be called
// concurrently.
//
// Locks are taken in this order: client.changes, Broker.mu, client.mu,
// acks.mu, outbox.mu. Cluster is called with none of them held but changes.
type Broker struct {
	cluster  Cluster
	log      *slog.Logger
	limits   Limits
	counters counters
	said     [numCounts]sync.Once // warnings that are logged once
	numbers  atomic.Uint64        // of subscribers

	ctx    context.Context // until Close
	cancel context.CancelFunc
	tasks  sync.WaitGroup // listeners and ends of sessions

	mu     sync.Mutex
	closed bool
	places map[string]*place
}

// place is what a client ID has at this node. It exists while there is a
// session or a CONNECT under way.
type place struct {
	client   *client // nil: no session
	claiming int     // CONNECTs between register and their end
	// top is the highest token seen: that of the newest connection here, or a
	// claim at another node.
	top core.Token
}

var _ SessionOwner = (*Broker)(nil)

// New returns a Broker. Its errors wrap ErrOptions.
func New(o Options) (*Broker, error) {
	if o.Cluster == nil {
		return nil, fmt.Errorf("no Cluster: %w", ErrOptions)
	}
	limits, err := o.Limits.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Broker{
		cluster: o.Cluster,
		log:     cmp.Or(o.Logger, slog.New(slog.DiscardHandler)),
		limits:  limits,
		places:  map[string]*place{},
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b, nil
}

// Close ends every listener and every connection and returns when all of
// their goroutines have ended. Sessions are in memory and end with it. Calling
// it again is harmless.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	for _, p := range b.places {
		if p.client != nil {
			p.client.stopExpiry()
		}
	}
	b.mu.Unlock()
	b.cancel()
	b.tasks.Wait()
	return nil
}

// start runs f in a goroutine that Close waits for; after Close it does
// nothing and reports false. Broker.mu is held.
func (b *Broker) start(f func()) bool {
	if b.closed {
		return false
	}
	b.tasks.Go(f)
	return true
}

// warnOnce counts, and logs the first time in the life of the process.
func (b *Broker) warnOnce(what count, text string, args ...any) {
	b.counters.add(what, 0, 1)
	b.said[what].Do(func() { b.log.Warn(text, args...) })
}

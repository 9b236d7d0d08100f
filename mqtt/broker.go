package mqtt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// ErrClosed is returned by Serve when the Broker has been closed.
var ErrClosed = errors.New("broker closed")

// Broker is the MQTT front of one node. All methods may be called
// concurrently.
//
// Locks are taken in this order: client.changes, Broker.mu, client.mu,
// durable.mu, acks.mu, outbox.mu, those of writers. Cluster is called with none
// of them held but changes, the Journal's Append with any of the first four:
// it waits only in need, see durable.ready.
type Broker struct {
	cluster  Cluster
	log      *slog.Logger
	limits   Limits
	counters counters
	journal  core.Journal
	durable  *durable // nil without a journal
	writers  *writers
	said     [numCounts]sync.Once // warnings that are logged once
	numbers  atomic.Uint64        // of subscribers
	conns    atomic.Uint64        // numbers of connections

	authenticator Authenticator
	authorizer    Authorizer
	methods       map[string]AuthMethod
	logins        chan struct{} // one for each login under way

	ctx    context.Context // until Close
	cancel context.CancelFunc
	lastly context.Context // until a little after it
	endAll context.CancelFunc
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
		journal: o.Journal,
		durable: newDurable(o.Journal),
		writers: newWriters(),
		places:  map[string]*place{},

		authenticator: o.Authenticator,
		authorizer:    o.Authorizer,
		methods:       o.AuthMethods,
		logins:        make(chan struct{}, limits.MaxLogins),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.lastly, b.endAll = context.WithCancel(context.Background())
	return b, nil
}

// Close ends every listener and every connection and returns when all of
// their goroutines have ended. Clients of 5.0 are told [MQTT-4.13.1].
//
// The wills of the clients that were connected are published: they did not
// disconnect. Without a Journal sessions are in memory and end here, so that
// wills which wait for their delay are published as well; with one they wait
// for the next start. Calling it again is harmless.
func (b *Broker) Close() error {
	b.mu.Lock()
	again := b.closed
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	defer time.AfterFunc(willTimeAtEnd, b.endAll).Stop()
	b.tasks.Wait()
	for _, cl := range b.sessions() {
		cl.stopDue()
		if !again && b.journal == nil {
			b.publishWill(cl, cl.end().will)
		}
	}
	b.endAll()
	b.writers.wg.Wait()
	return nil
}

// task runs f in a goroutine that Close waits for; after Close it does nothing
// and reports false.
func (b *Broker) task(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.start(f)
}

// start is task with Broker.mu held.
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

package nats

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/transport"
	client "github.com/nats-io/nats.go"
)

// Transport is a connection to NATS servers and the links opened over it.
type Transport struct {
	opts Options
	uid  uid
	base string // of all subjects
	run  uint64 // tells this run from another process with the same uid, and which is later
	conn *client.Conn
	up   atomic.Bool  // the connection stands
	most atomic.Int64 // bytes of a message that the server takes
	room atomic.Int64 // that is left of maxGrown
	gone chan struct{}
	life context.Context // ends with Close
	end  context.CancelFunc
	work sync.WaitGroup

	pending chan *link
	outbox  chan note     // what teller publishes
	hush    chan struct{} // ends teller, once what is queued is published
	changed chan struct{} // somebody new was heard
	greet   chan struct{} // a server is new
	closing sync.Once

	mu      sync.Mutex // taken last
	links   map[linkKey]*link
	lost    []*link     // with the connection; their peers are not told yet
	waiting map[uid]int // of pending, by node
	heard   map[uid]time.Time
	aside   time.Time // a later run was heard last; zero: never
	warned  map[string]time.Time
	count   counts
}

var _ transport.Transport = (*Transport)(nil)

// Listen connects to a server and hears for the node. When no server answers
// it tries on in the background, for as long as it takes; what an operator has
// to mend (options, files, credentials, permissions) is an error at once.
func Listen(opts Options) (*Transport, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	self, err := parseUID(opts.UID)
	if err != nil {
		return nil, err
	}
	t := &Transport{
		opts: opts, uid: self, base: subjectBase(opts.Cluster), run: runNumber(opts.Start), gone: make(chan struct{}),
		pending: make(chan *link, opts.MaxPending), outbox: make(chan note, maxNotes),
		hush: make(chan struct{}), changed: make(chan struct{}, 1), greet: make(chan struct{}, 1),
		links: map[linkKey]*link{}, waiting: map[uid]int{}, heard: map[uid]time.Time{}, warned: map[string]time.Time{},
	}
	t.room.Store(maxGrown)
	t.life, t.end = context.WithCancel(context.Background())
	if err := t.connect(); err != nil {
		t.end()
		return nil, err
	}
	t.work.Go(t.tell)
	t.work.Go(t.announce)
	return t, nil
}

// Addr returns the node's uid, which is its address.
func (t *Transport) Addr() string { return t.uid.String() }

// Close ends every link and the connection to the server. It takes up to some
// seconds when the server does not read. The error is always nil.
func (t *Transport) Close() error {
	t.closing.Do(func() {
		t.end()
		for _, l := range t.openLinks() {
			_ = l.Close()
		}
		close(t.hush)
		t.work.Wait()
		t.disconnect()
	})
	return nil
}

func (t *Transport) openLinks() []*link {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.links))
}

// errTooMany says that no more links fit in.
const errTooMany = "too many links"

// adopt records a link so that packets find it; a reason says why not.
func (t *Transport) adopt(l *link) (refusal string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.life.Err() != nil:
		return "the transport is closed"
	case len(t.links) >= t.opts.MaxLinks:
		t.count.refusedFull++
		return errTooMany
	}
	t.links[l.key] = l
	return ""
}

func (t *Transport) find(k linkKey) *link {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.links[k]
}

// forget drops a link that has ended.
func (t *Transport) forget(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links[l.key] == l {
		delete(t.links, l.key)
	}
}

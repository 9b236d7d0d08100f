// Package announce is the mcast strategy: a node announces itself to a
// multicast group for as long as it is registered, and lists whom it hears
// there. The bytes are those of package frame, the sockets those of package
// group, and what is believed for how long is decided by package roster.
package announce

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/mcast/frame"
	"github.com/muster-mqtt/muster/plugins/mcast/group"
	"github.com/muster-mqtt/muster/plugins/mcast/roster"
)

const (
	keySize = 32 // of a cluster key
	// askGap is the least time between two questions of a node that does not
	// announce itself, however often the host wants to know.
	askGap = 5 * time.Second
	// listening is how long a list needs to mean something: the others answer
	// the first question within 200 ms.
	listening = 300 * time.Millisecond
	// settling is how long after the start the list is likely to grow, and soon
	// when the host should ask again then.
	settling = 3 * time.Second
	soon     = time.Second
)

// Info describes the plugin. A second configuration takes a new process, so
// that there is one who announces the node.
func Info(version string) discovery.Info {
	return discovery.Info{
		Name: "mcast", Version: version, ConfigSchema: json.RawMessage(schema),
		Capabilities:    []discovery.Capability{discovery.CanWatch, discovery.CanRegister},
		NeedsClusterKey: true,
		RestartToReload: true,
	}
}

// network is the group as this package needs it.
type network interface {
	Look(ctx context.Context) (group.State, error)
	Send(packet []byte) error
	io.Closer
}

var _ network = (*group.Group)(nil)

// New is the discovery.Factory of the mcast strategy. It fails for a wrong
// configuration only: a network that is not there may come up.
func New(ctx context.Context, s discovery.Setup) (discovery.Configured, error) {
	return configure(ctx, s, func(o group.Options) network { return group.New(o) })
}

func configure(ctx context.Context, s discovery.Setup, open func(group.Options) network) (discovery.Configured, error) {
	c, err := read(s)
	if err != nil {
		return discovery.Configured{}, err
	}
	if s.ClusterName == "" {
		return discovery.Configured{}, discovery.InvalidConfig("", "the host names no cluster")
	}
	if len(s.ClusterKey) != keySize {
		return discovery.Configured{}, discovery.Errorf(discovery.PluginInternal,
			"the host hands over a cluster key of %d bytes, not %d", len(s.ClusterKey), keySize)
	}
	uid, err := frame.ParseUID(s.Self.NodeUID)
	if err != nil {
		return discovery.Configured{}, discovery.Errorf(discovery.PluginInternal, "the uid of the node: %w", err)
	}
	st := newStrategy(s, uid)
	st.net = open(group.Options{
		Addr: c.addr, Ports: c.ports, Interface: c.Iface, TTL: c.TTL, Loop: c.Loop,
		SendBuffer: c.Sndbuf, ReceiveBuffer: c.Recbuf, Batch: c.Buffer, Size: frame.MaxSize, Receive: st.receive,
	})
	// Listening begins before this returns, so that nothing is missed which is
	// said after it.
	_ = st.look(ctx) // it is told by each Discover
	go st.run()
	return discovery.Configured{Strategy: st, NormalForm: c.normal()}, nil
}

func newStrategy(s discovery.Setup, uid frame.UID) *strategy {
	log := s.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	st := &strategy{
		codec: frame.New(s.ClusterName, s.ClusterKey), cluster: s.ClusterName, uid: uid, log: log,
		self: s.Self, wake: make(chan struct{}, 1), done: make(chan struct{}),
		roster: roster.NewRoster(), limit: newLimiter(), notes: newNotes(), own: newMemory(),
		pace: roster.NewPace(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))),
	}
	st.ctx, st.cancel = context.WithCancel(context.Background())
	return st
}

// strategy is one configured group.
type strategy struct {
	net     network
	codec   *frame.Codec
	cluster string
	uid     frame.UID // of the node that we work for
	self    discovery.Self
	log     *slog.Logger

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wake   chan struct{} // run is to look at its times again
	done   chan struct{} // closed by run

	speaking sync.Mutex // held while a frame is made and sent; before mu

	mu        sync.Mutex // guards what follows
	roster    *roster.Roster
	pace      *roster.Pace
	limit     *limiter
	notes     *notes
	own       *memory   // what we have sent
	told      time.Time // in the last frame
	count     counts
	entry     *entry // what is announced; nil: nothing
	seen      vitals
	followers []chan struct{}
}

var (
	_ discovery.Strategy       = (*strategy)(nil)
	_ discovery.HealthReporter = (*strategy)(nil)
	_ io.Closer                = (*strategy)(nil)
)

// Discover returns the entries that stand, after everything that had reached
// this machine has been heard. It waits for the answers to the first question.
func (s *strategy) Discover(ctx context.Context) (discovery.Answer, error) {
	if err := s.look(ctx); err != nil {
		return discovery.Answer{}, err
	}
	if err := s.listen(ctx); err != nil {
		return discovery.Answer{}, err
	}
	s.ask()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer(time.Now()), nil
}

// listen waits until the group could be reached for long enough.
func (s *strategy) listen(ctx context.Context) error {
	s.mu.Lock()
	left := listening - time.Since(s.seen.gained)
	s.mu.Unlock()
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return errOver
	}
}

// answer is the list; the lock is held.
func (s *strategy) answer(now time.Time) discovery.Answer {
	s.expire(now)
	a := discovery.Answer{
		Candidates: s.roster.Candidates(), Completeness: discovery.Partial, ObservedAt: now,
		SourceRevision: strconv.FormatUint(s.roster.Version(), 10), Warnings: s.warnings(now),
	}
	if now.Sub(s.seen.gained) < settling {
		a.NextPoll = soon
	}
	return a
}

// expire ends entries and returns when the next one ends. The lock is held.
func (s *strategy) expire(now time.Time) time.Time {
	before := s.roster.Version()
	next := s.roster.Expire(now)
	if s.roster.Version() != before {
		s.tell()
	}
	return next
}

// ask asks the others to speak, if nothing else will soon.
func (s *strategy) ask() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entry == nil {
		s.pace.Ask(time.Now(), askGap)
		s.poke()
	}
}

// look finds out whether and how the group can be reached now.
func (s *strategy) look(ctx context.Context) error {
	st, err := s.net.Look(ctx)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		err = classify(ctx, err)
		s.seen.failed(err, now)
		return err
	}
	s.count.stray, s.count.faint = st.Stray, st.Faint
	if st.Gained || s.seen.down() {
		s.log.Info("the multicast group can be reached", "interfaces", st.Interfaces)
		s.seen.gained = now
		s.pace.Begin(now)
		s.poke()
	}
	s.seen.worked(st.Warnings, now)
	return nil
}

// classify gives an error of the network its class.
func classify(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrPermission):
		return discovery.Errorf(discovery.Auth, "the system does not allow it: %w", err)
	}
	return discovery.Errorf(discovery.BackendUnavailable, "%w", err)
}

// poke makes run look at its times again.
func (s *strategy) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close ends everything. What was announced ends by its lifetime.
func (s *strategy) Close() error {
	s.cancel()
	<-s.done
	return s.net.Close()
}

package node

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
	"github.com/muster-mqtt/muster/core/lane"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/replica"
	"github.com/muster-mqtt/muster/core/retained"
	"github.com/muster-mqtt/muster/core/route"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// Store keeps Saved between starts; *DataDir is one.
type Store interface {
	Save(Saved) error
}

// Sessions is what the node needs of the MQTT front.
type Sessions interface {
	// TakenOver tells of a claim on a client ID made at another node.
	TakenOver(clientID string, token core.Token, discard bool)
	// Connected calls yield for each connected client ID and its token.
	Connected(yield func(clientID string, token core.Token) bool)
}

// Options are what a node is made of. Zero timers and bounds mean their
// defaults.
type Options struct {
	Saved       Saved // from OpenDataDir
	Store       Store
	ClusterName string
	Key         wire.Key // stretched from the cookie
	Transport   transport.Transport
	Advertise   string // host:port that others dial; default Transport.Addr()
	// PortMapper leaves addresses without a port to the transport, as
	// name@host or @host (node.port_mapping = epmd).
	PortMapper bool
	Sources    []Source
	Form       Form
	Build      string
	Datacenter string
	Role       string

	AckLocal          bool          // publish.ack = local
	VisibleLocal      bool          // subscribe.visibility = local
	VisibilityTimeout time.Duration // 250 ms
	// Journal keeps what must survive a restart; nil: nothing does. What an
	// earlier run wrote is told with Recover and RecoveredLane, before Run.
	Journal core.Journal
	// Retained are the bounds of the retained messages; uid, seed and record
	// are the node's own.
	Retained     retained.Options
	Membership   membership.Options
	Lane         lane.Options
	DataLanes    int    // data connections to each peer, 1 to 4; min(4, cores/2), at least 1
	Protocol     uint16 // highest version to speak; this build's
	Tables       replica.Options
	DialTimeout  time.Duration // until a verified hello; 1 s
	HelloTimeout time.Duration // for an inbound link; 5 s
	Rand         *rand.Rand
	Logger       *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.VisibilityTimeout == 0 {
		o.VisibilityTimeout = 250 * time.Millisecond
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = time.Second
	}
	if o.HelloTimeout == 0 {
		o.HelloTimeout = 5 * time.Second
	}
	if o.DataLanes <= 0 {
		o.DataLanes = runtime.GOMAXPROCS(0) / 2
	}
	o.DataLanes = max(1, min(o.DataLanes, wire.MaxLanes))
	if o.Advertise == "" {
		o.Advertise = o.Transport.Addr()
	}
	if o.Role == "" {
		o.Role = "core"
	}
	o.Form = o.Form.withDefaults()
	return o
}

// Node is one running node. New makes it, Run runs it.
type Node struct {
	opts  Options
	log   *slog.Logger
	count counters

	subs       *subs
	routes     *route.Table
	lanes      [route.MaxSlots]atomic.Pointer[outLanes]
	seed       maphash.Seed // of the hash of publishers
	changes    changes      // of routes, by clients, that not all have
	encodeBufs sync.Pool
	tickets    atomic.Uint64 // given to publishers that wait for room
	began      time.Time     // when this node's own clock was zero
	keeper     keeper        // of the retained messages
	// wantPublishers are the slots whose nodes are told the publishers of
	// messages.
	wantPublishers atomic.Uint64
	leftNodes      atomic.Uint64 // slots of nodes that stopped or left in order

	mu      sync.Mutex
	cluster core.Cluster
	merged  []core.UID // clusters that were merged into ours
	left    bool
	joined  core.Stamp
	clock   clusterTime
	rand    *rand.Rand
	members *membership.State
	table   *replica.Table
	peers   map[core.UID]*peer
	retired counted // of the copies of peers that are gone
	relays  relays
	bases   map[core.UID]uint64 // where lanes to nodes that are no peers yet will start
	// recovered is how far the lanes of an earlier run had got, of nodes that
	// are no peers yet.
	recovered map[laneKey]core.LaneSeq
	visible   visibility
	form      formation
	sessions  Sessions
	quiet     hushed   // addresses whose refused hellos were logged lately
	later     []func() // to be called when mu is free
	timer     *time.Timer
	timerAt   time.Time
	called    core.NodeID // what the view calls us
	stopping  bool
	deaf      bool // the transport is closed

	saving  sync.Mutex    // held before mu
	dirty   chan struct{} // Saved has changed
	formed  chan struct{} // closed when first in a cluster
	broken  chan error    // why the node cannot go on
	formOne sync.Once
	ctx     context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

// New returns a node that is not running yet. Subscribe and Publish work at
// once: a node serves from its start, formed or not.
func New(o Options) (*Node, error) {
	if o.Saved.UID.IsZero() || o.Transport == nil || o.Store == nil || o.Logger == nil || o.Rand == nil {
		return nil, errors.New("node: Saved, Store, Transport, Logger and Rand are required")
	}
	o = o.withDefaults()
	n := &Node{
		opts: o, log: o.Logger, subs: newSubs(), routes: route.NewTable(),
		peers: map[core.UID]*peer{}, bases: map[core.UID]uint64{}, retired: counted{}, quiet: hushed{}, rand: o.Rand,
		recovered: map[laneKey]core.LaneSeq{}, seed: maphash.MakeSeed(),
		dirty: make(chan struct{}, 1), formed: make(chan struct{}), broken: make(chan error, 1),
		encodeBufs: sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }},
	}
	n.ctx, n.stop = context.WithCancel(context.Background())
	now := n.now()
	n.began = now
	n.openRetained()
	n.clock.clock = core.NewClock(core.StampAt(now), now)
	n.clock.Adopt(o.Saved.Now, now)
	n.cluster, n.left, n.joined = o.Saved.Cluster, o.Saved.Left, o.Saved.Joined
	learnt := n.standing()
	learnt.LearnMerged(o.Saved.Merged)
	n.merged = learnt.Merged
	n.table = replica.NewTable(o.Saved.Incarnation, o.Tables)
	o.Membership.Rand = o.Rand
	n.members = membership.New(n.record(), o.Saved.Incarnation, o.Membership)
	if !n.cluster.IsZero() {
		n.members.Remember(now, o.Saved.Nodes, o.Saved.Entries)
	}
	if n.left && o.Form.RejoinAfterLeave {
		n.left, n.cluster = false, core.Cluster{}
	}
	n.called = o.Saved.Name
	n.form = newFormation(now, o)
	for _, target := range o.Form.Join {
		addrs, err := o.addresses(target)
		if err != nil {
			return nil, fmt.Errorf("cluster.join: %w", err)
		}
		n.form.search.Name(now, "operator", autocluster.FromOperator, addrs)
	}
	n.timer = time.NewTimer(time.Hour)
	return n, nil
}

// record is the member record of self.
func (n *Node) record() membership.Record {
	s := n.opts.Saved
	return membership.Record{
		UID: s.UID, Name: s.Name, Addr: n.opts.Advertise, Role: n.opts.Role, Build: n.opts.Build,
		Protocol: n.speaks(), Datacenter: n.opts.Datacenter, Joined: n.joined,
	}
}

// SetSessions connects the MQTT front; before Run.
func (n *Node) SetSessions(s Sessions) { n.sessions = s }

// Formed is closed when the node is first in a cluster.
func (n *Node) Formed() <-chan struct{} { return n.formed }

// now is the current time, with its monotonic reading.
func (n *Node) now() time.Time { return time.Now() }

func (n *Node) stamp() core.Stamp { return n.clock.Now(n.now()) }

// Run runs the node until ctx ends, says good-bye to its peers, and returns
// when every goroutine of it has ended. ErrOutrun ends it before.
func (n *Node) Run(ctx context.Context) error {
	n.mu.Lock()
	if !n.cluster.IsZero() {
		n.announceFormed()
	}
	n.list()
	n.release()
	n.start(n.accept)
	n.start(n.ticks)
	n.start(n.saves)
	n.start(n.forms)
	n.start(n.retains)
	n.start(n.tends)
	for i := range n.opts.Sources {
		n.start(func() { n.discovers(i) })
	}
	var broken error
	select {
	case <-ctx.Done():
	case broken = <-n.broken:
	}
	n.awaitLinks()
	n.sayBye(membership.ByeStop)
	n.stop()
	err := n.opts.Transport.Close()
	n.wg.Wait()
	n.timer.Stop()
	return errors.Join(broken, err, n.save())
}

// start runs f as a goroutine of the node.
func (n *Node) start(f func()) {
	n.wg.Add(1)
	go func() {
		defer n.wg.Done()
		f()
	}()
}

// announceFormed tells those who wait that the node is in a cluster.
func (n *Node) announceFormed() { n.formOne.Do(func() { close(n.formed) }) }

// ticks is the clock of the pure rooms.
func (n *Node) ticks() {
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.timer.C:
		}
		n.mu.Lock()
		n.timerAt = time.Time{}
		now := n.now()
		n.members.Tick(now)
		n.tellName()
		n.visible.expire(now)
		n.retryFeeds(now)
		n.release()
	}
}

// minTick keeps a deadline that nobody clears from spinning.
const minTick = time.Millisecond

// arm sets the timer to the next deadline of all rooms. The caller holds mu.
func (n *Node) arm() {
	next := earlier(n.members.Next(), n.visible.next())
	for _, p := range n.peers {
		if p.feed != nil && p.link != nil {
			next = earlier(next, p.feed.Deadline())
		}
	}
	if next.IsZero() || next.Equal(n.timerAt) {
		return
	}
	n.timerAt = next
	n.timer.Reset(max(next.Sub(n.now()), minTick))
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// retryFeeds wakes the writers whose table feed has something to repeat.
func (n *Node) retryFeeds(now time.Time) {
	for _, p := range n.peers {
		if p.feed != nil && p.link != nil && !p.feed.Deadline().IsZero() && !now.Before(p.feed.Deadline()) {
			p.link.tables.Store(true)
			p.link.wake()
		}
	}
}

// saves is the goroutine that writes the data directory, so that no lock is
// held while a disk is slow.
func (n *Node) saves() {
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	failing := false
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.dirty:
		case <-retry.C:
		}
		err := n.save()
		if err != nil {
			retry.Reset(saveRetry)
		}
		if failing == (err != nil) {
			continue
		}
		if failing = err != nil; failing {
			n.log.Error("the data directory cannot be written; what changed is kept in memory and tried again", "every", saveRetry, "error", err)
		} else {
			n.log.Info("the data directory is written again")
		}
	}
}

// saveRetry is the pause after a failed write of the data directory.
const saveRetry = 5 * time.Second

// save writes what is to be kept. One write at a time: of two, the one that
// ends last has the later state.
func (n *Node) save() error {
	n.saving.Lock()
	defer n.saving.Unlock()
	n.mu.Lock()
	s := n.opts.Saved
	s.Cluster, s.Merged, s.Left, s.Joined, s.Now = n.cluster, n.merged, n.left, n.joined, n.stamp()
	s.Nodes, s.Entries = n.members.Remembered()
	n.mu.Unlock()
	if err := n.opts.Store.Save(s); err != nil {
		n.count.saveErrors.Add(1)
		return err
	}
	return nil
}

func (n *Node) markDirty() {
	select {
	case n.dirty <- struct{}{}:
	default:
	}
}

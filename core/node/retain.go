package node

import (
	"sync"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/retained"
	"github.com/muster-mqtt/muster/core/wire"
)

// keeper is the retained messages of the cluster as this node holds them.
// While mu is held nothing is taken but the clock's lock, and the journal is
// appended to.
type keeper struct {
	mu         sync.Mutex
	store      *retained.Store
	recovering bool // what changes comes from the log
	warned     bool // that it is full
}

// openRetained makes the store; once, before anything else.
func (n *Node) openRetained() {
	o := n.opts.Retained
	o.Self, o.Seed = n.opts.Saved.UID, n.opts.Key.Derive("retained")
	o.Record = n.recordRetained
	n.keeper.store = retained.New(o)
}

// moment is the present by both clocks.
func (n *Node) moment() retained.Now { return retained.Now{Time: n.now(), Stamp: n.stamp()} }

// stamped returns a copy of a message that is to be retained, with its stamp:
// higher than that of every write that this node has seen.
func (n *Node) stamped(m *core.Message) *core.Message {
	both := new(struct {
		m core.Message
		x core.Extra
	})
	both.m = *m
	if m.Extra != nil {
		both.x = *m.Extra
	}
	both.x.Stamp, both.x.Node = n.stamp(), n.opts.Saved.UID
	both.m.Extra = &both.x
	return &both.m
}

// messageOverhead is the most that a retained message takes on a lane beside
// its texts.
const messageOverhead = 64

// retain keeps the last message of a topic, or forgets it. It is not delivered
// to anyone by that.
func (n *Node) retain(m *core.Message, way retained.Way) {
	if len(m.Topic)+len(m.Payload)+len(m.Publisher)+len(m.Properties())+messageOverhead > wire.MaxBody {
		n.count.retainedLarge.Add(1)
		return
	}
	if way != retained.Published && !n.creditable(m) {
		return
	}
	n.keeper.mu.Lock()
	full := n.keeper.store.Put(n.moment(), m, way) == retained.Full && !n.keeper.warned
	n.keeper.warned = n.keeper.warned || full
	n.keeper.mu.Unlock()
	if full {
		n.log.Warn("there is no room for more retained messages: new topics are not retained; raise the limit, or delete some by publishing an empty message", "topic", m.Topic)
	}
}

// creditable reports whether a message of another node can be kept: its topic
// is one, and its stamp not too far ahead of our clock. Later stamps of ours
// are higher.
func (n *Node) creditable(m *core.Message) bool {
	if m.Topic.Check() != nil {
		n.count.badFrames.Add(1)
		return false
	}
	if err := n.clock.Observe(m.Extra.Stamp, n.now()); err != nil {
		n.count.stampsAhead.Add(1)
		n.count.retainedAhead.Add(1)
		return false
	}
	return true
}

// matchPiece is how many topics are looked at while the store is locked.
const matchPiece = 256

// Retained calls yield for the retained message of each topic that f matches,
// in the order of the topics, until yield returns false. See mqtt.Cluster for
// its promises. yield may call back into the node.
func (n *Node) Retained(f core.Filter, yield func(*core.Message) bool) {
	for cursor, more := core.Topic(""), true; more; {
		var part []*core.Message
		n.keeper.mu.Lock()
		part, cursor, more = n.keeper.store.Match(n.now(), f, cursor, matchPiece)
		n.keeper.mu.Unlock()
		for _, m := range part {
			if !yield(m) {
				return
			}
		}
	}
}

func (n *Node) retainedCounts() []core.Count {
	n.keeper.mu.Lock()
	defer n.keeper.mu.Unlock()
	return n.keeper.store.Counts()
}

// Bounds of one turn of the keeper's own work.
const (
	retainsEvery = time.Second
	retainsMost  = 10_000
)

// retains is the goroutine that lets retained messages expire, forgets
// tombstones that all members have, and wakes the writers of links whose
// repair is due.
func (n *Node) retains() {
	tick := time.NewTicker(retainsEvery)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
		}
		members, links := n.retainedPeers()
		now := n.moment()
		n.keeper.mu.Lock()
		n.keeper.store.Expire(now, retainsMost)
		n.keeper.store.Collect(now.Time, members, retainsMost)
		for _, l := range links {
			if l.sync != nil && l.sync.Due(now) {
				l.repair()
			}
		}
		n.keeper.mu.Unlock()
	}
}

// retainedPeers returns who must have acknowledged a tombstone before it goes,
// self apart, and the links there are.
func (n *Node) retainedPeers() (members []core.UID, links []*link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.members.Members() {
		members = append(members, m.UID)
	}
	for _, p := range n.peers {
		if p.link != nil {
			links = append(links, p.link)
		}
	}
	return members, links
}

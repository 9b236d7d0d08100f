package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
	"github.com/muster-mqtt/muster/core/membership"
)

// dialTimeout is node.Options.DialTimeout.
const dialTimeout = time.Second

// saved is what the data directory of a node holds.
type saved struct {
	uid     core.UID
	inc     core.Incarnation
	stand   autocluster.Standing
	joined  core.Stamp
	now     core.Stamp
	nodes   []membership.Known
	entries []membership.Entry
}

// node is one host with its data directory, and the process that runs there
// when it is up.
type node struct {
	w    *world
	id   int
	name core.NodeID
	addr string
	conf config
	disk saved
	skew time.Duration // of its wall clock
	slow time.Duration // of the answers that it gets from the backend
	rand *rand.Rand

	up  bool
	run int // starts so far: what an earlier one asked for is dropped
	// Of the process:
	stand   autocluster.Standing
	joined  core.Stamp
	time    core.Clock
	members *membership.State
	search  *autocluster.Search
	polls   autocluster.Polls
	peers   map[core.UID]*peer
	record  membership.Record
	rows    map[core.UID]membership.ReachRow // our own table
	dirty   bool
	poked   bool
	tickAt  time.Time
	formAt  time.Time
	adopted bool // it has been in a claimed cluster
	left    bool // its operator made it leave
}

// config is how a node is configured.
type config struct {
	cluster   string // name and cookie in one: only equals meet
	formAfter time.Duration
	expect    int
	pace      autocluster.Pace
	autoclean time.Duration
}

// after calls f once d has passed, if the same process still runs.
func (n *node) after(d time.Duration, f func()) {
	run := n.run
	n.w.at(d, func() {
		if n.up && n.run == run {
			f()
		}
	})
}

func (n *node) now() time.Time { return n.w.now }

func (n *node) stamp() core.Stamp { return n.time.Now(n.now()) }

func (n *node) newUID() core.UID {
	var u core.UID
	for i := range u {
		u[i] = byte(n.rand.Uint32())
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u
}

// start starts the process on its data directory, as node.New and Run do.
func (n *node) start() {
	if n.disk.uid.IsZero() {
		n.disk = saved{uid: n.newUID()}
	}
	if n.run == 0 {
		n.w.started++
	}
	n.disk.inc++
	n.run++
	n.up = true
	now := n.now()
	n.w.note("start", n.id, uint64(n.disk.inc))
	n.time = core.NewClock(core.StampAt(now.Add(n.skew)), now)
	n.time.Adopt(n.disk.now, now)
	n.stand, n.joined = n.disk.stand, n.disk.joined
	n.adopted, n.left = n.stand.Cluster.Claimed, n.stand.Left
	n.peers, n.rows, n.dirty, n.poked, n.tickAt, n.formAt = map[core.UID]*peer{}, map[core.UID]membership.ReachRow{}, false, false, time.Time{}, time.Time{}
	n.members = membership.New(n.self(), n.disk.inc, membership.Options{Autoclean: n.conf.autoclean, Rand: n.rand})
	if !n.stand.Cluster.IsZero() {
		n.members.Remember(now, n.disk.nodes, n.disk.entries)
	}
	n.search = autocluster.NewSearch(now, autocluster.SearchOptions{
		FormAfter: n.conf.formAfter, Expect: n.conf.expect, Sources: 1, ProbeWait: dialTimeout,
		Decide: n.w.broken.decider(n),
	})
	n.polls = autocluster.Polls{Pace: n.conf.pace}
	n.w.backend.list(n, !n.stand.Left)
	n.poke()
	n.release()
	n.poll()
}

// self is the member record of this node.
func (n *node) self() membership.Record {
	return membership.Record{UID: n.disk.uid, Name: n.name, Addr: n.addr, Joined: n.joined}
}

// kill ends the process at once; what was not written is lost.
func (n *node) kill() {
	n.w.note("kill", n.id, 0)
	n.up = false
	n.w.net.crash(n.id)
	n.w.backend.gone(n)
}

// wipe empties the data directory of a node that is down.
func (n *node) wipe() { n.disk = saved{} }

// release does what the pure rooms have asked for; everything that changes
// the node ends with it.
func (n *node) release() {
	for effects := n.members.Effects(); len(effects) > 0; effects = n.members.Effects() {
		for _, e := range effects {
			n.actOn(e)
		}
	}
	next := n.members.Next()
	if next.IsZero() || next.Equal(n.tickAt) {
		return
	}
	n.tickAt = next
	n.after(max(next.Sub(n.now()), time.Millisecond), func() { n.tick(next) })
}

// tick is the clock of membership. Of several that were asked for, only the
// latest counts.
func (n *node) tick(asked time.Time) {
	if n.tickAt.Equal(asked) {
		n.tickAt = time.Time{}
		n.members.Tick(n.now())
		n.release()
	}
}

func (n *node) actOn(e membership.Effect) {
	switch e := e.(type) {
	case membership.Dial:
		n.dialMember(e.UID, e.Addr)
	case membership.Probe:
		n.sendTo(e.UID, probeFrame{})
	case membership.Cut:
		n.cut(e.UID)
	case membership.Tell:
		n.broadcast(entriesFrame(e.Entries))
	case membership.Changed:
		n.w.note("view", n.id, uint64(e.To)<<8|uint64(e.UID[0]))
		if e.Gone {
			n.dropPeer(e.UID)
		}
	case membership.Expelled:
		n.w.fail("%s was expelled", n.name)
	case membership.Store:
		n.save()
	case membership.Forget:
		n.members.Forgets(n.now(), n.stamp(), e.UID)
	case membership.WriteRecord:
		n.record = e.Record
		n.broadcast(recordFrame(e.Record))
	case membership.WriteReach:
		n.rows[e.Row.UID] = e.Row
		n.broadcast(reachFrame{row: e.Row})
	case membership.EraseReach:
		delete(n.rows, e.UID)
		n.broadcast(reachFrame{row: membership.ReachRow{UID: e.UID}, erased: true})
	}
}

// save writes the data directory, a little later: no step waits for a disk.
func (n *node) save() {
	if n.dirty {
		return
	}
	n.dirty = true
	n.after(time.Duration(n.rand.Int64N(int64(20*time.Millisecond))), func() {
		n.dirty = false
		n.disk.stand, n.disk.joined, n.disk.now = n.stand, n.joined, n.stamp()
		n.disk.nodes, n.disk.entries = n.members.Remembered()
	})
}

// setCluster makes the node a member of c.
func (n *node) setCluster(c core.Cluster, joined core.Stamp) {
	n.w.moved(n, n.stand.Cluster, c)
	n.stand.Cluster, n.joined = c, joined
	n.search.Formed()
	n.members.SetSelf(n.self())
	n.save()
	n.poke()
}

// leave is `muster cluster leave`.
func (n *node) leave() {
	n.w.note("leave", n.id, 0)
	n.broadcast(byeFrame(membership.ByeLeave))
	n.adopted, n.left = false, true
	n.stand = autocluster.Standing{Left: true}
	n.w.backend.list(n, false)
	n.found(core.Cluster{})
	n.members.Clear(n.self())
	n.save()
	n.release()
}

// sorted returns the uids of the peers, so that no order is left to a map.
func (n *node) sorted() []core.UID {
	uids := make([]core.UID, 0, len(n.peers))
	for uid := range n.peers {
		uids = append(uids, uid)
	}
	slices.SortFunc(uids, core.UID.Compare)
	return uids
}

// String names the node, where it stands and whom it sees.
func (n *node) String() string {
	if !n.up {
		return fmt.Sprintf("%s: down", n.name)
	}
	text := fmt.Sprintf("%s (%s): in %s, claimed %v", n.name, n.disk.uid.String()[:8], n.stand.Cluster.UID.String()[:8], n.stand.Cluster.Claimed)
	for _, m := range n.members.Members() {
		text += fmt.Sprintf(" %s/%s:%s", m.Name.Name(), m.UID.String()[:4], m.State)
	}
	return text
}

package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
	"github.com/muster-mqtt/muster/core/membership"
)

// peer is a member that we hold, or held, a link to.
type peer struct {
	link *link
	rows map[core.UID]bool // of whom it says something, as far as we know
}

// link is one side of the connection between two members.
type link struct {
	c       *conn
	side    int
	who     identity // of the other side
	dialler core.UID
}

// The frames between members. A table is everything that a node says of itself
// and others, the first of a link; a record and a reach are changes to it.
type (
	probeFrame   struct{}
	echoFrame    struct{}
	entriesFrame []membership.Entry
	recordFrame  membership.Record
	reachFrame   struct {
		row    membership.ReachRow
		erased bool
	}
	tableFrame struct {
		record membership.Record
		rows   []membership.ReachRow
	}
	movedFrame struct {
		cluster core.Cluster
		merged  []core.UID
	}
	byeFrame membership.ByeKind
)

func (n *node) newLink(c *conn, side int, who identity) *link {
	l := &link{c: c, side: side, who: who, dialler: who.uid}
	if side == 0 {
		l.dialler = n.disk.uid
	}
	return l
}

// install makes a connection the link of its peer, unless another one stays:
// of two that were dialled at the same time, the lower uid's.
func (n *node) install(l *link, target core.Cluster, merged []core.UID) bool {
	n.w.meet(n, n.w.nodes[l.c.host[1-l.side]])
	to := n.stand
	n.moveTo(to, to.Adopt(target, merged))
	p := n.peers[l.who.uid]
	if p == nil {
		p = &peer{rows: map[core.UID]bool{}}
		n.peers[l.who.uid] = p
	}
	old := p.link
	if old != nil && old.who.inc == l.who.inc && old.dialler.Compare(l.dialler) < 0 && n.members.Fresh(n.now(), l.who.uid) {
		n.members.Answered(n.now(), l.who.uid)
		return false
	}
	if old != nil {
		old.c.end(old.side)
	}
	p.link = l
	n.members.Met(n.now(), n.stamp(), membership.Hello{UID: l.who.uid, Name: l.who.name, Addr: l.who.addr, Incarnation: l.who.inc})
	n.w.note("link", n.id, uint64(l.c.host[1-l.side]))
	return true
}

// moveTo makes to our standing, if it has changed, and tells our peers to
// follow.
func (n *node) moveTo(to autocluster.Standing, changed bool) {
	if !changed {
		return
	}
	from := n.stand.Cluster
	n.stand.Merged = to.Merged
	if to.Cluster != from {
		joined := n.joined
		if from.IsZero() || joined == 0 {
			joined = n.stamp()
		}
		n.stand.Left = to.Left
		n.setCluster(to.Cluster, joined)
	}
	n.save()
	n.broadcast(movedFrame{n.stand.Cluster, n.stand.Merged})
}

// launch sends what a link begins with, and listens.
func (n *node) launch(l *link) {
	l.c.onEnd[l.side] = func() { n.lost(l) }
	n.queue(l, entriesFrame(n.members.Entries()))
	t := tableFrame{record: n.record}
	for _, uid := range sortedUIDs(maps.Keys(n.rows)) {
		t.rows = append(t.rows, n.rows[uid])
	}
	n.queue(l, t)
}

// queue sends a frame to the node at the other side of a link.
func (n *node) queue(l *link, f any) {
	to, uid := n.w.nodes[l.c.host[1-l.side]], n.disk.uid
	l.c.send(l.side, func() { to.receive(l.c, uid, f) })
}

func (n *node) sendTo(uid core.UID, f any) {
	if p := n.peers[uid]; p != nil && p.link != nil {
		n.queue(p.link, f)
	}
}

func (n *node) broadcast(f any) {
	for _, uid := range n.sorted() {
		n.sendTo(uid, f)
	}
}

// lost is the end of a link that the other side, or its host, has closed.
func (n *node) lost(l *link) {
	if p := n.peers[l.who.uid]; p != nil && p.link == l {
		p.link = nil
		n.members.LinkDown(n.now(), l.who.uid)
		n.release()
	}
}

// cut closes the link to a member, after what was sent on it.
func (n *node) cut(uid core.UID) {
	if p := n.peers[uid]; p != nil && p.link != nil {
		p.link.c.end(p.link.side)
		p.link = nil
	}
}

// dropPeer forgets a member that is gone for good.
func (n *node) dropPeer(uid core.UID) {
	n.cut(uid)
	delete(n.peers, uid)
}

// receive takes one frame of a member, unless its link is on its way out: a
// good-bye counts even then.
func (n *node) receive(c *conn, from core.UID, f any) {
	p := n.peers[from]
	bye, isBye := f.(byeFrame)
	switch {
	case p == nil:
	case isBye:
		n.cut(from)
		n.members.Bye(n.now(), n.stamp(), from, membership.ByeKind(bye))
	case p.link != nil && p.link.c == c:
		n.control(from, p, f)
	}
	n.release()
}

func (n *node) control(from core.UID, p *peer, f any) {
	now := n.now()
	switch f := f.(type) {
	case probeFrame:
		n.sendTo(from, echoFrame{})
	case echoFrame:
		n.members.Echo(now, from)
	case entriesFrame:
		n.members.Merge(now, n.credible(f))
	case recordFrame:
		n.members.RecordRow(now, from, membership.Record(f))
	case reachFrame:
		n.reach(from, p, f)
	case tableFrame:
		n.table(from, p, f)
	case movedFrame:
		to := n.stand
		n.moveTo(to, to.Follow(f.cluster, f.merged))
	}
}

// credible leaves out entries whose stamp is too far in the future.
func (n *node) credible(entries []membership.Entry) (out []membership.Entry) {
	for _, e := range entries {
		if n.time.Observe(e.Stamp, n.now()) == nil {
			out = append(out, e)
		}
	}
	return out
}

func (n *node) reach(from core.UID, p *peer, f reachFrame) {
	if f.erased {
		delete(p.rows, f.row.UID)
	} else {
		p.rows[f.row.UID] = true
	}
	n.members.ReachRow(n.now(), from, f.row, f.erased)
}

// table takes in a whole table: what it does not say any more is erased.
func (n *node) table(from core.UID, p *peer, t tableFrame) {
	n.members.RecordRow(n.now(), from, t.record)
	before := p.rows
	p.rows = map[core.UID]bool{}
	for _, row := range t.rows {
		n.reach(from, p, reachFrame{row: row})
	}
	for _, uid := range sortedUIDs(maps.Keys(before)) {
		if !p.rows[uid] {
			n.members.ReachRow(n.now(), from, membership.ReachRow{UID: uid}, true)
		}
	}
}

func sortedUIDs(seq func(func(core.UID) bool)) []core.UID {
	return slices.SortedFunc(seq, core.UID.Compare)
}

// stop ends the process in order: it says good-bye.
func (n *node) stop() {
	n.broadcast(byeFrame(membership.ByeStop))
	n.after(time.Millisecond, n.kill)
}

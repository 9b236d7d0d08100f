package sim

import (
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
	"github.com/muster-mqtt/muster/core/membership"
)

const byeLeave = membership.ByeLeave

// intent is why a node dials another.
type intent struct {
	probe bool     // only asks
	merge bool     // two clusters may become one
	want  core.UID // who must answer; zero: anybody
}

// identity is what a hello says.
type identity struct {
	uid  core.UID
	inc  core.Incarnation
	name core.NodeID
	addr string
	now  core.Stamp
}

// answer is what a dial brought.
type answer struct {
	who     identity
	offer   autocluster.Offer
	linked  bool
	toSelf  bool
	refused bool   // nobody listens there
	failed  string // why there is no link, or no answer
}

// dial is one attempt to reach a node, from the dialler's side.
type dial struct {
	n      *node
	why    intent
	c      *conn
	mine   autocluster.Offer
	answer answer
	over   bool
	done   func(answer)
}

// connect dials addr, tells who we are and, if both sides agree, makes the
// connection the link of a peer. done is called once, within dialTimeout.
func (n *node) connect(addr string, why intent, done func(answer)) {
	to := n.w.byAddr[addr]
	if to == nil {
		n.after(n.w.net.latency(), func() { done(answer{failed: "no such host"}) })
		return
	}
	d := &dial{n: n, why: why, c: n.w.net.open(n.id, to.id), done: done}
	n.after(dialTimeout, func() { d.fail("no hello") })
	d.c.onEnd[0] = func() { d.fail("closed") }
	d.c.send(0, func() { to.greet(d) })
}

// fail ends the dial, unless it is over.
func (d *dial) fail(why string) {
	if !d.over {
		d.answer.failed = why
		d.c.end(0)
		d.finish()
	}
}

func (d *dial) finish() {
	d.over = true
	d.done(d.answer)
}

// identity is what our hello says.
func (n *node) identity() identity {
	return identity{uid: n.disk.uid, inc: n.disk.inc, name: n.name, addr: n.addr, now: n.stamp()}
}

// greet is the hello of the accepter.
func (n *node) greet(d *dial) {
	switch {
	case !n.up:
		d.c.send(1, func() { d.answer.refused = true; d.fail("refused") })
		d.c.end(1)
		return
	case n == d.n:
		d.c.send(1, func() { d.answer.toSelf = true; d.fail("self") })
		return
	case n.conf.cluster != d.n.conf.cluster:
		d.c.send(1, func() { d.fail("another name or cookie") })
		d.c.end(1)
		return
	}
	who := n.identity()
	d.c.send(1, func() { d.n.welcome(d, n, who) })
}

// welcome is the dialler's, once the other has proved who it is.
func (n *node) welcome(d *dial, to *node, who identity) {
	if d.over {
		return
	}
	d.answer.who = who
	if !d.why.want.IsZero() && who.uid != d.why.want {
		d.fail("another node answers there")
		return
	}
	d.mine = n.offer()
	d.mine.Probe, d.mine.Merge = d.why.probe, d.why.merge
	mine := n.identity()
	d.c.send(0, func() { to.settleAccepted(d, mine) })
}

func (n *node) offer() autocluster.Offer {
	s := n.stand
	s.Merged = append([]core.UID(nil), s.Merged...)
	return autocluster.Offer{Standing: s}
}

// settleAccepted decides on an inbound connection and answers it.
func (n *node) settleAccepted(d *dial, who identity) {
	mine := n.offer()
	n.time.Adopt(who.now, n.now())
	n.search.Incoming(n.now(), who.addr, autocluster.Answer{
		UID: who.uid, Name: who.name, Incarnation: who.inc, Cluster: d.mine.Cluster, Left: d.mine.Left,
	})
	n.poke()
	me := n.identity()
	target := n.w.broken.resolve(n, d.mine, mine)
	if target.IsZero() {
		d.c.send(1, func() { d.n.settleDialled(d, me, mine) })
	} else if why := n.objection(who, d.mine, mine.Cluster); why != "" {
		d.c.send(1, func() { d.fail(why) })
	} else if l := n.newLink(d.c, 1, who); n.install(l, target, d.mine.Merged) {
		d.c.send(1, func() { d.n.settleDialled(d, me, mine) })
		n.launch(l)
	} else {
		d.c.send(1, func() { d.fail("another link of the same pair stays") })
	}
	n.release()
}

// settleDialled decides on a connection that we dialled, with the other's
// welcome in hand.
func (n *node) settleDialled(d *dial, who identity, theirs autocluster.Offer) {
	if d.over {
		return
	}
	d.answer.offer = theirs
	n.time.Adopt(who.now, n.now())
	if d.why.probe {
		d.c.end(0)
		d.finish()
		return
	}
	target := n.w.broken.resolve(n, d.mine, theirs)
	why := "the node is in another cluster"
	switch {
	case n.stand.Cluster != d.mine.Cluster && n.stand.Cluster != target:
		why = "this node's own state has just changed"
	case !target.IsZero():
		if why = n.objection(who, theirs, theirs.Cluster); why == "" {
			n.linkUp(d, n.newLink(d.c, 0, who), target)
			return
		}
	}
	d.fail(why)
	n.release()
}

// linkUp makes a dialled connection the link of its peer.
func (n *node) linkUp(d *dial, l *link, target core.Cluster) {
	if n.install(l, target, d.answer.offer.Merged) {
		n.launch(l)
	}
	d.answer.linked = n.linked(l.who.uid) // perhaps by another one, which stays
	if !d.answer.linked {
		d.answer.failed = "no room"
	}
	d.finish()
	n.release()
}

// objection says why a node must not become a peer; empty: nothing.
func (n *node) objection(who identity, theirs autocluster.Offer, before core.Cluster) string {
	h := membership.Hello{UID: who.uid, Name: who.name, Addr: who.addr, Incarnation: who.inc}
	if n.members.Stale(h) {
		return "a later start is known"
	}
	if _, member := n.members.StateOf(who.uid); !member && before != theirs.Cluster {
		if _, taken := n.members.NameTaken(who.name, who.uid); taken {
			return "the name is taken"
		}
	}
	return ""
}

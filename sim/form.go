package sim

import (
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
	"github.com/muster-mqtt/muster/core/membership"
)

// poke lets the node look again, once it has done what it is at.
func (n *node) poke() {
	if !n.poked {
		n.poked = true
		n.after(0, func() {
			n.poked = false
			n.step()
		})
	}
}

// step decides once, acts on it, starts the probes that are due, and asks for
// the next step.
func (n *node) step() {
	todo := n.search.Step(n.situation())
	d := todo.Decision
	if todo.News {
		n.w.note("decision "+d.Rule, n.id, uint64(d.Kind))
	}
	switch {
	case d.Kind == autocluster.Found:
		n.found(d.Cluster)
	case todo.Claim:
		n.claim()
	case todo.Enter:
		n.enter(d)
	}
	for _, lead := range todo.Probe {
		n.probe(lead)
	}
	n.release()
	if !todo.Next.IsZero() && !todo.Next.Equal(n.formAt) {
		n.formAt = todo.Next
		n.after(max(todo.Next.Sub(n.now()), time.Millisecond), func() { n.timer(todo.Next) })
	}
}

// timer steps at a moment that the latest step has asked for.
func (n *node) timer(asked time.Time) {
	if n.formAt.Equal(asked) {
		n.formAt = time.Time{}
		n.step()
	}
}

func (n *node) situation() autocluster.Situation {
	return autocluster.Situation{
		Now: n.now(), Claims: n.w.backend.claims, Linked: n.linked,
		Self: autocluster.Self{UID: n.disk.uid, Cluster: n.stand.Cluster, Left: n.stand.Left},
	}
}

func (n *node) linked(uid core.UID) bool {
	p := n.peers[uid]
	return p != nil && p.link != nil
}

// found makes a cluster with self as its first member: the one named by a
// claim, or a new provisional one.
func (n *node) found(named core.Cluster) {
	stamp := n.stamp()
	if named.IsZero() {
		named = core.Cluster{UID: n.newUID(), Founded: stamp}
		n.w.founded(n)
	}
	n.setCluster(named, stamp)
}

// enter carries out a join or a merge that was decided on.
func (n *node) enter(d autocluster.Decision) {
	n.connect(d.Addr, intent{merge: d.Kind == autocluster.Merge}, func(a answer) {
		n.search.Entered(n.situation(), d.Addr, a.heard())
		n.told(a)
	})
}

// probe asks a candidate.
func (n *node) probe(lead *autocluster.Lead) {
	n.connect(lead.Addrs()[0], intent{probe: true}, func(a answer) {
		n.search.Probed(n.situation(), lead, a.heard())
		n.told(a)
	})
}

// told does with an answer what is not the search's to do: a node in our
// cluster that is no member here is dialled, and one that is may have moved.
func (n *node) told(a answer) {
	n.poke()
	if a.failed == "" && !n.stand.Cluster.IsZero() && a.offer.Cluster.UID == n.stand.Cluster.UID {
		if _, member := n.members.StateOf(a.who.uid); !member {
			n.dialMember(a.who.uid, a.who.addr)
		}
		n.members.Seen(n.now(), membership.Hello{UID: a.who.uid, Name: a.who.name, Addr: a.who.addr, Incarnation: a.who.inc})
	}
	n.release()
}

// dialMember dials a member that membership wants a link to.
func (n *node) dialMember(uid core.UID, addr string) {
	n.connect(addr, intent{want: uid}, func(a answer) {
		switch {
		case a.linked: // Met or Answered has been told
		case a.who.uid == uid && a.offer.Left && a.offer.Cluster.UID != n.stand.Cluster.UID:
			n.members.Bye(n.now(), n.stamp(), uid, byeLeave)
		default:
			n.members.DialFailed(n.now(), uid, a.refused)
		}
		n.release()
	})
}

// claim makes one try: whatever the backend answers names the cluster.
func (n *node) claim() {
	mine := core.Cluster{UID: n.newUID(), Claimed: true, Founded: n.stamp()}
	n.w.backend.claim(n, mine, func(stands core.Cluster) {
		n.search.Claimed(n.now(), stands)
		n.poke()
	})
}

// poll asks the strategy, for ever.
func (n *node) poll() {
	n.w.backend.ask(n, func(r autocluster.Report, ok bool) {
		if ok {
			n.search.Report(n.now(), r)
			n.poke()
		}
		wait := n.polls.Next(autocluster.Poll{Met: len(n.peers) > 0}, ok, n.rand)
		if ok {
			n.search.SetPoll(n.polls.Wait())
		}
		n.after(wait, n.poll)
	})
}

// heard is an answer as the search wants it told.
func (a answer) heard() autocluster.Heard {
	return autocluster.Heard{
		ToSelf: a.toSelf, Failed: a.failed,
		Answer: autocluster.Answer{
			UID: a.who.uid, Name: a.who.name, Incarnation: a.who.inc, Cluster: a.offer.Cluster, Left: a.offer.Left,
		},
	}
}

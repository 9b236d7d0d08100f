package node

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/transport"
)

// Source is a discovery strategy as the node asks it; pluginhost.Host is one.
type Source interface {
	// Name is the strategy's.
	Name() string
	// Discover asks once; the caller sets the pace.
	Discover(ctx context.Context) (discovery.Answer, error)
}

// Form says how a node finds and founds its cluster (PLUGINS.md, "Forming").
type Form struct {
	Manual           bool          // strategy manual: found at once
	Expect           int           // cluster.bootstrap_expect
	After            time.Duration // cluster.form_after; 15 s
	Join             []string      // cluster.join, tried for ever; name@host[:port] or host[:port]
	RejoinAfterLeave bool
	Pace             autocluster.Pace
}

func (f Form) withDefaults() Form {
	if f.After == 0 {
		f.After = 15 * time.Second
	}
	return f
}

// formation is the node's search for nodes that are no members yet, and what
// of it is the node's alone. Node.mu guards it, but for wakeup.
type formation struct {
	search   *autocluster.Search
	held     bool   // an operator's join is under way: nothing else makes us a member
	claimErr string // of the last claim; for the log
	wakeup   chan struct{}
}

func newFormation(now time.Time, o Options) formation {
	return formation{wakeup: make(chan struct{}, 1), search: autocluster.NewSearch(now, autocluster.SearchOptions{
		FormAfter: o.Form.After, Expect: o.Form.Expect, Manual: o.Form.Manual, Operator: len(o.Form.Join) > 0,
		Sources: len(o.Sources), ProbeWait: o.DialTimeout,
	})}
}

// poke makes the forming goroutine look again.
func (f *formation) poke() {
	select {
	case f.wakeup <- struct{}{}:
	default:
	}
}

// forms is the goroutine that decides how the node finds or founds its
// cluster. It never ends: a cluster found later is merged.
func (n *Node) forms() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		n.mu.Lock()
		next := n.formStep(n.now())
		n.release()
		if next.IsZero() {
			next = n.now().Add(time.Minute)
		}
		timer.Reset(max(next.Sub(n.now()), minTick))
		select {
		case <-n.ctx.Done():
			return
		case <-n.form.wakeup:
		case <-timer.C:
		}
	}
}

// formStep decides once, acts on it, starts the probes that are due, and
// returns when to look again.
func (n *Node) formStep(now time.Time) time.Time {
	todo := n.form.search.Step(n.situation(now))
	d := todo.Decision
	if todo.News {
		n.log.Info("formation", "decision", d.Kind, "rule", d.Rule, "addr", d.Addr, "missing", d.Missing)
	}
	switch {
	case d.Kind == autocluster.Found:
		n.found(d.Cluster)
	case todo.Claim:
		n.start(n.claims)
	case todo.Enter:
		n.start(func() { n.enter(d) })
	}
	for _, lead := range todo.Probe {
		n.start(func() { n.probe(lead) })
	}
	return todo.Next
}

// situation is what the search goes by.
func (n *Node) situation(now time.Time) autocluster.Situation {
	claimer, _ := n.claimer()
	return autocluster.Situation{
		Now: now, Held: n.form.held, Claims: claimer != nil, Linked: n.linked,
		Self: autocluster.Self{UID: n.opts.Saved.UID, Cluster: n.cluster, Left: n.left},
	}
}

// linked reports whether there is a link to a node.
func (n *Node) linked(uid core.UID) bool {
	p := n.peers[uid]
	return p != nil && p.link != nil
}

// enter carries out a join or a merge that was decided on.
func (n *Node) enter(d autocluster.Decision) {
	a, err := n.connect(d.Addr, intent{merge: d.Kind == autocluster.Merge})
	n.mu.Lock()
	defer n.release()
	news := n.form.search.Entered(n.situation(n.now()), d.Addr, outcome(a, err))
	n.heard(d.Addr, a, failure{err, news})
}

// probe asks a candidate, at each of its addresses in turn.
func (n *Node) probe(lead *autocluster.Lead) {
	at, a, err := n.tryAll(lead.Addrs(), intent{probe: true})
	n.mu.Lock()
	defer n.release()
	if err != nil {
		err = explain(at, err)
	}
	news := n.form.search.Probed(n.situation(n.now()), lead, outcome(a, err))
	n.heard(lead.Addrs()[0], a, failure{err, news})
}

// outcome is what a dial brought, as the search wants it told.
func outcome(a answer, err error) autocluster.Heard {
	switch {
	case isSelf(err):
		return autocluster.Heard{ToSelf: true}
	case err != nil:
		return autocluster.Heard{Failed: oneLine(err)}
	}
	return autocluster.Heard{Answer: answerOf(a.who, a.welcome)}
}

// tryAll connects to the first of several addresses that answers. Of several
// errors a node's own word says more than a closed port.
func (n *Node) tryAll(addrs []string, why intent) (at string, a answer, err error) {
	for _, addr := range addrs {
		one, failed := n.connect(addr, why)
		if failed == nil || isSelf(failed) {
			return addr, one, failed
		}
		if err == nil || refusalCode(failed) != 0 {
			at, err = addr, failed
		}
	}
	return at, a, err
}

// failure is why a dial failed, nil if it did not, and whether that is another
// reason than before.
type failure struct {
	err  error
	news bool
}

// heard does with an answer, or a failure, what is not the search's to do.
func (n *Node) heard(addr string, a answer, f failure) {
	n.form.poke()
	var refused *RefusedError
	switch {
	case f.err == nil:
		n.meetMember(a)
	case isSelf(f.err):
	case errors.As(f.err, &refused):
		n.refusedBy(refused)
	case f.news:
		n.logProbe(addr, f.err)
	}
}

// meetMember dials a node that is in our cluster and no member here: two nodes
// with one cluster uid need nobody's leave to link. Its verified hello ends
// what was decided about it, unless it was removed. Of a member it tells where
// that is now.
func (n *Node) meetMember(a answer) {
	if n.cluster.IsZero() || a.welcome.Cluster.UID != n.cluster.UID || n.stopping {
		return
	}
	if _, member := n.members.StateOf(a.who.UID); !member {
		n.start(func() { n.dialMember(a.who.UID, a.welcome.Addr) })
		return
	}
	n.members.Seen(n.now(), membership.Hello{
		UID: a.who.UID, Name: a.who.Name, Addr: a.welcome.Addr, Incarnation: a.who.Incarnation,
	})
}

func answerOf(who wire.Identity, w wire.Welcome) autocluster.Answer {
	return autocluster.Answer{UID: who.UID, Name: who.Name, Incarnation: who.Incarnation, Cluster: w.Cluster, Left: w.Left}
}

func (n *Node) logProbe(addr string, err error) {
	level := slog.LevelDebug
	if refusalCode(err) != 0 || errors.Is(err, transport.ErrUntrusted) {
		level = slog.LevelWarn
	}
	n.log.Log(n.ctx, level, "candidate does not answer", "addr", addr, "reason", oneLine(err))
}

// incoming takes in a proved hello from outside: its sender is a candidate.
func (n *Node) incoming(who wire.Identity, w wire.Welcome) {
	if w.Addr != "" && n.form.search.Incoming(n.now(), w.Addr, answerOf(who, w)) {
		n.form.poke()
	}
}

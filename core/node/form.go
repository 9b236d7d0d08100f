package node

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/discovery"
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

// Bounds of formation.
const (
	maxCandidates = 10_000
	maxProbes     = 32 // under way at once
	// maxIncomingTries is how often a node that only called on us is probed in
	// vain before it is forgotten.
	maxIncomingTries = 10
	firstPoll        = 5 * time.Second
)

// formation is what a node knows of nodes that are no members yet. Node.mu
// guards it, but for wakeup.
type formation struct {
	started    time.Time
	candidates map[string]*candidate // by their first address
	probing    int
	entering   bool     // a join or merge is under way
	held       bool     // an operator's join is: nothing else makes us a member
	only       core.UID // the cluster that an operator asked for, until we are in one
	decision   autocluster.Decision
	claim      claim
	poll       time.Duration   // pace of the polls; those who answered are probed at it
	reported   map[string]bool // sources that have answered at least once
	wakeup     chan struct{}
}

// candidate is somebody who may be a node, at one of several addresses.
type candidate struct {
	addrs    []string
	sources  map[string]autocluster.Origin // who names it
	heard    autocluster.Candidate         // what probing it brought
	next     time.Time                     // when to probe it again
	probing  bool
	lastErr  string    // of the last probe; for the log
	unformed int       // answers in a row that told of no cluster
	refusals int       // joins and merges with it that failed
	barred   time.Time // no join or merge with it before
}

func newFormation(now time.Time) formation {
	return formation{started: now, poll: firstPoll, candidates: map[string]*candidate{}, reported: map[string]bool{}, wakeup: make(chan struct{}, 1)}
}

// poke makes the forming goroutine look again.
func (f *formation) poke() {
	select {
	case f.wakeup <- struct{}{}:
	default:
	}
}

// named takes in that source names a candidate; false when there is no room.
func (f *formation) named(source string, by autocluster.Origin, addrs []string, now time.Time) bool {
	c := f.candidates[addrs[0]]
	if c == nil {
		if len(f.candidates) >= maxCandidates {
			return false
		}
		c = &candidate{addrs: addrs, sources: map[string]autocluster.Origin{}, next: now}
		c.heard.Addr = addrs[0]
		f.candidates[addrs[0]] = c
	}
	c.sources[source] = by
	c.heard.By = 0
	for _, o := range c.sources {
		c.heard.By = max(c.heard.By, o)
	}
	return true
}

// keep forgets the candidates that source named before and does not any more.
func (f *formation) keep(source string, addrs map[string]bool) {
	for first, c := range f.candidates {
		if !addrs[first] {
			delete(c.sources, source)
		}
		if len(c.sources) == 0 {
			delete(f.candidates, first)
		}
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
	if n.form.held {
		return n.startProbes(now)
	}
	d := autocluster.Decide(n.formInput(now))
	if d.Kind != n.form.decision.Kind || d.Rule != n.form.decision.Rule {
		n.log.Info("formation", "decision", d.Kind, "rule", d.Rule, "addr", d.Addr, "missing", d.Missing)
	}
	n.form.decision = d
	switch d.Kind {
	case autocluster.Found:
		n.found(d.Cluster)
	case autocluster.Claim:
		d.Wait = earlier(d.Wait, n.startClaim(now))
	case autocluster.Join, autocluster.Merge:
		if !n.form.entering {
			n.form.entering = true
			n.start(func() { n.enter(d) })
		}
	case autocluster.KeepProbing:
		if c := n.form.candidates[d.Addr]; c != nil && c.next.After(d.Wait) {
			c.next = d.Wait
		}
	}
	next := earlier(d.Wait, n.startProbes(now))
	for _, c := range n.form.candidates {
		if c.barred.After(now) {
			next = earlier(next, c.barred)
		}
	}
	return next
}

func (n *Node) formInput(now time.Time) autocluster.Input {
	in := autocluster.Input{
		Now: now, Started: n.form.started, FormAfter: n.opts.Form.After, Expect: n.opts.Form.Expect,
		Manual: n.opts.Form.Manual, Operator: len(n.opts.Form.Join) > 0 || !n.form.only.IsZero(),
		Unheard: len(n.form.reported) < len(n.opts.Sources),
		Self:    autocluster.Self{UID: n.opts.Saved.UID, Cluster: n.cluster, Left: n.left},
		Claim:   n.claimState(),
	}
	for _, c := range n.form.candidates {
		other := n.cluster.IsZero() && !n.form.only.IsZero() && c.heard.Answer.Cluster.UID != n.form.only
		if other && c.heard.Answered {
			continue
		}
		h := c.heard
		h.Answered = h.Answered && !c.barred.After(now)
		in.Candidates = append(in.Candidates, h)
	}
	return in
}

// enter carries out a join or a merge that was decided on.
func (n *Node) enter(d autocluster.Decision) {
	a, err := n.connect(d.Addr, intent{merge: d.Kind == autocluster.Merge})
	n.mu.Lock()
	defer n.release()
	n.form.entering = false
	if c := n.form.candidates[d.Addr]; c != nil {
		n.heard(c, a, err)
		if err != nil { // it answers probes, so those must not set the pace
			c.refusals++
			c.barred = n.now().Add(min(firstRetry<<min(c.refusals, 16), n.form.poll))
		} else {
			c.refusals = 0
		}
	}
	n.form.poke()
}

// startProbes starts the probes that are due and returns when the next is.
func (n *Node) startProbes(now time.Time) (next time.Time) {
	for _, c := range n.form.candidates {
		if c.probing || n.linkedTo(c) {
			continue
		}
		if c.next.After(now) {
			next = earlier(next, c.next)
			continue
		}
		if n.form.probing >= maxProbes {
			return earlier(next, now.Add(n.opts.DialTimeout))
		}
		c.probing = true
		n.form.probing++
		n.start(func() { n.probe(c) })
	}
	return next
}

// linkedTo reports whether a candidate is a member that we hold a link to.
func (n *Node) linkedTo(c *candidate) bool {
	p := n.peers[c.heard.Answer.UID]
	return p != nil && p.link != nil
}

// probe asks a candidate, at each of its addresses in turn.
func (n *Node) probe(c *candidate) {
	at, a, err := n.tryAll(c.addrs, intent{probe: true})
	n.mu.Lock()
	defer n.release()
	c.probing = false
	n.form.probing--
	if err != nil {
		err = explain(at, err)
	}
	n.heard(c, a, err)
	n.form.poke()
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

// heard takes in what a probe of c brought.
func (n *Node) heard(c *candidate, a answer, err error) {
	now := n.now()
	c.heard.LastTried = now
	var refused *RefusedError
	switch {
	case isSelf(err):
		c.heard.Answered, c.heard.Tries = true, 0
		c.heard.Answer = autocluster.Answer{UID: n.opts.Saved.UID, Cluster: n.cluster}
	case err != nil:
		c.heard.Answered = false
		c.heard.Tries++
		if errors.As(err, &refused) {
			n.refusedBy(refused)
		} else {
			n.logProbe(c, err)
		}
	default:
		c.heard.Answered, c.heard.Tries, c.lastErr = true, 0, ""
		c.heard.Answer = answerOf(a.who, a.welcome)
		n.meetMember(a)
	}
	c.next = autocluster.NextProbe(c.heard, n.form.poll)
	n.soonForming(c, now)
	if len(c.sources) == 1 && c.heard.By == autocluster.FromIncoming && c.heard.Tries >= maxIncomingTries {
		delete(n.form.candidates, c.addrs[0])
	}
}

// soonForming lets a candidate that is in no cluster yet be asked again soon
// by a node that is: it may be about to adopt the same claim, and then they
// are to meet.
func (n *Node) soonForming(c *candidate, now time.Time) {
	if n.cluster.IsZero() || !c.heard.Answered || !c.heard.Answer.Cluster.IsZero() || c.heard.Answer.Left {
		c.unformed = 0
		return
	}
	c.unformed++
	c.next = earlier(c.next, now.Add(firstRetry<<min(c.unformed, 16)))
}

// meetMember dials a node that is in our cluster and no member here: two nodes
// with one cluster uid need nobody's leave to link. Its verified hello ends
// what was decided about it, unless it was removed.
func (n *Node) meetMember(a answer) {
	if n.cluster.IsZero() || a.welcome.Cluster.UID != n.cluster.UID || n.stopping {
		return
	}
	if _, member := n.members.StateOf(a.who.UID); !member {
		n.start(func() { n.dialMember(a.who.UID, a.welcome.Addr) })
	}
}

func answerOf(who wire.Identity, w wire.Welcome) autocluster.Answer {
	return autocluster.Answer{UID: who.UID, Name: who.Name, Incarnation: who.Incarnation, Cluster: w.Cluster, Left: w.Left}
}

// logProbe logs a failed probe when its reason changes.
func (n *Node) logProbe(c *candidate, err error) {
	why := oneLine(err)
	if why == c.lastErr {
		return
	}
	c.lastErr = why
	level := slog.LevelDebug
	if refusalCode(err) != 0 {
		level = slog.LevelWarn
	}
	n.log.Log(n.ctx, level, "candidate does not answer", "addr", c.addrs[0], "reason", why)
}

// incoming takes in a proved hello from outside: its sender is a candidate.
func (n *Node) incoming(who wire.Identity, w wire.Welcome) {
	now := n.now()
	if w.Addr == "" || !n.form.named("incoming", autocluster.FromIncoming, []string{w.Addr}, now) {
		return
	}
	c := n.form.candidates[w.Addr]
	c.heard.Answered, c.heard.Tries, c.heard.LastTried = true, 0, now
	c.heard.Answer = answerOf(who, w)
	c.next = autocluster.NextProbe(c.heard, n.form.poll)
	n.form.poke()
}

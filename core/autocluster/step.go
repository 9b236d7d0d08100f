package autocluster

import (
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Situation is the node at the moment of a step.
type Situation struct {
	Now    time.Time
	Self   Self
	Held   bool                    // an operator's join is under way: nothing else is decided
	Claims bool                    // a strategy offers CLAIM
	Linked func(uid core.UID) bool // there is a link to that node
}

// Todo is what a step wants done.
type Todo struct {
	// Decision is what was decided. Found is to be carried out now; Join and
	// Merge when Enter says so, Claim when Claim does.
	Decision Decision
	News     bool      // it differs from the one before
	Enter    bool      // Entered must follow
	Claim    bool      // Claimed must follow
	Probe    []*Lead   // Probed must follow for each
	Next     time.Time // of the next step, at the latest; zero: when something is told
}

// Step decides, and returns what is due.
func (s *Search) Step(in Situation) Todo {
	var t Todo
	if in.Held {
		t.Probe, t.Next = s.due(in)
		return t
	}
	t.Decision = s.opts.Decide(s.input(in))
	d := t.Decision
	t.News = d.Kind != s.last.Kind || d.Rule != s.last.Rule
	s.last = d
	t.Next = d.Wait
	switch d.Kind {
	case Found:
		// Who answered before that it is in no cluster may have adopted the
		// same claim since, or founded another cluster at the same moment.
		s.askAll(in.Now)
	case Claim:
		t.Claim, t.Next = s.startClaim(in.Now, d.Wait)
	case Join, Merge:
		t.Enter, s.entering = !s.entering, true
	case KeepProbing:
		s.askSoon(d)
	}
	var next time.Time
	t.Probe, next = s.due(in)
	t.Next = earlier(earlier(t.Next, next), s.barredUntil(in.Now))
	return t
}

func (s *Search) input(in Situation) Input {
	out := Input{
		Now: in.Now, Started: s.started, FormAfter: s.opts.FormAfter, Expect: s.opts.Expect,
		Manual: s.opts.Manual, Operator: s.opts.Operator || !s.only.IsZero(),
		Unheard: len(s.reported) < s.opts.Sources, Self: in.Self,
		Claim: ClaimState{Offered: in.Claims, Answered: s.claim.answered},
	}
	for _, l := range s.leads {
		other := in.Self.Cluster.IsZero() && !s.only.IsZero() && l.heard.Answer.Cluster.UID != s.only
		if other && l.heard.Answered {
			continue
		}
		c := l.heard
		c.Answered = c.Answered && !l.barred.After(in.Now)
		out.Candidates = append(out.Candidates, c)
	}
	return out
}

// askAll asks everybody now; whoever is overdue keeps the earlier turn.
func (s *Search) askAll(now time.Time) {
	for _, l := range s.leads {
		if l.next.After(now) {
			l.next = now
		}
	}
}

// askSoon asks the node that is about to found again when the decision says.
func (s *Search) askSoon(d Decision) {
	if l := s.lead(d.Addr); l != nil && l.next.After(d.Wait) {
		l.next = d.Wait
	}
}

// startClaim reports whether to propose a cluster now, and when to look again.
func (s *Search) startClaim(now, wait time.Time) (start bool, next time.Time) {
	switch c := &s.claim; {
	case c.under:
		return false, wait
	case c.next.After(now):
		return false, earlier(wait, c.next)
	default:
		c.under = true
		return true, wait
	}
}

// barredUntil is when the next join or merge is allowed again.
func (s *Search) barredUntil(now time.Time) (next time.Time) {
	for _, l := range s.leads {
		if l.barred.After(now) {
			next = earlier(next, l.barred)
		}
	}
	return next
}

// due returns whom to probe now, and when to look again. Of too many the
// longest overdue come first, so that nobody waits for ever.
func (s *Search) due(in Situation) (out []*Lead, next time.Time) {
	for _, l := range s.leads {
		switch {
		case l.probing || in.Linked(l.heard.Answer.UID):
		case l.next.After(in.Now):
			next = earlier(next, l.next)
		default:
			out = append(out, l)
		}
	}
	if free := max(maxProbes-s.probing, 0); len(out) > free {
		slices.SortFunc(out, overdueFirst)
		out = out[:free]
		next = earlier(next, in.Now.Add(s.opts.ProbeWait))
	}
	for _, l := range out {
		l.probing = true
	}
	s.probing += len(out)
	return out, next
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

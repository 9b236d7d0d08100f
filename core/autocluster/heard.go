package autocluster

import (
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Heard is what became of a probe, a join or a merge.
type Heard struct {
	Answer Answer // if it did not fail
	ToSelf bool   // it reached the node that made it
	Failed string // why nobody answered, or would not have us; empty: somebody did
}

// Probed tells what a probe of l brought. It reports whether the reason of a
// failure is another than before, and so worth a line in the log.
func (s *Search) Probed(in Situation, l *Lead, h Heard) (news bool) {
	l.probing = false
	s.probing--
	return s.heard(in, l, h)
}

// Entered tells what became of the join or merge through the node at addr;
// it returns what Probed does. One that failed is not tried again at once: the
// node answers probes, so those must not set the pace.
func (s *Search) Entered(in Situation, addr string, h Heard) (news bool) {
	s.entering = false
	l := s.lead(addr)
	if l == nil {
		return false
	}
	news = s.heard(in, l, h)
	if h.Failed == "" {
		l.refusals = 0
		return news
	}
	l.refusals++
	l.barred = in.Now.Add(min(doubled(l.refusals+1), s.poll))
	return news
}

func (s *Search) heard(in Situation, l *Lead, h Heard) (news bool) {
	c := &l.heard
	c.LastTried = in.Now
	news = h.Failed != "" && h.Failed != l.failed
	l.failed = h.Failed
	switch {
	case h.ToSelf:
		c.Answered, c.Tries = true, 0
		c.Answer = Answer{UID: in.Self.UID, Cluster: in.Self.Cluster}
	case h.Failed != "":
		c.Answered = false
		c.Tries++
	default:
		c.Answered, c.Tries = true, 0
		c.Answer = h.Answer
	}
	l.next = NextProbe(*c, s.poll)
	s.soonForming(in, l)
	if len(l.sources) == 1 && c.By == FromIncoming && c.Tries >= maxIncomingTries {
		s.forget(l)
	}
	return news
}

// forget drops a lead, unless another has its place by now.
func (s *Search) forget(l *Lead) {
	if i, found := s.find(l.addrs[0]); found && s.leads[i] == l {
		s.leads = append(s.leads[:i], s.leads[i+1:]...)
	}
}

// soonForming lets somebody who is in no cluster yet be asked again soon by a
// node that is: it may be about to adopt the same claim, and then they are to
// meet.
func (s *Search) soonForming(in Situation, l *Lead) {
	c := l.heard
	if in.Self.Cluster.IsZero() || !c.Answered || !c.Answer.Cluster.IsZero() || c.Answer.Left {
		l.unformed = 0
		return
	}
	l.unformed++
	l.next = earlier(l.next, in.Now.Add(doubled(l.unformed+1)))
}

// Claimed tells what stands at the backend under the cluster's name, whoever
// proposed it; the zero Cluster if the call failed.
func (s *Search) Claimed(now time.Time, stands core.Cluster) {
	c := &s.claim
	c.under = false
	if !stands.IsZero() {
		c.answered, c.fails = stands, 0
		return
	}
	c.fails++
	c.next = now.Add(min(doubled(c.fails), claimRetry))
}

// doubled is the pause after so many failures in a row: 50 ms after the first.
func doubled(fails int) time.Duration { return retryFirst << min(fails-1, 17) }

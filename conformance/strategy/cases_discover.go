package strategy

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

var discoverCases = []Case{
	{Name: "discover.finds", Sentence: "every entry of the backend is a candidate, at its address", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1), node(2), node(3))
		s.sees(s.list(), node(1), node(2), node(3))
	}},
	{Name: "discover.identity", Sentence: "uid and name that the backend knows are reported", check: func(p *probe) {
		if p.has(NoIdentity) {
			p.skip("the backend knows addresses only")
		}
		s := p.start(9)
		p.seed(node(1))
		s.sees(s.list(), node(1))
		if c := find(s.list(), node(1)); c.NodeUID != node(1).UID || c.ClaimedName != node(1).Name {
			p.fail("reported as %s, it is %s %s", shown(*c), node(1).Name, node(1).UID)
		}
	}},
	{Name: "discover.self", Sentence: "the asking node itself is not filtered out", check: func(p *probe) {
		s := p.start(1)
		p.seed(node(1), node(2))
		s.sees(s.list(), node(1), node(2))
	}},
	{Name: "discover.not-ready", Sentence: "nodes that are not ready are reported, as such", check: func(p *probe) {
		if p.has(NoReadiness) {
			p.skip("the backend does not know whether a node is ready")
		}
		s := p.start(9)
		cold := node(1)
		cold.Ready = false
		p.seed(cold, node(2))
		a := s.list()
		s.sees(a, cold, node(2))
		if c := find(a, cold); c.Readiness == discovery.Ready {
			p.fail("a node that is not ready is reported as ready")
		}
	}},
	{Name: "discover.merges", Sentence: "no endpoint is reported twice", check: func(p *probe) {
		s := p.start(9)
		twin := node(1)
		twin.UID = node(7).UID
		p.seed(node(1), node(2), twin)
		seen := map[discovery.Endpoint]bool{}
		for _, c := range s.list().Candidates {
			for _, e := range c.Endpoints {
				e.Host = plainHost(e.Host)
				if seen[e] {
					p.fail("%s is reported twice", e)
				}
				seen[e] = true
			}
		}
	}},
	{Name: "discover.empty", Sentence: "an empty backend is an answer without candidates, not an error", check: func(p *probe) {
		p.start(9).nobody()
	}},
	{Name: "discover.fresh", Sentence: "an entry is found as soon as it is there, and is gone as soon as it is taken away", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.sees(s.list(), node(1))
		p.seed(node(2))
		s.sees(s.list(), node(1), node(2))
		p.remove(node(1))
		a := s.list()
		s.sees(a, node(2))
		if find(a, node(1)) != nil {
			p.fail("%s is still reported after it was removed", node(1).address())
		}
	}},
	{Name: "discover.repeats", Sentence: "ten calls in a row answer alike", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1), node(2))
		for range 10 {
			s.sees(s.list(), node(1), node(2))
		}
	}},
	{Name: "discover.parallel", Sentence: "32 calls at once are all answered", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1), node(2))
		for _, r := range parallel(32, func() result { a, _, err := s.discover(callTime); return result{a, err} }) {
			p.must("one of 32 calls of Discover", r.err)
			s.sees(r.answer, node(1), node(2))
		}
	}},
	{Name: "discover.deadline", Sentence: "a deadline of 1 ms ends a call at once and harms no other", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		for range 20 {
			_, took, err := s.discover(time.Millisecond)
			if err != nil {
				p.wantClass("Discover within 1 ms", err, discovery.Timeout)
			}
			p.within("Discover within 1 ms", took, prompt)
		}
		s.sees(s.list(), node(1))
	}},
	{Name: "discover.cancelled-early", Sentence: "a call that is cancelled before it begins harms nothing", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		ctx, cancel := context.WithCancel(p.ctx)
		cancel()
		if _, err := s.Discover(ctx); !errors.Is(err, context.Canceled) && discovery.ClassOf(err) != discovery.NoClass {
			p.fail("a cancelled Discover: %v", err)
		}
		s.sees(s.list(), node(1))
	}},
	{Name: "discover.cancelled-midway", Sentence: "a call that is cancelled while the backend is slow leaves nothing behind", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.list()
		before := s.descriptors()
		p.fault("slow", true)
		for range 20 {
			ctx, cancel := context.WithCancel(p.ctx)
			timer := time.AfterFunc(20*time.Millisecond, cancel)
			_, err := s.Discover(ctx)
			timer.Stop()
			cancel()
			if err == nil {
				p.fail("Discover answers although the backend is slow: it does not ask it")
			}
		}
		p.settles(s, before)
		p.fault("slow", false)
		s.sees(s.list(), node(1))
	}},
}

type result struct {
	answer discovery.Answer
	err    error
}

// parallel calls f n times at once.
func parallel[T any](n int, f func() T) []T {
	out := make([]T, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { out[i] = f() })
	}
	wg.Wait()
	return out
}

var failureCases = []Case{
	{Name: "failure.down", Sentence: "a backend that is down is an error of its class, never an empty list, and the plugin recovers", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.sees(s.list(), node(1))
		p.fault("down", true)
		for range 3 {
			_, took, err := s.discover(callTime)
			p.wantClass("Discover while the backend is down", err, discovery.BackendUnavailable, discovery.Timeout)
			p.within("Discover while the backend is down", took, callTime)
		}
		p.fault("down", false)
		p.recovers(s, node(1))
	}},
	{Name: "failure.started-down", Sentence: "a plugin that starts while its backend is down works once it is back", check: func(p *probe) {
		p.seed(node(1))
		p.fault("down", true)
		s := p.start(9)
		_, _, err := s.discover(callTime)
		p.wantClass("Discover while the backend is down", err, discovery.BackendUnavailable, discovery.Timeout)
		p.fault("down", false)
		p.recovers(s, node(1))
	}},
	{Name: "failure.denied", Sentence: "a backend that refuses us is AUTH, not an empty list", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		p.fault("denied", true)
		_, _, err := s.discover(callTime)
		p.wantClass("Discover while the backend denies access", err, discovery.Auth)
		p.fault("denied", false)
		p.recovers(s, node(1))
	}},
	{Name: "failure.slow", Sentence: "a slow backend ends in TIMEOUT at the deadline", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		p.fault("slow", true)
		_, took, err := s.discover(500 * time.Millisecond)
		p.wantClass("Discover of a slow backend within 500 ms", err, discovery.Timeout)
		p.within("Discover within 500 ms", took, 500*time.Millisecond+prompt)
		p.fault("slow", false)
		p.recovers(s, node(1))
	}},
	{Name: "failure.reset", Sentence: "a backend that drops every connection is found again", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.sees(s.list(), node(1))
		p.fault("reset", true)
		p.recovers(s, node(1))
	}},
	{Name: "failure.leaks", Sentence: "calls that fail leave no descriptor behind", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.list()
		before := s.descriptors()
		p.fault("down", true)
		parallel(32, func() error { _, _, err := s.discover(callTime); return err })
		p.settles(s, before)
	}},
	{Name: "health.answers", Sentence: "Health answers within 1 s without asking the backend, and tells of its failure", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.list()
		h := s.health()
		if h.Backend == discovery.BackendDown {
			p.fail("after a good answer Health says that the backend is down")
		}
		p.fault("down", true)
		_, _, err := s.discover(callTime)
		p.wantClass("Discover while the backend is down", err, discovery.BackendUnavailable, discovery.Timeout)
		if h = s.health(); h.Backend == discovery.BackendOK || h.LastError == nil {
			p.fail("after a failure Health says %v with the last error %v", h.Backend, h.LastError)
		}
	}},
}

func (s *subject) health() discovery.Health {
	began := time.Now()
	h, err := s.Health(s.p.ctx)
	s.p.must("Health", err)
	s.p.within("Health", time.Since(began), time.Second)
	return h
}

// recovers asks until an entry is found again; a client may need a moment to
// see that its backend is back.
func (p *probe) recovers(s *subject, e Entry) {
	p.until("a good answer", changes, func() bool {
		a, _, err := s.discover(callTime)
		return err == nil && find(a, e) != nil
	})
}

package strategy

import (
	"context"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// leaseTTL is what the cases ask for; a backend may grant more. An entry that
// has ended by itself would hide what longTTL is for.
const leaseTTL, longTTL = 3 * time.Second, 30 * time.Second

var registerCases = []Case{
	{Name: "register.enters", Sentence: "Register makes the node known to others", Needs: needRegister, check: func(p *probe) {
		a, b := p.start(1), p.start(2)
		a.register()
		b.sees(b.list(), node(1))
	}},
	{Name: "register.again", Sentence: "Register is idempotent by uid: twice is one entry", Needs: needRegister, check: func(p *probe) {
		s := p.start(1)
		for range 3 {
			s.register()
		}
		if keys := p.do(Inspect).Entries; len(keys) != 1 {
			p.fail("the backend holds %d entries after three Registers: %q", len(keys), keys)
		}
	}},
	{Name: "register.renews", Sentence: "the plugin keeps the entry alive for longer than its time to live", Needs: needRegister, check: func(p *probe) {
		s := p.start(1)
		ttl := s.register()
		p.wait(2*ttl + ttl/2)
		if keys := p.do(Inspect).Entries; len(keys) != 1 {
			p.fail("after %v the backend holds %q", 2*ttl+ttl/2, keys)
		}
	}},
	{Name: "register.expires", Sentence: "the entry of a killed plugin is gone 1 s after its time to live", Needs: needRegister, check: func(p *probe) {
		s, other := p.start(1), p.start(2)
		ttl := s.register()
		other.sees(other.list(), node(1))
		s.life.Stop(true)
		p.until("the end of the entry", ttl+time.Second+slack, func() bool { return find(other.list(), node(1)) == nil })
	}},
	{Name: "register.deregisters", Sentence: "Deregister takes the entry away, and is idempotent", Needs: needRegister, check: func(p *probe) {
		s, other := p.start(1), p.start(2)
		s.registerFor(longTTL)
		other.register()
		for range 2 {
			p.must("Deregister", s.Deregister(p.ctx, s.self.NodeUID))
		}
		a := other.list()
		if find(a, node(1)) != nil {
			p.fail("still reported after Deregister: %s", candidates(a))
		}
		other.sees(a, node(2))
	}},
	{Name: "register.restored", Sentence: "an entry lost to an outage is back within one renewal interval of the backend's return", Needs: needRegister, check: func(p *probe) {
		s := p.start(1)
		ttl := s.register()
		p.fault("down", true)
		p.wait(ttl + time.Second)
		p.fault("down", false)
		p.until("the entry", ttl/3+time.Second+slack, func() bool { return len(p.do(Inspect).Entries) == 1 })
		p.until("the word that it is registered", changes, func() bool { return s.health().Registration.State == discovery.Registered })
	}},
	{Name: "register.lost-is-told", Sentence: "Health tells that a registration is lost", Needs: needRegister, check: func(p *probe) {
		s := p.start(1)
		ttl := s.register()
		if state := s.health().Registration.State; state != discovery.Registered {
			p.fail("after Register Health says %v", state)
		}
		p.fault("down", true)
		p.until("the word that it is lost", 2*ttl+changes, func() bool { return s.health().Registration.State == discovery.RegistrationLost })
	}},
	{Name: "register.restart", Sentence: "a new process of the same node takes its old entry over", Needs: needRegister, check: func(p *probe) {
		s := p.start(1)
		s.registerFor(longTTL)
		s.life.Stop(true)
		again := p.start(1)
		again.registerFor(longTTL)
		if keys := p.do(Inspect).Entries; len(keys) != 1 {
			p.fail("the backend holds %q", keys)
		}
	}},
	{Name: "register.fails-down", Sentence: "Register while the backend is down is an error in time", Needs: needRegister, check: func(p *probe) {
		s := p.start(1)
		p.fault("down", true)
		ctx, cancel := context.WithTimeout(p.ctx, callTime)
		defer cancel()
		began := time.Now()
		_, err := s.Register(ctx, s.self, leaseTTL)
		p.wantClass("Register while the backend is down", err, discovery.BackendUnavailable, discovery.Timeout)
		p.within("Register while the backend is down", time.Since(began), callTime)
	}},
}

// register enters the subject's own node and returns the time to live.
func (s *subject) register() time.Duration { return s.registerFor(leaseTTL) }

func (s *subject) registerFor(want time.Duration) time.Duration {
	ctx, cancel := context.WithTimeout(s.p.ctx, callTime)
	defer cancel()
	ttl, err := s.Register(ctx, s.self, want)
	s.p.must("Register", err)
	if ttl <= 0 || ttl > 10*want {
		s.p.fail("Register asks for %v and is granted %v", want, ttl)
	}
	return ttl
}

var claimCases = []Case{
	{Name: "claim.first", Sentence: "the first Claim stands, and every later one is answered with it", Needs: needClaim, check: func(p *probe) {
		a, b := p.start(1), p.start(2)
		for _, c := range []struct {
			s     *subject
			value string
		}{{a, "one"}, {b, "two"}, {a, "three"}} {
			if got := c.s.claim(c.value); got != "one" {
				p.fail("claiming %q is answered with %q; \"one\" came first", c.value, got)
			}
		}
	}},
	{Name: "claim.contest", Sentence: "32 callers in four processes at once are all answered with one value", Needs: needClaim, check: func(p *probe) {
		subjects := []*subject{p.start(1), p.start(2), p.start(3), p.start(4)}
		got := parallel(len(subjects)*8, func() string { return "" })
		p.contest(subjects, got)
		slices.Sort(got)
		if kinds := slices.Compact(got); len(kinds) != 1 {
			p.fail("%d values were answered: %q", len(kinds), kinds)
		}
	}},
	{Name: "claim.survives-backend", Sentence: "a claim survives a restart of the backend", Needs: needClaim, check: func(p *probe) {
		s := p.start(1)
		s.claim("one")
		p.fault("reset", true)
		p.until("the claim", changes, func() bool {
			got, err := s.Claim(p.ctx, clusterIs, []byte("two"))
			if err == nil && string(got) != "one" {
				p.fail("after a restart of the backend %q stands", got)
			}
			return err == nil
		})
	}},
	{Name: "claim.survives-plugin", Sentence: "a claim survives the plugin that made it", Needs: needClaim, check: func(p *probe) {
		s := p.start(1)
		s.claim("one")
		s.life.Stop(true)
		if got := p.start(1).claim("two"); got != "one" {
			p.fail("after a restart of the plugin %q stands", got)
		}
	}},
	{Name: "claim.unclaim", Sentence: "Unclaim removes a claim only with the value that stands", Needs: needClaim, check: func(p *probe) {
		s := p.start(1)
		s.claim("one")
		for _, c := range []struct {
			value   string
			removed bool
		}{{"two", false}, {"one", true}, {"one", false}} {
			removed, err := s.Unclaim(p.ctx, clusterIs, []byte(c.value))
			p.must("Unclaim", err)
			if removed != c.removed {
				p.fail("Unclaim with %q says removed = %v", c.value, removed)
			}
		}
		if got := s.claim("three"); got != "three" {
			p.fail("after Unclaim %q stands", got)
		}
	}},
	{Name: "claim.keys", Sentence: "claims of different clusters do not meet, whatever their names", Needs: needClaim, check: func(p *probe) {
		s := p.start(1)
		for _, key := range []string{"a", "ab", "a.b", "A"} {
			got, err := s.Claim(p.ctx, key, []byte("value of "+key))
			p.must("Claim of "+key, err)
			if string(got) != "value of "+key {
				p.fail("the claim of %q is answered with %q", key, got)
			}
		}
	}},
	{Name: "claim.down", Sentence: "Claim while the backend is down is an error, and nobody's value", Needs: needClaim, check: func(p *probe) {
		s := p.start(1)
		p.fault("down", true)
		ctx, cancel := context.WithTimeout(p.ctx, callTime)
		defer cancel()
		_, err := s.Claim(ctx, clusterIs, []byte("one"))
		p.wantClass("Claim while the backend is down", err, discovery.BackendUnavailable, discovery.Timeout)
		p.fault("down", false)
		p.until("a claim", changes, func() bool {
			got, err := s.Claim(p.ctx, clusterIs, []byte("two"))
			return err == nil && (string(got) == "two" || string(got) == "one")
		})
	}},
}

// claim proposes a value and returns what stands.
func (s *subject) claim(value string) string {
	ctx, cancel := context.WithTimeout(s.p.ctx, callTime)
	defer cancel()
	got, err := s.Claim(ctx, clusterIs, []byte(value))
	s.p.must("Claim", err)
	return string(got)
}

// contest lets all subjects claim at once, each with eight callers.
func (p *probe) contest(subjects []*subject, got []string) {
	type answer struct {
		value []byte
		err   error
	}
	next := make(chan int, len(got))
	for i := range got {
		next <- i
	}
	answers := make([]answer, len(got))
	parallel(len(got), func() struct{} {
		i := <-next
		value, err := subjects[i%len(subjects)].Claim(p.ctx, clusterIs, []byte{'v', byte('A' + i)})
		answers[i] = answer{value, err}
		return struct{}{}
	})
	for i, a := range answers {
		p.must("one of 32 Claims", a.err)
		got[i] = string(a.value)
	}
}

package strategy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// discover asks within d and returns how long that took.
func (s *subject) discover(d time.Duration) (discovery.Answer, time.Duration, error) {
	ctx, cancel := context.WithTimeout(s.p.ctx, d)
	defer cancel()
	began := time.Now()
	a, err := s.Discover(ctx)
	return a, time.Since(began), err
}

// list is what Discover answers, which must work.
func (s *subject) list() discovery.Answer {
	a, _, err := s.discover(callTime)
	s.p.must("Discover", err)
	return a
}

// nobody asks for an answer without candidates.
func (s *subject) nobody() {
	a, _, err := s.discover(callTime)
	if s.p.has(EmptyIsNotFound) && discovery.ClassOf(err) == discovery.SourceNotFound {
		return
	}
	s.p.must("Discover of an empty backend", err)
	for _, c := range a.Candidates {
		if !s.p.has(Own) || !s.isSelf(c) {
			s.p.fail("Discover of an empty backend answers %s", shown(c))
		}
	}
}

func (s *subject) isSelf(c discovery.Candidate) bool {
	own := s.self.Endpoints[0]
	return slices.ContainsFunc(c.Endpoints, func(e discovery.Endpoint) bool { return e == own }) || c.NodeUID == s.self.NodeUID
}

// find returns the candidate at the address of e, nil if there is none.
func find(a discovery.Answer, e Entry) *discovery.Candidate {
	for i, c := range a.Candidates {
		for _, x := range c.Endpoints {
			if plainHost(x.Host) == e.Host && (int(x.Port) == e.Port || x.Port == 0) {
				return &a.Candidates[i]
			}
		}
	}
	return nil
}

// sees fails unless the answer lists all entries.
func (s *subject) sees(a discovery.Answer, entries ...Entry) {
	for _, e := range entries {
		if find(a, e) == nil {
			s.p.fail("%s is not among the candidates: %s", e.address(), candidates(a))
		}
	}
}

// plainHost is one text for one address, however it is written.
func plainHost(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func (e Entry) address() string { return net.JoinHostPort(e.Host, strconv.Itoa(e.Port)) }

func candidates(a discovery.Answer) string {
	var all []string
	for _, c := range a.Candidates {
		all = append(all, shown(c))
	}
	return "[" + strings.Join(all, " ") + "]"
}

func shown(c discovery.Candidate) string {
	var ends []string
	for _, e := range c.Endpoints {
		ends = append(ends, e.String())
	}
	return fmt.Sprintf("%s(%s %s)", strings.Join(ends, ","), c.ClaimedName, c.NodeUID)
}

// wantClass fails unless err is of one of the classes.
func (p *probe) wantClass(what string, err error, classes ...discovery.Class) {
	if err == nil {
		p.fail("%s succeeds; it should fail with %s", what, classNames(classes))
	}
	if !slices.Contains(classes, discovery.ClassOf(err)) {
		p.fail("%s fails with %s, not %s: %v", what, discovery.ClassOf(err), classNames(classes), err)
	}
}

func classNames(classes []discovery.Class) string {
	var names []string
	for _, c := range classes {
		names = append(names, c.String())
	}
	return strings.Join(names, " or ")
}

// within fails if a call took longer than allowed.
func (p *probe) within(what string, took, limit time.Duration) {
	if took > limit+slack {
		p.fail("%s took %v; the limit is %v", what, took.Round(time.Millisecond), limit)
	}
}

// until asks again and again, for d at most, whether something that the
// backend does by itself has come about. It is for what the contract gives
// time for, such as the end of a lease.
func (p *probe) until(what string, d time.Duration, ok func() bool) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			p.fail("%s has not come about within %v", what, d)
		case <-p.ctx.Done():
			p.fail("%s: %v", what, p.ctx.Err())
		}
	}
}

// wait lets time pass that the contract counts, such as a time to live.
func (p *probe) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ctx.Done():
		p.fail("%v", p.ctx.Err())
	}
}

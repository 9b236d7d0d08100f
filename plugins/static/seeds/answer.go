package seeds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/muster-mqtt/muster/discovery"
)

// result is what one seed came to in one round.
type result struct {
	addrs []netip.Addr
	err   error
}

// answer makes candidates of the seeds that resolved and warnings of the
// others, whose errors it returns.
func answer(seeds []seed, results []result) (a discovery.Answer, failed []error) {
	for i, r := range results {
		if r.err != nil {
			failed = append(failed, r.err)
			a.Warnings = append(a.Warnings, seeds[i].explain(r.err))
			continue
		}
		a.Candidates = append(a.Candidates, seeds[i].candidates(r.addrs)...)
	}
	return a, failed
}

// candidates of a name@host are one, with all its addresses. A host without a
// name may be many nodes behind one record, or one node with an address of
// each family, so its first IPv4 goes with its first IPv6 address and so on.
func (s *seed) candidates(addrs []netip.Addr) []discovery.Candidate {
	v4, v6 := s.endpoints(addrs)
	if s.name != "" {
		return []discovery.Candidate{{Endpoints: append(v4, v6...), ClaimedName: s.name}}
	}
	out := make([]discovery.Candidate, max(len(v4), len(v6)))
	for _, family := range [][]discovery.Endpoint{v4, v6} {
		for i, e := range family {
			out[i].Endpoints = append(out[i].Endpoints, e)
		}
	}
	return out
}

// endpoints are the addresses by family, in order.
func (s *seed) endpoints(addrs []netip.Addr) (v4, v6 []discovery.Endpoint) {
	for _, a := range slices.SortedFunc(slices.Values(addrs), netip.Addr.Compare) {
		e := discovery.Endpoint{Host: a.Unmap().String(), Port: s.port}
		if a.Unmap().Is4() {
			v4 = append(v4, e)
		} else {
			v6 = append(v6, e)
		}
	}
	return v4, v6
}

// explain says in words that stay the same from round to round what is wrong.
func (s *seed) explain(err error) string {
	why := err.Error()
	var dns *net.DNSError
	known := errors.As(err, &dns)
	switch {
	case errors.Is(err, context.DeadlineExceeded), known && dns.IsTimeout:
		why = "the name server did not answer in time"
	case known && dns.IsNotFound:
		why = "no such host"
	case known:
		why = dns.Err // without the server's address, which changes
	}
	return fmt.Sprintf("%s %q does not resolve: %s", s.path, s.text, why)
}

// classOf tells "the names do not exist" from "nobody could say".
func classOf(failed []error) discovery.Class {
	class := discovery.SourceNotFound
	for _, err := range failed {
		var dns *net.DNSError
		if !errors.As(err, &dns) || !dns.IsNotFound {
			class = discovery.BackendUnavailable
		}
	}
	return class
}

package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/dns/resolver"
)

const (
	// hintMin and hintMax bound the time to the next round. A server of the
	// zone itself says each time how long others may keep its answer, not when
	// the next change comes, so a long TTL is not waited for.
	hintMin = time.Second
	hintMax = 30 * time.Second
	// hintFailed is the longest wait after a part was missing.
	hintFailed = 5 * time.Second
	// maxWarnings is more than the kit sends on; it says how many it left out.
	maxWarnings = 256
	// maxEndpoints of a candidate, as the contract has it.
	maxEndpoints = 64
)

var loopbacks = map[resolver.Type]netip.Addr{
	resolver.A: netip.AddrFrom4([4]byte{127, 0, 0, 1}), resolver.AAAA: netip.IPv6Loopback(),
}

// builder makes an answer of records.
type builder struct {
	config *config
	out    discovery.Answer
	addrs  []netip.Addr
	ttls   []time.Duration
	failed []*resolver.Failure // what is missing from the answer
}

// answer takes what was found for the name and, for SRV records, for their
// targets.
func (b *builder) answer(results []resolver.Result, targets []target) (discovery.Answer, error) {
	b.gather(results, "")
	b.hosts(b.addrs, "", 0)
	for _, t := range targets {
		b.target(t)
	}
	if n := len(services(results)); n > len(targets) {
		b.out.Truncated = true
		b.warn("the name has %d SRV records; the first %d are used", n, len(targets))
	}
	if len(b.out.Candidates) == 0 && len(b.failed) > 0 {
		return discovery.Answer{}, b.failure(len(targets) > 0)
	}
	if len(b.failed) == 0 && !b.out.Truncated && len(b.out.Warnings) == 0 {
		b.out.Completeness = discovery.Complete
	}
	b.out.NextPoll = b.hint()
	return b.out, nil
}

func services(results []resolver.Result) []resolver.Service {
	if len(results) == 0 {
		return nil
	}
	return results[0].Services
}

// gather takes in the addresses of a name. That one family is absent is no
// failure if the other is there; of is the target that they are for.
func (b *builder) gather(results []resolver.Result, of string) {
	b.addrs = nil
	var failed, absent []*resolver.Failure
	found := false
	for _, r := range results {
		switch {
		case r.Failure == nil:
			b.addrs = append(b.addrs, r.Addrs...)
			b.ttls = append(b.ttls, r.TTL)
			found = true
		case r.Failure.Absent():
			absent = append(absent, r.Failure)
		default:
			failed = append(failed, r.Failure)
			b.warn("%s records%s: %s", r.Type, of, r.Failure.Text)
		}
	}
	b.failed = append(b.failed, failed...)
	if !found && len(failed) == 0 && len(absent) > 0 {
		b.absent(resolver.Sum(absent), absent, of)
	}
}

// absent takes in that there are no records. Of the name itself NoData is the
// answer that there is nobody.
func (b *builder) absent(f *resolver.Failure, all []*resolver.Failure, of string) {
	for _, one := range all {
		if one.TTL > 0 {
			b.ttls = append(b.ttls, one.TTL)
		}
	}
	if of != "" || f.Kind == resolver.NotFound {
		b.failed = append(b.failed, f)
	}
	if of != "" {
		b.warn("address records%s: %s", of, f.Text)
	} else if f.Kind == resolver.NoData {
		b.warn("%s exists and has no %s record", b.config.Name, typeNames(b.config.types))
	}
}

func typeNames(types []resolver.Type) string {
	var names []string
	for _, t := range types {
		names = append(names, t.String())
	}
	return strings.Join(names, " or ")
}

// target takes in the addresses of one SRV record.
func (b *builder) target(t target) {
	name := strings.TrimSuffix(t.service.Target, ".")
	if addr, err := netip.ParseAddr(name); err == nil { // no name, but what is meant is clear
		b.hosts([]netip.Addr{addr}, name, t.service.Port)
		return
	}
	switch {
	case name == "":
		b.warn("an SRV record has the target \".\": there is no such service")
	case !isName(name):
		b.warn("an SRV record has the target %q, which is no name", name)
	default:
		b.gather(t.results, " of the target "+name)
		b.hosts(b.addrs, name, t.service.Port)
	}
}

// askable reports whether a target is a name to look up.
func askable(target string) bool {
	name := strings.TrimSuffix(target, ".")
	_, err := netip.ParseAddr(name)
	return err != nil && isName(name)
}

// hosts makes candidates of addresses. One name may be many nodes, or one
// node with an address of each family: the first IPv4 address goes with the
// first IPv6 address and so on, for every endpoint is probed anyway. host is
// what the nodes may be named by; without it that is their address.
func (b *builder) hosts(addrs []netip.Addr, host string, port uint16) {
	var v4, v6 []discovery.Endpoint
	for _, a := range addrs {
		e := discovery.Endpoint{Host: a.Unmap().String(), Port: port}
		switch {
		case a.IsUnspecified() || a.IsMulticast() || a.Unmap() == broadcast:
			b.warn("the address %s is no node's; it was left out", a)
		case a.Unmap().Is4():
			v4 = append(v4, e)
		default:
			v6 = append(v6, e)
		}
	}
	if host != "" && b.config.App != "" {
		b.named(append(v4, v6...), host)
		return
	}
	for i := range max(len(v4), len(v6)) {
		c := discovery.Candidate{}
		c.Endpoints = append(c.Endpoints, v4[min(i, len(v4)):min(i+1, len(v4))]...)
		c.Endpoints = append(c.Endpoints, v6[min(i, len(v6)):min(i+1, len(v6))]...)
		c.ClaimedName = b.claimed(c.Endpoints[0].Host)
		b.out.Candidates = append(b.out.Candidates, c)
	}
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// named is one node with all the addresses of its name.
func (b *builder) named(endpoints []discovery.Endpoint, host string) {
	if len(endpoints) > maxEndpoints {
		b.warn("the target %s has %d addresses; the first %d are used", host, len(endpoints), maxEndpoints)
		endpoints = endpoints[:maxEndpoints]
	}
	if len(endpoints) > 0 {
		b.out.Candidates = append(b.out.Candidates, discovery.Candidate{Endpoints: endpoints, ClaimedName: b.claimed(host)})
	}
}

func (b *builder) claimed(host string) string {
	name := b.config.App + "@" + host
	if b.config.App == "" || len(name) > maxName {
		return ""
	}
	return name
}

// warn adds a warning once.
func (b *builder) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(b.out.Warnings) < maxWarnings && !slices.Contains(b.out.Warnings, text) {
		b.out.Warnings = append(b.out.Warnings, text)
	}
}

// hint is when to ask again: when the first record is no longer good, or soon
// if a part is missing. 0 leaves it to the host.
func (b *builder) hint() time.Duration {
	if len(b.ttls) == 0 {
		return 0
	}
	hint := hintMax
	if len(b.failed) > 0 {
		hint = hintFailed
	}
	for _, t := range b.ttls {
		hint = min(hint, t)
	}
	return max(hint, hintMin)
}

// failure is the error of a round that found nothing.
func (b *builder) failure(targets bool) error {
	f := resolver.Sum(b.failed)
	class := discovery.BackendUnavailable
	switch f.Kind {
	case resolver.NotFound, resolver.NoData:
		class = discovery.SourceNotFound
	case resolver.Refused:
		class = discovery.Auth
	case resolver.TimedOut:
		class = discovery.Timeout
	}
	if targets {
		shown := b.out.Warnings[:min(len(b.out.Warnings), 3)]
		return discovery.Errorf(class, "no target of the SRV records of %s resolves: %s", b.config.Name, strings.Join(shown, "; "))
	}
	return discovery.Errorf(class, "%s records of %s: %w", typeNames(b.config.types), b.config.Name, f)
}

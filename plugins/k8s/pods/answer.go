package pods

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/muster-mqtt/muster/discovery"
)

// Bounds of an answer.
const (
	maxCandidates = 10_000 // by the contract
	maxAddresses  = 32     // of a pod; twice that are endpoints of a candidate
)

// namer writes the addresses of pods as the configuration wants them.
type namer struct {
	addressType, namespace, suffix, app string
}

// answer makes candidates of objects, in an order that depends on nothing but
// them. A pod of two families is in two EndpointSlices, and one candidate.
func (n namer) answer(objects map[string]object, version string) discovery.Answer {
	a := discovery.Answer{Completeness: discovery.Complete, SourceRevision: version}
	at := map[string]int{} // uid → index of its candidate
	var odd oddities
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		for _, m := range objects[name].members {
			c := n.candidate(m, &odd)
			if len(c.Endpoints) == 0 {
				continue
			}
			if i, known := at[m.uid]; known && m.uid != "" {
				join(&a.Candidates[i], c)
				continue
			}
			if len(a.Candidates) == maxCandidates {
				a.Truncated = true
				continue
			}
			at[m.uid] = len(a.Candidates)
			a.Candidates = append(a.Candidates, c)
		}
	}
	a.Warnings = odd.warnings()
	if a.Truncated || odd.strange > 0 {
		a.Completeness = discovery.Partial
	}
	return a
}

// join adds what another object says of the same pod.
func join(c *discovery.Candidate, more discovery.Candidate) {
	for _, e := range more.Endpoints {
		if !slices.Contains(c.Endpoints, e) && len(c.Endpoints) < 2*maxAddresses {
			c.Endpoints = append(c.Endpoints, e)
		}
	}
	// Of two slices the newer one may be behind: the one that asks for more
	// caution counts.
	c.Readiness = max(c.Readiness, more.Readiness)
}

// oddities are what an operator should know of the objects.
type oddities struct {
	strange  int    // addresses that are none
	nameless int    // pods without a host name, where one is wanted
	example  string // of the strange
}

func (o oddities) warnings() (out []string) {
	if o.strange > 0 {
		out = append(out, fmt.Sprintf("%d addresses are none, such as %q", o.strange, o.example))
	}
	if o.nameless > 0 {
		out = append(out, fmt.Sprintf("address_type is %s, but %d pods have no host name (those of a StatefulSet with serviceName have one): they are found by their IP address", byHostname, o.nameless))
	}
	return out
}

// candidate is one pod. A name comes with the address that it should lead to:
// the name of a pod that is not ready may be nowhere yet.
func (n namer) candidate(m member, odd *oddities) discovery.Candidate {
	c := discovery.Candidate{Readiness: m.readiness, Revision: m.version, Attributes: m.attributes()}
	var plain []discovery.Endpoint
	for _, text := range m.addresses[:min(len(m.addresses), maxAddresses)] {
		host, ok := n.host(m, text)
		if !ok {
			odd.strange++
			odd.example = short(text)
			continue
		}
		name := host
		if !m.isNames {
			name = n.name(m, host)
		}
		if name == "" {
			odd.nameless++
			name = host
		}
		if e := (discovery.Endpoint{Host: name, Port: m.port}); !slices.Contains(c.Endpoints, e) {
			c.Endpoints = append(c.Endpoints, e)
		}
		if name != host {
			plain = append(plain, discovery.Endpoint{Host: host, Port: m.port})
		}
	}
	c.Endpoints = append(c.Endpoints, plain...)
	if n.app != "" && len(c.Endpoints) > 0 {
		c.ClaimedName = n.app + "@" + c.Endpoints[0].Host
	}
	return c
}

// host is an address in its usual form, or false.
func (n namer) host(m member, text string) (string, bool) {
	if m.isNames {
		text = strings.TrimSuffix(strings.ToLower(text), ".")
		return text, isDomain(text)
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
		return "", false
	}
	return addr.Unmap().String(), true
}

// name is what the address type makes of an IP address; "" for nothing.
func (n namer) name(m member, ip string) string {
	switch n.addressType {
	case byDNS:
		if name := strings.NewReplacer(".", "-", ":", "-").Replace(ip) + "." + n.namespace + "." + n.suffix; isDomain(name) {
			return name
		}
		return ip // such as ::1, which no name server writes so
	case byHostname:
		if name := strings.Join([]string{m.hostname, m.subdomain, n.namespace, n.suffix}, "."); isDomain(name) {
			return name
		}
		return ""
	}
	return ip
}

func (m member) attributes() map[string]string {
	out := map[string]string{}
	for key, value := range map[string]string{
		"pod": m.pod, "pod_uid": m.uid, "machine": m.host, "zone": m.zone, "hostname": m.hostname,
	} {
		if value != "" {
			out[key] = value
		}
	}
	return out
}

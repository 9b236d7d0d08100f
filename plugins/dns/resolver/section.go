package resolver

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// section is the answer section of a message, by the owners of its records,
// in lower case.
type section struct {
	want    dnsmessage.Type
	records map[string]rrset
	aliases map[string]alias
}

type rrset struct {
	addrs    []netip.Addr
	services []Service
	ttl      time.Duration // the shortest
}

type alias struct {
	to  string
	ttl time.Duration
}

// read reads the section. What was not asked for and is no alias is passed
// over.
func (s section) read(p *dnsmessage.Parser) error {
	for {
		h, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return nil
		}
		if err == nil {
			err = s.record(p, h)
		}
		if err != nil {
			return err
		}
	}
}

func (s section) record(p *dnsmessage.Parser, h dnsmessage.ResourceHeader) error {
	owner, ttl := strings.ToLower(h.Name.String()), seconds(h.TTL)
	if h.Class != dnsmessage.ClassINET || h.Type != s.want && h.Type != dnsmessage.TypeCNAME {
		return p.SkipAnswer()
	}
	switch h.Type {
	case dnsmessage.TypeA:
		r, err := p.AResource()
		s.add(owner, ttl, rrset{addrs: []netip.Addr{netip.AddrFrom4(r.A)}})
		return sized(err, h.Length, 4)
	case dnsmessage.TypeAAAA:
		r, err := p.AAAAResource()
		s.add(owner, ttl, rrset{addrs: []netip.Addr{netip.AddrFrom16(r.AAAA)}})
		return sized(err, h.Length, 16)
	case dnsmessage.TypeSRV:
		r, err := p.SRVResource()
		s.add(owner, ttl, rrset{services: []Service{{Target: r.Target.String(), Port: r.Port}}})
		return err
	}
	c, err := p.CNAMEResource()
	s.aliases[owner] = alias{to: strings.ToLower(c.CNAME.String()), ttl: ttl}
	return err
}

// sized refuses an address record of another length than its type has, which
// the parser lets through.
func sized(err error, got, want uint16) error {
	if err == nil && got != want {
		return errors.New("an address record of a wrong length")
	}
	return err
}

func (s section) add(owner string, ttl time.Duration, one rrset) {
	set, known := s.records[owner]
	if !known || ttl < set.ttl {
		set.ttl = ttl
	}
	set.addrs = append(set.addrs, one.addrs...)
	set.services = append(set.services, one.services...)
	s.records[owner] = set
}

// follow fills in what the section says to the question, through aliases.
// Records of other owners are not what we asked for.
func (s section) follow(r *reply, q dnsmessage.Question) error {
	name, ttl := strings.ToLower(q.Name.String()), time.Duration(-1)
	for hops := 0; ; hops++ {
		a, ok := s.aliases[name]
		if !ok {
			break
		}
		if hops == len(s.aliases) {
			return errors.New("the aliases lead in a circle")
		}
		if name = a.to; ttl < 0 || a.ttl < ttl {
			ttl = a.ttl
		}
		r.alias = name
	}
	set := s.records[name].unique()
	r.addrs, r.services, r.ttl = set.addrs, set.services, set.ttl
	if ttl >= 0 && (r.empty() || ttl < r.ttl) {
		r.ttl = ttl
	}
	return nil
}

// unique sorts the records and keeps each once.
func (s rrset) unique() rrset {
	slices.SortFunc(s.addrs, netip.Addr.Compare)
	slices.SortFunc(s.services, func(a, b Service) int {
		return cmp.Or(strings.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port))
	})
	s.addrs, s.services = slices.Compact(s.addrs), slices.Compact(s.services)
	return s
}

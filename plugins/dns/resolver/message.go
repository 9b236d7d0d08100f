package resolver

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Type is a type of record.
type Type uint16

// The types that can be asked for, numbered as in RFC 1035, 3596 and 2782.
const (
	A    = Type(dnsmessage.TypeA)
	AAAA = Type(dnsmessage.TypeAAAA)
	SRV  = Type(dnsmessage.TypeSRV)
)

// String returns the name of the type.
func (t Type) String() string { return strings.TrimPrefix(dnsmessage.Type(t).String(), "Type") }

// Service is an SRV record (RFC 2782) without priority and weight: all nodes
// are wanted.
type Service struct {
	Target string // absolute, with the root's dot; "." says that there is none
	Port   uint16
}

// udpSize is the size of an answer that we offer to take by UDP (RFC 9715).
const udpSize = 1232

// errStray marks what answers another question than ours, or none: somebody
// else's, or one that was made up. It is ignored.
var errStray = errors.New("not an answer to our question")

// query is one question on its way.
type query struct {
	id       uint16
	question dnsmessage.Question
}

// newQuery returns a query with an id that cannot be guessed (RFC 5452). name
// is absolute.
func newQuery(name string, t Type) (query, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return query{}, err
	}
	var id [2]byte
	_, _ = rand.Read(id[:]) // never fails
	return query{
		id:       binary.BigEndian.Uint16(id[:]),
		question: dnsmessage.Question{Name: n, Type: dnsmessage.Type(t), Class: dnsmessage.ClassINET},
	}, nil
}

// pack returns the message. Servers that know nothing of EDNS (RFC 6891) are
// asked again without.
func (q query) pack(edns bool) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: q.id, RecursionDesired: true})
	if err := errors.Join(b.StartQuestions(), b.Question(q.question)); err != nil {
		return nil, err
	}
	if edns {
		var h dnsmessage.ResourceHeader
		err := errors.Join(h.SetEDNS0(udpSize, dnsmessage.RCodeSuccess, false), b.StartAdditionals(),
			b.OPTResource(h, dnsmessage.OPTResource{}))
		if err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

// reply is what a message says to our question.
type reply struct {
	rcode     dnsmessage.RCode
	truncated bool
	lame      bool   // neither an answer nor from somebody who would know
	alias     string // the end of a chain of aliases, "" where there is none
	final     bool   // an SOA says that there is no such record
	addrs     []netip.Addr
	services  []Service
	ttl       time.Duration // of the records, of the alias, or of their absence
}

func (r reply) empty() bool { return len(r.addrs)+len(r.services) == 0 }

// speaks reports whether the message says something about the name.
func (r reply) speaks() bool {
	return r.rcode == dnsmessage.RCodeSuccess || r.rcode == dnsmessage.RCodeNameError
}

// parse reads a message. errStray is for what is not ours; other errors for
// what is and cannot be read.
func (q query) parse(msg []byte) (reply, error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.ID != q.id || !h.Response || h.OpCode != 0 || !q.asked(&p, reply{rcode: h.RCode}.speaks()) {
		return reply{}, errStray
	}
	r := reply{rcode: h.RCode, truncated: h.Truncated}
	if r.truncated || !r.speaks() {
		return r, nil
	}
	s := section{want: q.question.Type, records: map[string]rrset{}, aliases: map[string]alias{}}
	if err := s.read(&p); err != nil {
		return reply{}, err
	}
	if err := s.follow(&r, q.question); err != nil {
		return reply{}, err
	}
	if r.empty() {
		err = r.negative(&p)
	}
	r.lame = r.empty() && r.alias == "" && !r.final && !h.Authoritative && !h.RecursionAvailable &&
		h.RCode == dnsmessage.RCodeSuccess
	return r, err
}

// asked reports whether the message repeats the question. Those that could
// not read it may leave it out.
func (q query) asked(p *dnsmessage.Parser, speaks bool) bool {
	got, err := p.Question()
	if errors.Is(err, dnsmessage.ErrSectionDone) {
		return !speaks
	}
	if err != nil || !strings.EqualFold(got.Name.String(), q.question.Name.String()) ||
		got.Type != q.question.Type || got.Class != q.question.Class {
		return false
	}
	_, err = p.Question()
	return errors.Is(err, dnsmessage.ErrSectionDone)
}

// negative takes in how long the absence holds, if the message says so (RFC
// 2308, 5).
func (r *reply) negative(p *dnsmessage.Parser) error {
	if err := p.SkipAllAnswers(); err != nil {
		return err
	}
	for {
		h, err := p.AuthorityHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return nil
		}
		if err == nil && h.Type == dnsmessage.TypeSOA && h.Class == dnsmessage.ClassINET {
			soa, err := p.SOAResource()
			r.ttl, r.final = seconds(min(h.TTL, soa.MinTTL)), err == nil
			return err
		}
		if err == nil {
			err = p.SkipAuthority()
		}
		if err != nil {
			return err
		}
	}
}

// seconds reads a TTL; one with the highest bit set is 0 (RFC 2181, 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

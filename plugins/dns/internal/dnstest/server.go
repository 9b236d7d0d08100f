// Package dnstest is a name server for tests, on an address of loopback of its
// own: with records that change while it runs, and faults.
package dnstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// TB is the part of testing.TB that is needed.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Hook answers a question in place of the zone, or returns false.
type Hook func(w dns.ResponseWriter, r *dns.Msg) bool

// Server is a name server over UDP and TCP. It is authoritative for what its
// zone has and knows nothing else. Safe for concurrent use.
type Server struct {
	t    TB // nil without a test of its own
	addr string

	mu    sync.Mutex
	zone  map[string][]dns.RR // by owner, in lower case
	hook  Hook
	asked map[string]int // questions by network
	up    []*dns.Server
}

// New starts a server that ends with the test.
func New(t TB) *Server {
	t.Helper()
	s, err := Start()
	if err != nil {
		t.Fatalf("name server: %v", err)
	}
	s.t = t
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("name server: %v", err)
		}
	})
	return s
}

// Start starts a server. Its address of 127.0.0.0/8 is its own, so that nobody
// takes its port while it is stopped.
func Start() (*Server, error) {
	var host [3]byte
	_, _ = rand.Read(host[:]) // never fails
	s := &Server{
		addr: fmt.Sprintf("127.%d.%d.%d:0", host[0], host[1], host[2]%253+1),
		zone: map[string][]dns.RR{}, asked: map[string]int{},
	}
	return s, s.Resume()
}

// Addr returns host:port.
func (s *Server) Addr() string { return s.addr }

// Resume starts a server that was stopped, at its old address.
func (s *Server) Resume() error {
	lis, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	pc, err := net.ListenPacket("udp", lis.Addr().String())
	if err != nil {
		return errors.Join(err, lis.Close())
	}
	s.addr = lis.Addr().String()
	for _, one := range []*dns.Server{{Listener: lis}, {PacketConn: pc}} {
		if err := s.serve(one); err != nil {
			return errors.Join(err, lis.Close(), pc.Close())
		}
	}
	return nil
}

func (s *Server) serve(one *dns.Server) error {
	one.Handler = dns.HandlerFunc(s.answer)
	started, failed := make(chan struct{}), make(chan error, 1)
	one.NotifyStartedFunc = func() { close(started) }
	go func() { failed <- one.ActivateAndServe() }()
	select {
	case <-started:
	case err := <-failed:
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = append(s.up, one)
	return nil
}

// Stop closes the sockets: questions are refused from now on.
func (s *Server) Stop() error {
	s.mu.Lock()
	up := s.up
	s.up = nil
	s.mu.Unlock()
	var errs []error
	for _, one := range up {
		errs = append(errs, one.ShutdownContext(context.Background()))
	}
	return errors.Join(errs...)
}

// Zone replaces all records, each a line of a zone file. A line that is none
// is an error, and ends the test of New.
func (s *Server) Zone(lines ...string) error {
	zone := map[string][]dns.RR{}
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			if s.t != nil {
				s.t.Fatalf("the zone: %v", err)
			}
			return err
		}
		name := strings.ToLower(rr.Header().Name)
		zone[name] = append(zone[name], rr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = zone
	return nil
}

// Hook sets what answers before the zone; nil for nothing.
func (s *Server) Hook(h Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = h
}

// Asked returns how many questions came over "udp" or "tcp".
func (s *Server) Asked(network string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[network]
}

func (s *Server) answer(w dns.ResponseWriter, r *dns.Msg) {
	s.mu.Lock()
	s.asked[w.RemoteAddr().Network()]++
	hook, zone := s.hook, s.zone
	s.mu.Unlock()
	if hook != nil && hook(w, r) {
		return
	}
	m := reply(zone, r)
	if w.RemoteAddr().Network() == "udp" {
		size := dns.MinMsgSize
		if opt := r.IsEdns0(); opt != nil {
			size = int(opt.UDPSize())
		}
		m.Truncate(size)
	}
	_ = w.WriteMsg(m)
}

// reply looks the question up, one alias far.
func reply(zone map[string][]dns.RR, r *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	m.Authoritative, m.Compress = true, true
	q := r.Question[0]
	records, known := zone[strings.ToLower(q.Name)]
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	for _, rr := range records {
		switch {
		case rr.Header().Rrtype == dns.TypeSOA:
			m.Ns = append(m.Ns, rr)
		case rr.Header().Rrtype == q.Qtype || rr.Header().Rrtype == dns.TypeCNAME:
			m.Answer = append(m.Answer, rr)
		}
	}
	if len(m.Answer) > 0 {
		m.Ns = nil
	}
	return m
}

// Code answers every question with a response code, such as
// dns.RcodeServerFailure.
func Code(code int) Hook {
	return func(w dns.ResponseWriter, r *dns.Msg) bool {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(r, code))
		return true
	}
}

// Silence answers nothing.
func Silence(dns.ResponseWriter, *dns.Msg) bool { return true }

// Only uses h for questions of one type, such as dns.TypeAAAA.
func Only(qtype uint16, h Hook) Hook {
	return func(w dns.ResponseWriter, r *dns.Msg) bool { return r.Question[0].Qtype == qtype && h(w, r) }
}

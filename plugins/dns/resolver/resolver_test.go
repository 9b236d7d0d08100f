package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/plugins/dns/internal/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func addr(s *dnstest.Server) netip.AddrPort { return netip.MustParseAddrPort(s.Addr()) }

// system asks the servers in order.
func system(search []string, servers ...*dnstest.Server) func() (System, error) {
	sys := System{Search: search}
	for _, s := range servers {
		sys.Servers = append(sys.Servers, addr(s))
	}
	return func() (System, error) { return sys, nil }
}

func lookup(t *testing.T, r *Resolver, name string, types ...Type) []Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return r.Lookup(ctx, name, types...)
}

func one(t *testing.T, s *dnstest.Server, name string, of Type) Result {
	t.Helper()
	return lookup(t, New(system(nil, s)), name, of)[0]
}

func TestRecords(t *testing.T) {
	s := dnstest.New(t)
	s.Zone("n.x. 7 A 10.0.0.2", "n.x. 9 A 10.0.0.1", "n.x. 9 A 10.0.0.1", "n.x. 60 AAAA fd00::1",
		"S.x. 5 SRV 1 2 4371 B.x.", "S.x. 5 SRV 0 0 4370 a.x.",
		"alias.x. 3 CNAME n.x.", "far.x. 4 CNAME alias.x.", "top.x. 4294967295 A 10.0.0.3")
	ips := func(texts ...string) (out []netip.Addr) {
		for _, s := range texts {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	for _, c := range []struct {
		name string
		want Result
	}{
		{"n.x", Result{Type: A, Addrs: ips("10.0.0.1", "10.0.0.2"), TTL: 7 * time.Second}},
		{"N.X.", Result{Type: AAAA, Addrs: ips("fd00::1"), TTL: time.Minute}},
		{"s.x", Result{Type: SRV, Services: []Service{{"B.x.", 4371}, {"a.x.", 4370}}, TTL: 5 * time.Second}},
		{"alias.x", Result{Type: A, Addrs: ips("10.0.0.1", "10.0.0.2"), TTL: 3 * time.Second}},
		{"far.x", Result{Type: AAAA, Addrs: ips("fd00::1"), TTL: 3 * time.Second}},
		{"top.x", Result{Type: A, Addrs: ips("10.0.0.3")}},
	} {
		if diff := cmp.Diff(c.want, one(t, s, c.name, c.want.Type), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
	}
	if s.Asked("tcp") != 0 {
		t.Errorf("%d questions by TCP", s.Asked("tcp"))
	}
}

// NXDOMAIN, NODATA, SERVFAIL, REFUSED, silence and nonsense are different
// things.
func TestFailuresAreToldApart(t *testing.T) {
	s := dnstest.New(t)
	s.Zone("here.x. 5 TXT x", "soa.x. 100 SOA ns.x. me.x. 1 1 1 1 30", "c1.x. 1 CNAME c2.x.", "c2.x. 1 CNAME c1.x.")
	for _, c := range []struct {
		name string
		hook dnstest.Hook
		want Failure
	}{
		{"no.x", nil, Failure{NotFound, "NXDOMAIN", 0}},
		{"here.x", nil, Failure{NoData, "no such record", 0}},
		{"soa.x", nil, Failure{NoData, "no such record", 30 * time.Second}},
		{"c1.x", nil, Failure{Malformed, "more than 8 aliases", 0}},
		{"n.x", dnstest.Code(dns.RcodeServerFailure), Failure{ServerFailed, "SERVFAIL", 0}},
		{"n.x", dnstest.Code(dns.RcodeRefused), Failure{Refused, "REFUSED", 0}},
		{"n.x", dnstest.Code(dns.RcodeNotImplemented), Failure{ServerFailed, "code 4", 0}},
		{"n.x", dnstest.Code(dns.RcodeFormatError), Failure{ServerFailed, "code 1", 0}},
		{"n.x", dnstest.Code(dns.RcodeSuccess), Failure{ServerFailed, "no recursion", 0}},
		{"n.x", circle, Failure{Malformed, "circle", 0}},
		{"n.x", cut, Failure{Malformed, "no answer", 0}},
	} {
		s.Hook(c.hook)
		f := one(t, s, c.name, A).Failure
		if f == nil || f.Kind != c.want.Kind || f.TTL != c.want.TTL || !strings.Contains(f.Text, c.want.Text) {
			t.Errorf("%s: %+v, want %+v", c.name, f, c.want)
		}
	}
}

func circle(w dns.ResponseWriter, r *dns.Msg) bool {
	m := new(dns.Msg).SetReply(r)
	m.Answer = []dns.RR{
		&dns.CNAME{Hdr: header(r.Question[0].Name, dns.TypeCNAME), Target: "b."},
		&dns.CNAME{Hdr: header("b.", dns.TypeCNAME), Target: r.Question[0].Name},
	}
	return w.WriteMsg(m) == nil
}

func header(name string, t uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: t, Class: dns.ClassINET, Ttl: 60}
}

// cut sends an answer that ends in the middle of its record.
func cut(w dns.ResponseWriter, r *dns.Msg) bool {
	m := new(dns.Msg).SetReply(r)
	m.Answer = []dns.RR{&dns.A{Hdr: header(r.Question[0].Name, dns.TypeA), A: []byte{10, 0, 0, 1}}}
	msg, err := m.Pack()
	if err == nil {
		_, err = w.Write(msg[:len(msg)-3])
	}
	return err == nil
}

func TestSilentAndAbsentServers(t *testing.T) {
	silent, gone := dnstest.New(t), dnstest.New(t)
	silent.Hook(dnstest.Silence)
	if err := gone.Stop(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if f := New(system(nil, silent)).Lookup(ctx, "n.x", A)[0].Failure; f == nil || f.Kind != TimedOut {
		t.Errorf("silent: %v", f)
	}
	if f := one(t, gone, "n.x", A).Failure; f == nil || f.Kind != Unreachable || !strings.Contains(f.Text, "nothing listens") {
		t.Errorf("gone: %v", f)
	}
	broken := func() (System, error) { return System{}, errors.New("no list") }
	if f := lookup(t, New(broken), "n.x", A)[0].Failure; f == nil || f.Text != "no list" {
		t.Errorf("without a list: %v", f)
	}
	none := func() (System, error) { return System{}, nil }
	if f := lookup(t, New(none), "n.x", A)[0].Failure; f == nil || f.Kind != ServerFailed {
		t.Errorf("without a server: %v", f)
	}
}

// The next server is asked for what one could not say, and only for that; the
// one that answered is asked first from then on.
func TestNextServer(t *testing.T) {
	for what, spoil := range map[string]func(*dnstest.Server){
		"gone":     func(s *dnstest.Server) { _ = s.Stop() },
		"silent":   func(s *dnstest.Server) { s.Hook(dnstest.Silence) },
		"servfail": func(s *dnstest.Server) { s.Hook(dnstest.Code(dns.RcodeServerFailure)) },
		"refused":  func(s *dnstest.Server) { s.Hook(dnstest.Code(dns.RcodeRefused)) },
		"nonsense": func(s *dnstest.Server) { s.Hook(cut) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			first, second := dnstest.New(t), dnstest.New(t)
			spoil(first)
			second.Zone("n.x. 1 A 10.0.0.1")
			r := New(system(nil, first, second))
			for range 3 {
				if got := lookup(t, r, "n.x", A)[0]; got.Failure != nil || len(got.Addrs) != 1 {
					t.Errorf("%+v", got)
				}
			}
			if n := first.Asked("udp"); n > 1 {
				t.Errorf("the bad server was asked %d times", n)
			}
		})
	}
	first, second := dnstest.New(t), dnstest.New(t)
	second.Zone("n.x. 1 A 10.0.0.1")
	if f := lookup(t, New(system(nil, first, second)), "n.x", A)[0].Failure; f == nil || f.Kind != NotFound || second.Asked("udp") != 0 {
		t.Errorf("NXDOMAIN of the first: %v, the second was asked %d times", f, second.Asked("udp"))
	}
}

// A lost datagram is sent again.
func TestLoss(t *testing.T) {
	s := dnstest.New(t)
	s.Zone("n.x. 1 A 10.0.0.1")
	s.Hook(func(dns.ResponseWriter, *dns.Msg) bool { return s.Asked("udp") == 1 })
	if got := one(t, s, "n.x", A); got.Failure != nil || s.Asked("udp") != 2 {
		t.Errorf("%+v after %d questions", got, s.Asked("udp"))
	}
}

func TestTruncation(t *testing.T) {
	s := dnstest.New(t)
	var lines []string
	for i := range 300 {
		lines = append(lines, fmt.Sprintf("n.x. 1 A 10.0.%d.%d", i/256, i%256))
	}
	s.Zone(lines...)
	if got := one(t, s, "n.x", A); len(got.Addrs) != 300 || s.Asked("tcp") != 1 {
		t.Errorf("%d addresses, %d questions by TCP: %v", len(got.Addrs), s.Asked("tcp"), got.Failure)
	}
	s.Hook(func(w dns.ResponseWriter, r *dns.Msg) bool {
		m := new(dns.Msg).SetReply(r)
		m.Truncated = true
		return w.WriteMsg(m) == nil
	})
	if f := one(t, s, "n.x", A).Failure; f == nil || f.Kind != Malformed || !strings.Contains(f.Text, "cut off") {
		t.Errorf("truncated by TCP: %v", f)
	}
	s.Hook(func(w dns.ResponseWriter, r *dns.Msg) bool {
		return w.RemoteAddr().Network() == "tcp" && w.Close() == nil
	})
	if f := one(t, s, "n.x", A).Failure; f == nil || f.Absent() || !strings.Contains(f.Text, "too long for a datagram") {
		t.Errorf("TCP closed: %v: a part of the records would be a wrong list", f)
	}
}

// A server that does not know EDNS is asked without.
func TestWithoutEDNS(t *testing.T) {
	s := dnstest.New(t)
	s.Zone("n.x. 1 A 10.0.0.1")
	s.Hook(func(w dns.ResponseWriter, r *dns.Msg) bool {
		return r.IsEdns0() != nil && dnstest.Code(dns.RcodeFormatError)(w, r)
	})
	if got := one(t, s, "n.x", A); got.Failure != nil || s.Asked("udp") != 2 {
		t.Errorf("%+v after %d questions", got, s.Asked("udp"))
	}
}

// What answers another question is ignored, however much of it comes; the
// true answer is still taken.
func TestStrays(t *testing.T) {
	s := dnstest.New(t)
	s.Zone("n.x. 1 A 10.0.0.1")
	s.Hook(flood(5))
	r := New(system(nil, s))
	got := lookup(t, r, "n.x", A)[0]
	if got.Failure != nil || len(got.Addrs) != 1 || got.Addrs[0].String() != "10.0.0.1" || r.Strays() != 5 {
		t.Errorf("%+v with %d strays", got, r.Strays())
	}
	s.Hook(flood(maxStrays + 1))
	if f := lookup(t, r, "n.x", A)[0].Failure; f == nil || f.Kind != Malformed {
		t.Errorf("a flood: %v", f)
	}
}

// flood sends n forged answers before the true one.
func flood(n int) dnstest.Hook {
	return func(w dns.ResponseWriter, r *dns.Msg) bool {
		for i := range n {
			_ = w.WriteMsg(forge(r, i))
		}
		return false
	}
}

// forge makes an answer that is wrong in one way of five.
func forge(r *dns.Msg, way int) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	m.Answer = []dns.RR{&dns.A{Hdr: header(r.Question[0].Name, dns.TypeA), A: []byte{6, 6, 6, 6}}}
	switch way % 5 {
	case 0:
		m.Id++
	case 1:
		m.Question[0].Name = "other."
	case 2:
		m.Question[0].Qtype = dns.TypeAAAA
	case 3:
		m.Response = false
	case 4:
		m.Question = nil
	}
	return m
}

func TestSearch(t *testing.T) {
	s := dnstest.New(t)
	s.Zone("n.b.y. 1 A 10.0.0.1", "n. 1 A 10.0.0.2", "t.b.y. 1 TXT x", "n.x.b.y. 1 A 10.0.0.3")
	r := New(system([]string{"a.y.", "b.y."}, s))
	for name, want := range map[string]string{
		"n": "10.0.0.1", "n.": "10.0.0.2", "t": "no such record", "no": "NXDOMAIN",
		"n.x": "NXDOMAIN", // a name with a dot is taken as it is
	} {
		got := lookup(t, r, name, A, AAAA)[0]
		text := fmt.Sprint(got.Addrs)
		if got.Failure != nil {
			text = got.Failure.Text
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %s", name, text, want)
		}
	}
	s.Hook(dnstest.Only(dns.TypeA, dnstest.Code(dns.RcodeServerFailure)))
	if f := lookup(t, r, "n", A)[0].Failure; f == nil || f.Kind != ServerFailed {
		t.Errorf("a later domain was asked although the first is unknown: %v", f)
	}
}

// A cancelled lookup ends at once: the best of some trials counts, as a busy
// machine may be late for one.
func TestCancelled(t *testing.T) {
	s := dnstest.New(t)
	s.Hook(dnstest.Silence)
	least := time.Hour
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(30*time.Millisecond, cancel)
		began := time.Now()
		New(system(nil, s)).Lookup(ctx, "n.x", A, AAAA)
		least = min(least, time.Since(began))
		stop.Stop()
		cancel()
	}
	if least > 280*time.Millisecond {
		t.Errorf("it took %v at the least", least)
	}
}

package resolver

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"
	"pgregory.net/rapid"
)

func TestSum(t *testing.T) {
	for _, c := range []struct {
		in   []Kind
		want Kind
	}{
		{[]Kind{NotFound, NotFound}, NotFound},
		{[]Kind{NotFound, NoData}, NoData},
		{[]Kind{NoData, TimedOut, TimedOut}, TimedOut},
		{[]Kind{Refused, NotFound}, Refused},
		{[]Kind{Refused, TimedOut}, ServerFailed},
		{[]Kind{Malformed}, Malformed},
	} {
		var in []*Failure
		for _, k := range c.in {
			in = append(in, failuref(k, "it"))
		}
		if got := Sum(in); got.Kind != c.want || got.Text != "it" {
			t.Errorf("%v: %+v, want %v", c.in, got, c.want)
		}
	}
	if Sum(nil) != nil {
		t.Error("a failure of nothing")
	}
}

func TestResolvConf(t *testing.T) {
	ap := func(texts ...string) (out []netip.AddrPort) {
		for _, s := range texts {
			out = append(out, netip.MustParseAddrPort(s))
		}
		return out
	}
	for in, want := range map[string]System{
		"": {Servers: ap("127.0.0.1:53")},
		"# c\nnameserver 10.0.0.1 # x\n;nameserver 9.9.9.9\nnameserver fe80::1%eth0\nnameserver ns.x\n": {Servers: ap("10.0.0.1:53", "[fe80::1%eth0]:53")},
		"domain a.y\nsearch b.y. .c.y\noptions ndots:5\nnameserver\n":                                   {Servers: ap("127.0.0.1:53"), Search: []string{"b.y.", "c.y."}},
		"search .\n" + strings.Repeat("nameserver ::1\n", 20):                                           {Servers: slices.Repeat(ap("[::1]:53"), maxServers)},
	} {
		if diff := cmp.Diff(want, parseConf(strings.NewReader(in)), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("%q: -want +got\n%s", in, diff)
		}
	}
}

// The file is read each time, and may be absent.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	source := File(path)
	for _, text := range []string{"127.0.0.1", "10.0.0.1", "10.0.0.2"} {
		if text != "127.0.0.1" {
			if err := os.WriteFile(path, []byte("nameserver "+text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := source()
		if err != nil || len(got.Servers) != 1 || got.Servers[0].Addr().String() != text {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if _, err := File("/dev/null/x")(); err == nil {
		t.Error("a file that cannot be read is no error")
	}
	if got, err := Fixed(netip.MustParseAddrPort("[::1]:5353"))(); err != nil || got.Servers[0].Port() != 5353 {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver 10.0.0.1\nsearch a b\ndomain x")
	f.Fuzz(func(t *testing.T, text string) {
		s := parseConf(strings.NewReader(text))
		if n := len(s.Servers); n == 0 || n > maxServers || len(s.Search) > maxDomains {
			t.Fatalf("%+v", s)
		}
		for _, full := range s.absolute("n") {
			if len(full) > maxName || !strings.HasSuffix(full, ".") {
				t.Fatalf("%q", full)
			}
		}
	})
}

// ask returns a query with a known id, for "n.x.".
func ask(t Type) query {
	return query{id: 7, question: dnsmessage.Question{
		Name: dnsmessage.MustNewName("n.x."), Type: dnsmessage.Type(t), Class: dnsmessage.ClassINET,
	}}
}

// names are few, so that aliases meet.
var names = []string{"n.x.", "N.X.", "a.x.", "b.x.", "c.x."}

func record(t *rapid.T) dns.RR {
	h := dns.RR_Header{Name: rapid.SampledFrom(names).Draw(t, "owner"), Class: dns.ClassINET, Ttl: rapid.Uint32().Draw(t, "ttl")}
	if rapid.IntRange(0, 9).Draw(t, "class") == 0 {
		h.Class = dns.ClassCHAOS
	}
	low := byte(rapid.IntRange(1, 4).Draw(t, "address"))
	switch rapid.IntRange(0, 4).Draw(t, "type") {
	case 0:
		h.Rrtype = dns.TypeCNAME
		return &dns.CNAME{Hdr: h, Target: rapid.SampledFrom(names).Draw(t, "target")}
	case 1:
		h.Rrtype = dns.TypeAAAA
		return &dns.AAAA{Hdr: h, AAAA: append(make([]byte, 15), low)}
	case 2:
		h.Rrtype = dns.TypeSRV
		return &dns.SRV{Hdr: h, Target: rapid.SampledFrom(names).Draw(t, "target"), Port: uint16(low)}
	case 3:
		h.Rrtype = dns.TypeTXT
		return &dns.TXT{Hdr: h, Txt: []string{"x"}}
	}
	h.Rrtype = dns.TypeA
	return &dns.A{Hdr: h, A: []byte{10, 0, 0, low}}
}

// twin reads a message the slow way: it goes over all records for each name of
// the chain. ok is false where the aliases lead in a circle.
func twin(m *dns.Msg, of uint16) (found []string, ttl uint32, ok bool) {
	name, least := "n.x.", uint32(1<<31)
	for range 20 {
		next := ""
		found = nil
		set := least
		for _, rr := range m.Answer {
			if !strings.EqualFold(rr.Header().Name, name) || rr.Header().Class != dns.ClassINET {
				continue
			}
			age := rr.Header().Ttl
			if age > 1<<31-1 {
				age = 0
			}
			switch c, isAlias := rr.(*dns.CNAME); {
			case isAlias:
				next, least = strings.ToLower(c.Target), min(least, age)
			case rr.Header().Rrtype == of:
				found, set = append(found, strings.TrimPrefix(rr.String(), rr.Header().String())), min(set, age)
			}
		}
		if next == "" {
			slices.Sort(found)
			return slices.Compact(found), min(set, least), true
		}
		name = next
	}
	return nil, 0, false
}

func TestParseAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom([]Type{A, AAAA, SRV}).Draw(t, "asked")
		m := new(dns.Msg).SetQuestion("n.x.", uint16(of))
		m.Id, m.Response, m.RecursionAvailable, m.Compress = 7, true, true, rapid.Bool().Draw(t, "compress")
		aliased := map[string]bool{}
		for _, rr := range rapid.SliceOfN(rapid.Custom(record), 0, 8).Draw(t, "records") {
			name := strings.ToLower(rr.Header().Name)
			if rr.Header().Rrtype == dns.TypeCNAME && rr.Header().Class == dns.ClassINET {
				if aliased[name] {
					continue // a name has one
				}
				aliased[name] = true
			}
			m.Answer = append(m.Answer, rr)
		}
		msg, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ask(of).parse(msg)
		want, ttl, ok := twin(m, uint16(of))
		if (err == nil) != ok {
			t.Fatalf("%v, the twin says %v", err, ok)
		}
		if n := len(got.addrs) + len(got.services); ok && n != len(want) {
			t.Fatalf("%+v, want %q", got, want)
		}
		if ok && len(want) > 0 && got.ttl != time.Duration(ttl)*time.Second {
			t.Fatalf("ttl %v, want %d s", got.ttl, ttl)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, rr := range []dns.RR{
		&dns.A{Hdr: header("n.x.", dns.TypeA), A: []byte{10, 0, 0, 1}},
		&dns.CNAME{Hdr: header("n.x.", dns.TypeCNAME), Target: "n.x."},
		&dns.SRV{Hdr: header("n.x.", dns.TypeSRV), Target: "a.x.", Port: 1},
	} {
		m := new(dns.Msg).SetQuestion("n.x.", rr.Header().Rrtype)
		m.Id, m.Response, m.Answer = 7, true, []dns.RR{rr}
		msg, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(msg)
	}
	f.Add([]byte("\x00\x07\x80\x00\x00\x01\xff\xff\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		for _, of := range []Type{A, AAAA, SRV} {
			got, err := ask(of).parse(msg)
			if err != nil {
				if !got.empty() {
					t.Fatalf("records beside %v", err)
				}
				continue
			}
			if len(msg) < 12 || msg[0] != 0 || msg[1] != 7 || got.ttl < 0 {
				t.Fatalf("%x: %+v", msg, got)
			}
			if len(got.addrs) > len(msg)/12 || len(got.services) > len(msg)/12 {
				t.Fatalf("%d records in %d bytes", len(got.addrs)+len(got.services), len(msg))
			}
		}
	})
}

// Ids are not to be guessed, and no question is sent that cannot be asked.
func TestQuery(t *testing.T) {
	seen := map[uint16]bool{}
	for range 64 {
		q, err := newQuery("n.x.", A)
		if err != nil {
			t.Fatal(err)
		}
		seen[q.id] = true
	}
	if len(seen) < 56 {
		t.Errorf("%d ids of 64", len(seen))
	}
	q, err := newQuery(strings.Repeat("a.", 200), A)
	if err == nil {
		t.Errorf("a name that is too long: %+v", q)
	}
	if _, err := ask(A).parse([]byte("short")); !errors.Is(err, errStray) {
		t.Error(err)
	}
}

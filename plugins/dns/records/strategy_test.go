package records

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
	"github.com/muster-mqtt/muster/plugins/dns/internal/dnstest"
	"github.com/muster-mqtt/muster/plugins/dns/resolver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a client of the plugin for the name c.x at the server; keys
// are more of the configuration, such as "record_type":"srv".
func start(t *testing.T, s *dnstest.Server, keys ...string) *discovery.Client {
	t.Helper()
	c := discoverytest.Start(t, Info("1"), New)
	config := fmt.Sprintf(`{"name":"c.x","server":%q%s}`, s.Addr(), strings.Join(append([]string{""}, keys...), ","))
	if _, err := c.Configure(t.Context(), setup(config)); err != nil {
		t.Fatal(err)
	}
	return c
}

const srv = `"record_type":"srv"`

// shown is an answer in one line a candidate.
func shown(a discovery.Answer) string {
	var out []string
	for _, c := range a.Candidates {
		var ends []string
		for _, e := range c.Endpoints {
			ends = append(ends, e.String())
		}
		out = append(out, strings.TrimSpace(c.ClaimedName+" "+strings.Join(ends, ",")))
	}
	return strings.Join(out, "\n")
}

func TestDiscover(t *testing.T) {
	s := dnstest.New(t)
	dual := []string{"c.x. 9 A 10.0.0.2", "c.x. 9 A 10.0.0.1", "c.x. 9 AAAA fd00::1"}
	services := []string{"c.x. 9 SRV 0 0 4371 n1.x.", "c.x. 9 SRV 0 0 4372 n2.x.", "n1.x. 9 A 10.0.0.1", "n1.x. 9 AAAA fd00::1", "n2.x. 9 AAAA fd00::2"}
	for _, c := range []struct {
		what string
		zone []string
		keys []string
		want string
	}{
		{"both families", dual, nil, "10.0.0.1:0,[fd00::1]:0\n10.0.0.2:0"},
		{"a", dual, []string{`"record_type":"a"`}, "10.0.0.1:0\n10.0.0.2:0"},
		{"aaaa", dual, []string{`"record_type":"aaaa"`}, "[fd00::1]:0"},
		{"AAAA only", dual[2:], nil, "[fd00::1]:0"},
		{"app", dual, []string{`"app":"m"`}, "m@10.0.0.1 10.0.0.1:0,[fd00::1]:0\nm@10.0.0.2 10.0.0.2:0"},
		{"srv", services, []string{srv}, "10.0.0.1:4371,[fd00::1]:4371\n[fd00::2]:4372"},
		{"srv and app", services, []string{srv, `"app":"m"`}, "m@n1.x 10.0.0.1:4371,[fd00::1]:4371\nm@n2.x [fd00::2]:4372"},
		{"one host, two ports", []string{"c.x. 9 SRV 0 0 1 n.x.", "c.x. 9 SRV 0 0 2 n.x.", "n.x. 9 A 10.0.0.1"}, []string{srv}, "10.0.0.1:1\n10.0.0.1:2"},
		{"an address as target", []string{"c.x. 9 SRV 0 0 1 10.0.0.7."}, []string{srv}, "10.0.0.7:1"},
	} {
		s.Zone(c.zone...)
		a, err := start(t, s, c.keys...).Discover(t.Context())
		if diff := cmp.Diff(c.want, shown(a)); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got\n%s", c.what, err, diff)
		}
		if a.Completeness != discovery.Complete || len(a.Warnings) != 0 || a.NextPoll != 9*time.Second {
			t.Errorf("%s: %v, %q, next in %v", c.what, a.Completeness, a.Warnings, a.NextPoll)
		}
	}
}

func TestFailures(t *testing.T) {
	s := dnstest.New(t)
	zone := []string{"c.x. 9 A 10.0.0.1"}
	for _, c := range []struct {
		what string
		zone []string
		hook dnstest.Hook
		keys string
		want discovery.Class
		text string
	}{
		{"NXDOMAIN", nil, nil, `"app":""`, discovery.SourceNotFound, "A or AAAA records of c.x: the name does not exist"},
		{"SERVFAIL", zone, dnstest.Code(dns.RcodeServerFailure), srv, discovery.BackendUnavailable, "SRV records of c.x: " + s.Addr() + " could not find out (SERVFAIL)"},
		{"REFUSED", zone, dnstest.Code(dns.RcodeRefused), srv, discovery.Auth, "REFUSED"},
		{"absent and unknown", []string{"c.x. 9 TXT x"}, dnstest.Only(dns.TypeA, dnstest.Code(dns.RcodeServerFailure)), `"app":""`, discovery.BackendUnavailable, "SERVFAIL"},
		{"no target", []string{"c.x. 9 SRV 0 0 1 n.x."}, nil, srv, discovery.SourceNotFound, "no target of the SRV records of c.x resolves: address records of the target n.x: the name does not exist"},
		{"target unknown", []string{"c.x. 9 SRV 0 0 1 n.x."}, dnstest.Only(dns.TypeAAAA, dnstest.Code(dns.RcodeServerFailure)), srv, discovery.BackendUnavailable, "SERVFAIL"},
	} {
		s.Zone(c.zone...)
		s.Hook(c.hook)
		a, err := start(t, s, c.keys).Discover(t.Context())
		if discovery.ClassOf(err) != c.want || !strings.Contains(fmt.Sprint(err), c.text) {
			t.Errorf("%s: %v, %v: %v, want %v with %q", c.what, shown(a), discovery.ClassOf(err), err, c.want, c.text)
		}
	}
}

// A part that is missing is told beside the part that is there, and asked for
// again soon; what makes no node is left out.
func TestParts(t *testing.T) {
	s := dnstest.New(t)
	for _, c := range []struct {
		what string
		zone []string
		hook dnstest.Hook
		keys string
		want string
		warn string
		next time.Duration
	}{
		{"NODATA", []string{"c.x. 9 TXT x"}, nil, `"app":""`, "", "c.x exists and has no A or AAAA record", 0},
		{"NODATA for a time", []string{"c.x. 20 SOA ns.x. me.x. 1 1 1 1 14"}, nil, srv, "", "c.x exists and has no SRV record", 14 * time.Second},
		{"one family", []string{"c.x. 60 A 10.0.0.1"}, dnstest.Only(dns.TypeAAAA, dnstest.Code(dns.RcodeServerFailure)), `"app":""`,
			"10.0.0.1:0", "AAAA records: " + s.Addr() + " could not find out (SERVFAIL)", 5 * time.Second},
		{"a target", []string{"c.x. 60 SRV 0 0 1 n1.x.", "c.x. 60 SRV 0 0 1 n2.x.", "n2.x. 60 A 10.0.0.2"}, nil, srv,
			"10.0.0.2:1", "address records of the target n1.x: the name does not exist (NXDOMAIN)", 5 * time.Second},
		{"blocked", []string{"c.x. 60 A 0.0.0.0", "c.x. 60 AAAA ff02::1"}, nil, `"app":""`, "", "the address 0.0.0.0 is no node's", 30 * time.Second},
		{"root", []string{"c.x. 60 SRV 0 0 0 ."}, nil, srv, "", "there is no such service", 30 * time.Second},
		{"strange", []string{`c.x. 60 SRV 0 0 0 a\032b.x.`}, nil, srv, "", "which is no name", 30 * time.Second},
	} {
		s.Zone(c.zone...)
		s.Hook(c.hook)
		a, err := start(t, s, c.keys).Discover(t.Context())
		if err != nil || shown(a) != c.want || a.Completeness != discovery.Partial || a.NextPoll != c.next {
			t.Errorf("%s: %q, %v, next in %v, %v", c.what, shown(a), a.Completeness, a.NextPoll, err)
		}
		if !strings.Contains(strings.Join(a.Warnings, "\n"), c.warn) {
			t.Errorf("%s: warnings %q, want %q", c.what, a.Warnings, c.warn)
		}
	}
}

// The shortest TTL of all that was used sets the pace, within bounds.
func TestPace(t *testing.T) {
	s := dnstest.New(t)
	for _, c := range []struct {
		zone []string
		want time.Duration
	}{
		{[]string{"c.x. 12 SRV 0 0 1 n.x.", "n.x. 7 A 10.0.0.1"}, 7 * time.Second},
		{[]string{"c.x. 4 SRV 0 0 1 n.x.", "n.x. 7 A 10.0.0.1"}, 4 * time.Second},
		{[]string{"c.x. 0 SRV 0 0 1 n.x.", "n.x. 7 A 10.0.0.1"}, time.Second},
		{[]string{"c.x. 3600 SRV 0 0 1 n.x.", "n.x. 3600 A 10.0.0.1"}, 30 * time.Second},
	} {
		s.Zone(c.zone...)
		if a, err := start(t, s, srv).Discover(t.Context()); err != nil || a.NextPoll != c.want {
			t.Errorf("%s: %v, %v", c.zone, a.NextPoll, err)
		}
	}
}

// More records than anybody has nodes are cut off, and it is said.
func TestBounds(t *testing.T) {
	s := dnstest.New(t)
	var zone []string
	for i := range maxTargets + 5 {
		zone = append(zone, fmt.Sprintf("c.x. 9 SRV 0 0 %d n.x.", i+1))
	}
	for i := range maxEndpoints + 5 {
		zone = append(zone, fmt.Sprintf("n.x. 9 A 10.0.0.%d", i+1))
	}
	s.Zone(zone...)
	a, err := start(t, s, srv, `"app":"m"`).Discover(t.Context())
	if err != nil || !a.Truncated || len(a.Candidates) != maxTargets || len(a.Candidates[0].Endpoints) != maxEndpoints || len(a.Warnings) != 2 {
		t.Errorf("%d candidates, truncated %v, %q, %v", len(a.Candidates), a.Truncated, a.Warnings, err)
	}
}

func TestLocalhost(t *testing.T) {
	c := discoverytest.Start(t, Info("1"), New)
	for config, want := range map[string]string{
		`{}`:                     "127.0.0.1:0,[::1]:0",
		`{"record_type":"aaaa"}`: "[::1]:0",
		`{"name":"n.LocalHost.","record_type":"a","app":"m"}`: "m@127.0.0.1 127.0.0.1:0",
	} {
		applied, err := c.Configure(t.Context(), setup(config))
		if err != nil || len(applied.Warnings) != 1 {
			t.Errorf("%s: %+v, %v", config, applied, err)
		}
		if a, err := c.Discover(t.Context()); err != nil || shown(a) != want {
			t.Errorf("%s: %s, %v", config, shown(a), err)
		}
	}
}

// slow answers A at once and AAAA never.
type slow struct{}

var _ asker = slow{}

func (slow) Strays() uint64 { return 3 }

func (slow) Lookup(ctx context.Context, _ string, types ...resolver.Type) (out []resolver.Result) {
	for _, t := range types {
		r := resolver.Result{Type: t, Addrs: nil, TTL: time.Minute}
		if t == resolver.AAAA {
			<-ctx.Done()
			r.Failure = &resolver.Failure{Kind: resolver.TimedOut, Text: "silence"}
		} else {
			r.Addrs = append(r.Addrs, loopbacks[resolver.A])
		}
		out = append(out, r)
	}
	return out
}

// A round ends before its caller goes: what was found by then is told.
func TestRoundEnds(t *testing.T) {
	for _, c := range []struct{ limit, want time.Duration }{{0, 4 * time.Second}, {5 * time.Second, 4 * time.Second}, {time.Second, 800 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			if c.limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.limit)
				defer cancel()
			}
			conf, err := decode(setup(`{"name":"c.x"}`))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			s := strategy{config: conf, resolver: slow{}, log: discard()}
			a, err := s.Discover(ctx)
			if err != nil || shown(a) != "127.0.0.1:0" || time.Since(began) != c.want {
				t.Errorf("%s, %v after %v", shown(a), err, time.Since(began))
			}
		})
	}
}

package cli

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core/admin"
)

// fakeStrategies is dns, which works, unless refuse says why not.
type fakeStrategies struct {
	f       *fakeNode
	strange bool // a test finds nothing
}

var _ admin.Strategies = fakeStrategies{}

func (s fakeStrategies) List(context.Context) []admin.Strategy {
	at := time.Now().Add(-90 * time.Second)
	return []admin.Strategy{
		{Name: "dns", State: "ready", Candidates: 2, LastAnswer: &at, Backend: "ok", Registration: "none",
			Warnings: []string{"c.test has no address"}, Notes: []string{"nothing odd"}},
		{Name: "etcd", State: "ready", Capabilities: []string{"watch", "claim"}, Watching: true, Backend: "down", Registration: "lost",
			LastError: "AUTH: denied", ErrorClass: "AUTH", LastErrorAt: &at,
			Warnings: []string{"x is no entry"}, Notes: []string{"x is no entry", "the password is not encrypted"}},
	}
}

func (s fakeStrategies) Test(_ context.Context, strategy string) (admin.DiscoveryTest, error) {
	out := admin.DiscoveryTest{Strategy: strategy, Took: 3, Complete: true, Warnings: []string{"b.test does not resolve"}}
	if !s.strange {
		out.Candidates = []admin.Candidate{
			{Endpoints: []string{"10.0.0.1:4370", "10.0.0.2:0", "[fd00::2]:0"}, Name: "a@h1", Readiness: "ready", Attributes: map[string]string{"zone": "z", "pod": "p"}},
		}
	}
	return out, s.f.ask("test", strategy)
}

func (s fakeStrategies) Switch(strategy string, on bool) error {
	if on {
		return s.f.ask("enable", strategy)
	}
	return s.f.ask("disable", strategy)
}

func (s fakeStrategies) Unclaim(context.Context) (string, error) { return "etcd", s.f.ask("unclaim") }

const discoveryText = `Strategy  State  Backend  Candidates  Answered   Registration  Can               Last error
dns       ready  ok       2           1m30s ago  none          -                 -
etcd      ready  down     0           never      lost          watch (on),claim  AUTH, 1m30s ago: denied
`

// later is an age of up to half a minute more than that of fakeStrategies.
var later = regexp.MustCompile(`\b1m[345]\ds ago`)

const discoveryWarnings = `warning: dns: c.test has no address
warning: etcd: x is no entry
warning: etcd: the password is not encrypted
`

const discoveryTestText = `Endpoints                       Name  UID  Readiness  Attributes
10.0.0.1:4370,10.0.0.2,fd00::2  a@h1  -    ready      pod=p,zone=z
1 candidate in 3 ms; these are all that it knows.
`

func TestDiscoveryCommands(t *testing.T) {
	for _, c := range []struct {
		args, stdout, stderr, asks string
	}{
		{"discovery status", discoveryText, discoveryWarnings, ""},
		{"discovery test dns", discoveryTestText, "warning: b.test does not resolve\n", "test dns"},
		{"discovery enable dns", "Enabled discovery strategy dns.\n", "", "enable dns"},
		{"discovery disable dns", "Disabled discovery strategy dns.\n", "", "disable dns"},
		{"discovery unclaim", "Removed the claim of the cluster at etcd.\n", "", "unclaim"},
	} {
		t.Run(c.args, func(t *testing.T) {
			f := newFake()
			dir := serveWith(t, f, func(o *admin.Options) { o.Strategies = fakeStrategies{f: f} })
			got := run(t, dir, append(strings.Fields(c.args), "--data-dir", dir)...)
			got.Stdout = later.ReplaceAllString(got.Stdout, "1m30s ago") // the machine may be slow; TestAgo has the seconds
			check(t, c.args, result{0, c.stdout, c.stderr}, got)
			if asks := f.told(); asks != c.asks {
				t.Errorf("the node was asked to %q, want %q", asks, c.asks)
			}
		})
	}
}

func TestAgo(t *testing.T) {
	now := time.Now()
	for age, want := range map[time.Duration]string{
		90*time.Second + 500*time.Millisecond: "1m30s ago", 91*time.Second - 1: "1m30s ago", 91 * time.Second: "1m31s ago", -time.Second: "0s ago",
	} {
		if got := ago(now, now.Add(-age)); got != want {
			t.Errorf("%s: %s, want %s", age, got, want)
		}
	}
}

func TestDiscoveryRefused(t *testing.T) {
	f := newFake()
	f.refuse = errors.New("strategy dns: AUTH: denied")
	dir := serveWith(t, f, func(o *admin.Options) { o.Strategies = fakeStrategies{f: f} })
	for _, args := range []string{"discovery test dns", "discovery enable dns", "discovery disable dns", "discovery unclaim"} {
		got := run(t, dir, append(strings.Fields(args), "--data-dir", dir)...)
		check(t, args, result{1, "", "strategy dns: AUTH: denied\n"}, got)
	}
	got := run(t, dir, "discovery", "test", "x", "--data-dir", dir)
	check(t, "unknown", result{1, "", "\"x\" is no discovery strategy of this node: see `muster discovery status`\n"}, got)
}

func TestDiscoveryOfNothing(t *testing.T) {
	f := newFake()
	dir := serveWith(t, f, func(o *admin.Options) { o.Strategies = fakeStrategies{f: f, strange: true} })
	got := run(t, dir, "discovery", "test", "dns", "--data-dir", dir)
	check(t, "test", result{0, "dns knows of no node (3 ms).\n", "warning: b.test does not resolve\n"}, got)
	got = run(t, serve(t, newFake()), "discovery", "status", "--data-dir", "DIR")
	check(t, "status", result{0, "There are no plugins: the discovery strategy is manual.\n", ""}, got)
}

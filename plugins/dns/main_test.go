package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/conformance/strategy"
	"github.com/muster-mqtt/muster/discovery/discoverytest/program"
	"github.com/muster-mqtt/muster/plugins/dns/internal/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConformance runs the whole suite, with SRV records, which know
// ports.
func TestConformance(t *testing.T) {
	strategy.Run(t, strategy.Options{Plugin: program.Build(t, "dns"), Fixture: newZone})
}

// zone is the fixture: a node is an SRV record of c.x and the address of its
// target. Without nodes the name exists all the same: an empty answer.
type zone struct {
	mu     sync.Mutex
	server *dnstest.Server
	nodes  map[string]strategy.Entry
}

var _ strategy.Fixture = (*zone)(nil)

func newZone(string) (strategy.Fixture, error) {
	return &zone{nodes: map[string]strategy.Entry{}}, nil
}

func (z *zone) Do(_ context.Context, verb string, args ...string) (strategy.Reply, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	switch verb {
	case strategy.Up:
		return z.up()
	case strategy.Down:
		return strategy.Reply{}, z.server.Stop()
	case strategy.Seed:
		var e strategy.Entry
		if err := json.Unmarshal([]byte(args[0]), &e); err != nil {
			return strategy.Reply{}, err
		}
		z.nodes[e.UID] = e
		return strategy.Reply{}, z.publish()
	case strategy.Remove:
		delete(z.nodes, args[0])
		return strategy.Reply{}, z.publish()
	case strategy.Fault:
		return strategy.Reply{}, z.fault(args[0], args[1] == "on")
	default:
		return strategy.Reply{}, strategy.ErrCannot
	}
}

func (z *zone) up() (strategy.Reply, error) {
	server, err := dnstest.Start()
	if err != nil {
		return strategy.Reply{}, err
	}
	z.server = server
	config := fmt.Sprintf(`{"name":"c.x","record_type":"srv","server":%q}`, server.Addr())
	return strategy.Reply{
		Config: json.RawMessage(config),
		Traits: []string{strategy.NoIdentity, strategy.NoReadiness},
		Bad: []strategy.BadConfig{
			{Config: json.RawMessage(`{"name":"a..b"}`), Path: "name"},
			{Config: json.RawMessage(`{"record_type":"mx"}`), Path: "record_type"},
			{Config: json.RawMessage(`{"server":"ns.example.com"}`), Path: "server"},
			{Config: json.RawMessage(`{"app":7}`), Path: "app"},
		},
	}, z.publish()
}

func (z *zone) publish() error {
	lines := []string{`c.x. 5 TXT "the name exists"`}
	for uid, e := range z.nodes {
		lines = append(lines, fmt.Sprintf("c.x. 5 SRV 0 0 %d %s.c.x.", e.Port, uid), fmt.Sprintf("%s.c.x. 5 A %s", uid, e.Host))
	}
	return z.server.Zone(lines...)
}

func (z *zone) fault(name string, on bool) error {
	hooks := map[string]dnstest.Hook{"slow": dnstest.Silence, "denied": dnstest.Code(dns.RcodeRefused)}
	switch hook, known := hooks[name]; {
	case known && on:
		z.server.Hook(hook)
	case known:
		z.server.Hook(nil)
	case name == "reset":
		return errors.Join(z.server.Stop(), z.server.Resume())
	case name == "down" && on:
		return z.server.Stop()
	case name == "down":
		return z.server.Resume()
	default:
		return fmt.Errorf("%w: %s", strategy.ErrCannot, name)
	}
	return nil
}

// Run by hand it says what it is.
func TestByHand(t *testing.T) {
	out, err := exec.Command(program.Build(t, "dns")).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "dns dev is a discovery plugin of muster.") {
		t.Errorf("it said %q, %v", out, err)
	}
}

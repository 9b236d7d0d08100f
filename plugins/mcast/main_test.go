//go:build linux

package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/conformance/strategy"
	"github.com/muster-mqtt/muster/discovery/discoverytest/program"
	"github.com/muster-mqtt/muster/lab"
	"github.com/muster-mqtt/muster/plugins/mcast/internal/mcasttest"
)

func TestMain(m *testing.M) {
	status := lab.Main(m)
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// TestConformance runs the whole suite. Each case has a network of its own,
// with nodes that are not the plugin.
func TestConformance(t *testing.T) {
	lab.New(t, 1) // skips where there are no namespaces
	strategy.Run(t, strategy.Options{Plugin: program.Build(t, "mcast"), Fixture: func(string) (strategy.Fixture, error) { return &fixture{}, nil }})
}

// fixture is a network interface and a crowd of nodes. Nobody can make a
// multicast group slow, or have it ask for credentials.
type fixture struct{ crowd *mcasttest.Crowd }

var _ strategy.Fixture = (*fixture)(nil)

// The cluster and the key of the suite.
const suiteCluster = "conformance"

func suiteKey() []byte {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

func (f *fixture) Do(ctx context.Context, verb string, args ...string) (strategy.Reply, error) {
	switch verb {
	case strategy.Up:
		return f.up()
	case strategy.Down:
		return strategy.Reply{}, f.crowd.Close()
	case strategy.Seed:
		var e strategy.Entry
		if err := json.Unmarshal([]byte(args[0]), &e); err != nil {
			return strategy.Reply{}, err
		}
		return strategy.Reply{}, f.crowd.Add(ctx, mcasttest.Node{UID: e.UID, Name: e.Name, Host: e.Host, Port: e.Port})
	case strategy.Remove:
		return strategy.Reply{}, f.crowd.Remove(ctx, args[0])
	case strategy.Inspect:
		// What others have said before is known when this has come back. It
		// does not while the cable is out; then nobody says anything.
		_ = f.crowd.Say(ctx, mcasttest.Farewell, mcasttest.Node{UID: "ffffffff-ffff-4fff-8fff-ffffffffffff"})
		return strategy.Reply{Entries: f.crowd.Others()}, nil
	case strategy.Fault:
		return strategy.Reply{}, f.fault(args[0], args[1] == "on")
	}
	return strategy.Reply{}, strategy.ErrCannot
}

func (f *fixture) up() (strategy.Reply, error) {
	var err error
	if f.crowd, err = mcasttest.Gather(suiteCluster, suiteKey()); err != nil {
		return strategy.Reply{}, err
	}
	addr, port, err := net.SplitHostPort(f.crowd.Group)
	if err != nil {
		return strategy.Reply{}, err
	}
	config := fmt.Sprintf(`{"addr":%q,"ports":[%s],"iface":%q}`, addr, port, f.crowd.Cable.Name)
	bad := func(config, path string) strategy.BadConfig {
		return strategy.BadConfig{Config: json.RawMessage(config), Path: path}
	}
	return strategy.Reply{
		Config: json.RawMessage(config), Traits: []string{strategy.NoReadiness},
		Secrets: []string{string(suiteKey()), hex.EncodeToString(suiteKey()), base64.StdEncoding.EncodeToString(suiteKey())},
		Bad: []strategy.BadConfig{
			bad(`{"addr":"10.0.0.1"}`, "addr"), bad(`{"ports":[]}`, "ports"), bad(`{"ports":[0]}`, "ports"), bad(`{"ports":"x"}`, "ports"),
			bad(`{"ttl":256}`, "ttl"), bad(`{"loop":"yes"}`, "loop"), bad(`{"iface":"a b"}`, "iface"), bad(`{"sndbuf":0}`, "sndbuf"),
			bad(`{"recbuf":-1}`, "recbuf"), bad(`{"buffer":0}`, "buffer"), bad(`{"iface":"127.0.0.1","loop":false}`, "loop"),
		},
	}, nil
}

func (f *fixture) fault(name string, on bool) error {
	switch name {
	case "down":
		return f.crowd.Cable.Plug(!on)
	case "reset":
		if err := f.crowd.Cable.Plug(false); err != nil {
			return err
		}
		return f.crowd.Cable.Plug(true)
	}
	return fmt.Errorf("%w: %s", strategy.ErrCannot, name)
}

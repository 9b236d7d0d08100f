package daemon

import (
	"crypto/rand"
	"encoding/json"
	mathrand "math/rand/v2"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core/node"
)

// PLUGINS.md, etcd: node_ttl is the lease. The host asks for it at Register,
// and so it does with a plugin of somebody else that has such a key.
func TestNodeTTLIsTheLifetimeAskedFor(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"discovery_strategy = etcd, etcd.server = \"http://h:1\"":                       time.Minute,
		"discovery_strategy = etcd, etcd { server = \"http://h:1\", node_ttl = 1m30s }": 90 * time.Second,
		"discovery_strategy = etcd, etcd { server = \"http://h:1\", node_ttl = 3s }":    3 * time.Second,
		"discovery_strategy = static":                                                   0,
		"discovery_strategy = mine, mine.node_ttl = 5s":                                 5 * time.Second,
	} {
		d := &daemon{conf: mustLoad(t, "cluster { "+text+" }"), seeds: mathrand.New(mathrand.NewPCG(1, 1))}
		var err error
		if d.dir, d.saved, err = node.OpenDataDir(t.TempDir(), "n@h", true, rand.Reader); err != nil {
			t.Fatal(err)
		}
		if got := d.pluginOptions(d.conf.Cluster.Strategies[0]).RegisterTTL; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if err := d.dir.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Whatever stands there, it is a lifetime or is ignored.
func TestNodeTTLOfStrangers(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`{"node_ttl":"24h"}`: 24 * time.Hour, `{"node_ttl":"24h1s"}`: 0, `{"node_ttl":"999ms"}`: 0, `{"node_ttl":"-1m"}`: 0,
		`{"node_ttl":60}`: 0, `{"node_ttl":{}}`: 0, `{"node_ttl":"soon"}`: 0, `{}`: 0, `[]`: 0, ``: 0,
	} {
		if got := nodeTTL(json.RawMessage(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

package config

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/muster-mqtt/muster/config/hocon"
)

// FuzzLoad: no file and no variable makes Load panic; it returns at most
// maxErrors errors, or a configuration whose plugin subtrees are JSON.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		string(reference), "cluster { discovery = [x], x { a = 1.0 } }", "listeners.tcp = null\nlisteners.tcp.x.bind = 1",
		"cluster.K8s = ${cluster.join}", "cluster.join += a@h, cluster.join += b", "node = ${node} { port = 1 }", "mqtt = 5",
	} {
		f.Add(seed, "NODE__NAME", "a@h")
	}
	f.Fuzz(func(t *testing.T, text, name, value string) {
		l := newLoader([]string{"MUSTER_" + name + "=" + value})
		l.layer(hocon.Parse(referenceName, reference, hocon.Options{}))
		l.layer(hocon.Parse("m.conf", []byte(text), hocon.Options{}))
		l.environment()
		c, err := l.config()
		if err != nil {
			var list Errors
			if !errors.As(err, &list) || len(list) > maxErrors {
				t.Fatal(err)
			}
			return
		}
		for _, raw := range c.Cluster.PluginConfig {
			if !json.Valid(raw) {
				t.Fatalf("%s", raw)
			}
		}
	})
}

// TestSample loads the kind of file that users of older products bring.
func TestSample(t *testing.T) {
	if _, err := os.Stat("testdata/migrated.conf"); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, Options{Files: []string{"testdata/migrated.conf"}, Environ: []string{"HOSTNAME=h1"}})
	if c.Node.Name != "emqx@127.0.0.1" || len(c.Cluster.Seeds) != 2 || c.Cluster.Seeds[1] != "emqx2@h1.example:4370" || c.Listeners[0].Bind != "0.0.0.0:1883" {
		t.Error(c.Node, c.Cluster, c.Listeners)
	}
	if len(c.Warnings) != 3 {
		t.Error(c.Warnings)
	}
}

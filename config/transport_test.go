package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNATS(t *testing.T) {
	c, err := loadText(t, `cluster.discovery_strategy = transport
		transport { type = nats, nats { url = "nats://u:pass@a:4222,tls://b", credentials = /c, tls { cacertfile = ca, certfile = c, keyfile = k, verify = none } } }`)
	if err != nil {
		t.Fatal(err)
	}
	want := NATS{URLs: []string{"nats://u:pass@a:4222", "tls://b"}, Credentials: "/c", CACertFile: "ca", CertFile: "c", KeyFile: "k"}
	if diff := cmp.Diff(want, c.NATS); diff != "" || c.Transport != "nats" {
		t.Errorf("%s: %s", c.Transport, diff)
	}
	if _, handed := c.Cluster.PluginConfig[viaTransport]; handed {
		t.Error("a plugin is configured for the strategy transport")
	}
	for _, e := range c.Show() {
		if strings.Contains(e.Value, "pass") {
			t.Errorf("%s is shown as %s", e.Path, e.Value)
		}
	}
}

package daemon

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/core/node"
	"github.com/muster-mqtt/muster/transport/tcp/certtest"
)

// at is a daemon with a data directory and nothing else.
func at(t *testing.T, n config.Node) *daemon {
	t.Helper()
	dir, saved, err := node.OpenDataDir(t.TempDir(), "n1@127.0.0.1", true, rand.NewChaCha8([32]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	return &daemon{dir: dir, saved: saved, log: slog.New(slog.DiscardHandler), conf: &config.Config{Node: n}, id: identity{name: "n1@127.0.0.1", port: 4371}}
}

// TestPortRange: the last port is tried first, if it can be read and is one of
// the range.
func TestPortRange(t *testing.T) {
	d := at(t, config.Node{PortMap: "epmd", ListenMin: 7000, ListenMax: 7003})
	for text, want := range map[string][]int{
		"7002\n": {7002, 7000, 7001, 7003}, "7000": {7000, 7001, 7002, 7003}, "6999": {7000, 7001, 7002, 7003},
		"": {7000, 7001, 7002, 7003}, "70\x00": {7000, 7001, 7002, 7003}, "-1": {7000, 7001, 7002, 7003},
	} {
		if err := os.WriteFile(filepath.Join(d.dir.Path(), portFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := d.portRange(); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	d.id.port = 7001
	d.rememberPort()
	if got := d.portRange(); got[0] != 7001 {
		t.Errorf("%v", got)
	}
}

// TestPortOptions: what each protocol and mapping makes of the port.
func TestPortOptions(t *testing.T) {
	for _, c := range []struct {
		n     config.Node
		bind  string
		ports []int
		six   bool
	}{
		{config.Node{Bind: "0.0.0.0", ProtoDist: "inet_tcp"}, "0.0.0.0", []int{4371}, false},
		{config.Node{Bind: "0.0.0.0", ProtoDist: "inet6_tcp"}, "::", []int{4371}, true},
		{config.Node{Bind: "fd00::1", ProtoDist: "inet6_tcp"}, "fd00::1", []int{4371}, true},
		{config.Node{PortMap: "epmd", ListenMin: 7000, ListenMax: 7001}, "", []int{7000, 7001}, false},
		{config.Node{PortMap: "epmd", ListenMin: 7000, ListenMax: 7001, Port: 4371}, "", []int{4371}, false},
	} {
		o, err := at(t, c.n).portOptions()
		if err != nil || o.Bind != c.bind || !slices.Equal(o.Ports, c.ports) || o.IPv6 != c.six || o.TLS != nil {
			t.Errorf("%+v: %+v, %v", c.n, o, err)
		}
	}
}

// TestMaterial: what is wrong with the files is told with the key, before the
// node starts; what others will refuse is no reason not to serve.
func TestMaterial(t *testing.T) {
	ca := certtest.New(t)
	cert, key := ca.Issue(certtest.Cert{Hosts: []string{"elsewhere"}})
	n := config.Node{ProtoDist: "inet_tls", SSL: config.NodeTLS{CACertFile: ca.File, CertFile: cert, KeyFile: key, VerifyPeer: true}}
	d := at(t, n)
	o, err := d.portOptions()
	if err != nil || o.TLS == nil {
		t.Fatal(err)
	}
	if ends, problem := d.certificate(); ends.IsZero() || !strings.Contains(problem, "not this node's host 127.0.0.1") {
		t.Errorf("%s, %q", ends, problem)
	}
	n.SSL.KeyFile = "/none"
	if _, err := at(t, n).portOptions(); err == nil || !strings.Contains(err.Error(), "node.ssl_dist: ") || !strings.Contains(err.Error(), "/none") {
		t.Error(err)
	}
	if ends, problem := at(t, config.Node{}).certificate(); !ends.IsZero() || problem != "" {
		t.Error(ends, problem)
	}
}

func TestMapper(t *testing.T) {
	for text, want := range map[string]int{"": 0, "4370": 4370} {
		if c, err := mapper([]string{"A=1", "ERL_EPMD_PORT=" + text}); err != nil || c.Port != want {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
	for _, text := range []string{"x", "0", "65536", "-1"} {
		if _, err := mapper([]string{"ERL_EPMD_PORT=" + text}); err == nil || !strings.Contains(err.Error(), "environment ERL_EPMD_PORT: found ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

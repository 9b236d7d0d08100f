package abuse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/discovery/discoverytest/dnsmasq"
)

// plugin is a strategy under trial, with what it finds the nodes by.
type plugin struct {
	strategy string
	// backend brings up what the strategy asks, until the end of the test,
	// and returns its configuration, an object; nil: there is none.
	backend func(t *testing.T, p plugin, nodes []*node) (config string)
	fixture string // the program that ofFixture runs, as kit.Build names it
	seed    bool   // the nodes do not enter themselves: the fixture does
	extra   string // more of the configuration, an object
	needs   string // pattern of a file without which the strategy is skipped; "": nothing
}

// plugins are all strategies that have a plugin.
var plugins = []plugin{
	{strategy: "static", backend: seeds},
	{strategy: "dns", backend: records},
	{strategy: "etcd", backend: ofFixture, fixture: "etcd/fixture", extra: "{ node_ttl = 5s }"},
	{strategy: "mcast", backend: group},
	{strategy: "k8s", backend: ofFixture, fixture: "k8s/fixture", seed: true,
		needs: "../../../build/cache/kube-apiserver-*[0-9]"}, // make kube-apiserver
}

const clusterName = "mustercl"

// seeds are the nodes themselves.
func seeds(_ *testing.T, _ plugin, nodes []*node) string {
	var list []string
	for _, n := range nodes {
		list = append(list, fmt.Sprintf("%q", fmt.Sprintf("%s:%d", n.name, n.port)))
	}
	return "{ seeds = [" + strings.Join(list, ", ") + "] }"
}

// group is a multicast group of loopback, which nobody else has, on a port below
// those of discovery/discoverytest/ports, which are held.
func group(_ *testing.T, _ plugin, nodes []*node) string {
	port := nodes[0].port
	return fmt.Sprintf("{ addr = 239.192.%d.%d, ports = [%d], iface = lo }", port>>8, port&0xff, 6_000+port%4_000)
}

// records are those of a dnsmasq on an address of loopback of its own.
func records(t *testing.T, _ plugin, nodes []*node) string {
	list := []string{"--local-ttl=1", "--host-record=nodes.test,127.0.0.1"}
	for _, n := range nodes {
		list = append(list, fmt.Sprintf("--srv-host=_muster._tcp.test,nodes.test,%d", n.port))
	}
	server := dnsmasq.New(t)
	server.Start("test", list...)
	return fmt.Sprintf(`{ name = _muster._tcp.test, record_type = srv, server = %q }`, server.Addr())
}

// ofFixture is the backend that a fixture of the conformance suite brings up,
// in a process of its own.
func ofFixture(t *testing.T, p plugin, nodes []*node) string {
	dir := t.TempDir()
	do := func(verb ...string) string {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(bin.Path(p.fixture), verb...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
		cmd.Env = append(os.Environ(), "FIXTURE_DIR="+dir, "FIXTURE_CLUSTER="+clusterName)
		if err := cmd.Run(); err != nil {
			t.Fatalf("fixture %v: %v: %s", verb, err, stderr.String())
		}
		return stdout.String()
	}
	t.Cleanup(func() { do("down") })
	var up struct{ Config json.RawMessage }
	if err := json.Unmarshal([]byte(do("up")), &up); err != nil {
		t.Fatal(err)
	}
	for i, n := range nodes {
		if p.seed {
			do("seed", fmt.Sprintf(`{"uid": "seed-%d", "name": %q, "host": "127.0.0.1", "port": %d, "ready": true}`, i, n.name, n.port))
		}
	}
	return string(up.Config)
}

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// write puts a file into the shell's directory.
func (s *shell) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func newShell(t *testing.T) *shell { return &shell{t: t, dir: t.TempDir(), home: t.TempDir()} }

// TestSingleMachineRecipe: a second node on one machine by variables under the
// older product's prefix, from the same file, and the join of the manual. The
// digits of the names, which make the cluster ports, are free ones.
func TestSingleMachineRecipe(t *testing.T) {
	name := func() string { return fmt.Sprintf("emqx%d@127.0.0.1", kit.Ports(t, 1)[0]-4370+60000) }
	first, second := name(), name()
	s := newShell(t)
	text, err := os.ReadFile("testdata/5-emqx.conf")
	if err != nil {
		t.Fatal(err)
	}
	s.write("emqx.conf", strings.Replace(string(text), "emqx@127.0.0.1", first, 1)+"\nnode.bind = 127.0.0.1")
	one := s.start("-c", "emqx.conf")
	for _, want := range []string{
		first + " is ready", "MQTT none; closed: 0.0.0.0:8883 (listeners.ssl.default.ssl_options: open etc/certs/cert.pem: no such file or directory)",
		"0.0.0.0:1883 (set listeners.tcp.default.allow_anonymous = true to let anybody in, or authentication.users_file to let in who has a password)",
		"0.0.0.0:8083 (set listeners.ws.default.allow_anonymous = true to let anybody in",
		"0.0.0.0:8084 (set listeners.wss.default.ssl_options.certfile and keyfile)",
	} {
		if !strings.Contains(one.ready, want) {
			t.Errorf("the ready line lacks %q: %s", want, one.ready)
		}
	}
	one.says("ignored, as they belong to features that muster lacks", "statsd (emqx.conf:", "sysmon (emqx.conf:")
	s.env = []string{
		"HOCON_ENV_OVERRIDE_PREFIX=EMQX_", "EMQX_NODE__NAME=" + second, "EMQX_LISTENERS__TCP__DEFAULT__BIND=0.0.0.0:1882",
		"EMQX_DASHBOARD__LISTENERS__HTTP__BIND=0.0.0.0:18082", "EMQX_NODE__DATA_DIR=./data2", "EMQX_STATSD__ENABLE=true",
	}
	two := s.start("-c", "emqx.conf")
	if want := "closed: 0.0.0.0:8883"; !strings.Contains(two.ready, want) || !strings.Contains(two.ready, "0.0.0.0:1882 (set listeners.tcp.default.allow_anonymous = true") {
		t.Errorf("the ready line is %q", two.ready)
	}
	two.says("environment EMQX_DASHBOARD__LISTENERS__HTTP__BIND: dashboard.listeners.http.bind is not served in this version")
	s.env = nil
	out, errs, status := s.muster("cluster", "join", first, "--data-dir", "./data2")
	names := []string{"'" + first + "'", "'" + second + "'"}
	if first > second {
		names[0], names[1] = names[1], names[0]
	}
	if want := "Join the cluster successfully.\nCluster status: [{running_nodes,[" + strings.Join(names, ",") + "]}]\n"; out != want || status != 0 {
		t.Errorf("got %q %q %d, want %q", out, errs, status, want)
	}
}

// TestMissingPlugin: a node whose strategy's plugin is not there is up, and
// says so.
func TestMissingPlugin(t *testing.T) {
	s := newShell(t)
	s.write("m.conf", fmt.Sprintf(`
		node { name = n@127.0.0.1, port = %d, bind = 127.0.0.1 }
		cluster { discovery = mcast, mcast.ports = 4369,4370, plugins.dir = plugins }
		listeners.tcp.default.enable = off`, kit.Ports(t, 1)[0]))
	n := s.start("-c", "m.conf")
	n.says("mcast", "muster-discovery-mcast")
	if !strings.Contains(n.ready, "n@127.0.0.1 is ready") {
		t.Error(n.ready)
	}
}

// TestRefusedStart: what would make the node behave otherwise than asked is
// refused by name.
func TestRefusedStart(t *testing.T) {
	s := newShell(t)
	for _, c := range []struct{ set, want string }{
		{"transport.type=nats", "flag --set transport.type: transport.nats.url is empty, expected the URL of at least one NATS server with transport.type = nats\n"},
		{"node.proto_dist=inet_tls", "flag --set node.proto_dist: node.proto_dist is inet_tls, but node.ssl_dist.certfile names no certificate of this node\n"},
		{"dns.bind=127.0.0.1:8600", "flag --set dns.bind: dns.bind: \"127.0.0.1:8600\": not built in this version\n"},
		{"cluster.discovery_strategy=etcd", "flag --set cluster.discovery_strategy: cluster.etcd.server is empty, expected the URL of at least one server of the strategy etcd\n"},
		{"clustr.name=x", "flag --set clustr.name: unknown key clustr, did you mean cluster?\n"},
	} {
		if _, errs, status := s.muster("start", "--set", c.set); errs != c.want || status != 1 {
			t.Errorf("%s: status %d, %q, want %q", c.set, status, errs, c.want)
		}
	}
}

// TestReload: what may change does so, by the file alone and by SIGHUP; the
// rest is named; a file that is wrong changes nothing.
func TestReload(t *testing.T) {
	s := newShell(t)
	base := fmt.Sprintf("node { name = n@127.0.0.1, port = %d, bind = 127.0.0.1 }, listeners.tcp.default.enable = off\n", kit.Ports(t, 1)[0])
	s.write("m.conf", base)
	n := s.start("-c", "m.conf")
	s.write("m.conf", base+"cluster.autoclean = 5m, log.level = debug, mqtt.max_inflight = 64")
	n.says("configuration: changed", "key=cluster.autoclean value=5m")
	n.says("configuration: changed", "key=log.level value=debug")
	n.says("a change needs a restart of the node", "key=mqtt.max_inflight")
	s.write("m.conf", base+"log.level = ]")
	n.says("the configuration was not loaded again", "m.conf:2:13: found ]")
	s.write("m.conf", base+"log.level = info # again")
	n.hangup()
	n.says("the configuration was loaded again", "changes=3")
}

// TestLayers: a directory, a file, a variable and flags, each over the one
// before, with the place of each value.
func TestLayers(t *testing.T) {
	s := newShell(t)
	if err := os.Mkdir(filepath.Join(s.dir, "conf.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write("conf.d/10.conf", "cluster.name = ten\nmqtt.max_inflight = 10, mqtt.max_sessions = 10\nlog.level = debug")
	s.write("conf.d/20.conf", "cluster.name = twenty\nmqtt.max_inflight = 20")
	s.write("m.conf", "cluster.name = ${cluster.name}-file\nlog.format = json")
	s.env = []string{"HOCON_ENV_OVERRIDE_PREFIX=EMQX_", "EMQX_LOG__FORMAT=text", "EMQX_NODE_NAME=n@h", "EMQX_CLUSTER__STATIC__SEEDS=a@h, b@h:1"}
	out, errs, status := s.muster("config", "show", "--config-dir", "conf.d", "-c", "m.conf", "--set", "log.level=error", "--set", "cluster.join=[x@h]")
	if status != 0 || errs != "" {
		t.Fatal(errs, status)
	}
	for _, want := range []string{
		"cluster.name = twenty-file  # m.conf:1:16\n", "mqtt.max_inflight = 20  # conf.d/20.conf:2:21\n", "mqtt.max_sessions = 10  # conf.d/10.conf:2:45\n",
		"log.format = text  # environment EMQX_LOG__FORMAT\n", "node.name = n@h  # environment EMQX_NODE_NAME\n", "log.level = error  # flag --set log.level\n",
		"cluster.static.seeds = a@h, b@h:1  # environment EMQX_CLUSTER__STATIC__SEEDS\n", "cluster.join = [x@h]  # flag --set cluster.join\n",
		"cluster.autoclean = 24h  # default\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

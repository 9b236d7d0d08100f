package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLayersInOrder(t *testing.T) {
	dir := write(t, map[string]string{
		"d/10.conf":      "log.level = debug\nmqtt.max_inflight = 10\nnode.data_dir = /d\ncluster.name = ten",
		"d/20.hocon":     "cluster.name = twenty\nmqtt.max_inflight = 20",
		"d/.hidden.conf": "log.level = ]",
		"d/notes.txt":    "log.level = ]",
		"d/sub.conf/x":   "",
		"a.conf":         "mqtt.max_inflight = 30, include \"inc\"",
		"inc":            "log.format = json",
		"b.conf":         "mqtt.max_inflight = 40, mqtt.max_sessions = ${mqtt.max_inflight}",
	})
	o := Options{Files: []string{filepath.Join(dir, "a.conf"), filepath.Join(dir, "b.conf")}}
	c := mustLoad(t, o)
	if c.MQTT.MaxInflight != 40 || c.Log.Format != "json" {
		t.Error(c.MQTT, c.Log)
	}
	o.Environ = []string{"MUSTER_MQTT__MAX_INFLIGHT=50", "MUSTER_LISTENERS__TCP__DEFAULT__BIND=0.0.0.0:1", "MUSTER_LOG__LEVEL="}
	if c = mustLoad(t, o); c.MQTT.MaxInflight != 50 || c.MQTT.MaxSessions != 50 || c.Listeners[0].Bind != "0.0.0.0:1" {
		t.Error(c.MQTT, c.Listeners)
	}
	o.Set = []string{"mqtt.max_inflight=60", "cluster.join = [a@h, b:1]"}
	o.Overrides = []Override{{"cluster.join", "c@h, d:2", "flag --join"}}
	if c = mustLoad(t, o); c.MQTT.MaxInflight != 60 || !cmp.Equal(c.Cluster.Join, []string{"c@h", "d:2"}) {
		t.Error(c.MQTT, c.Cluster.Join)
	}
	_, err := Load(Options{ConfigDir: filepath.Join(dir, "d")})
	if err == nil || !strings.Contains(err.Error(), "sub.conf is not a regular file") {
		t.Error(err)
	}
}

func TestConfigDir(t *testing.T) {
	dir := write(t, map[string]string{"10.conf": "log.level = debug, cluster.name = ten", "20.json": `{"cluster": {"name": "twenty"}}`})
	c := mustLoad(t, Options{ConfigDir: dir})
	if c.Log.Level != "debug" || c.Cluster.Name != "twenty" {
		t.Error(c.Log, c.Cluster)
	}
	for _, o := range []Options{{ConfigDir: filepath.Join(dir, "no")}, {Files: []string{dir}}, {Files: []string{"no"}}, {Files: make([]string, 101)}} {
		if _, err := Load(o); err == nil {
			t.Errorf("%v: no error", o)
		}
	}
}

func TestValues(t *testing.T) {
	c, err := loadText(t, `
		node { name = "n1@fd00::1", port = 4400, bind = "[::1]", proto_dist = INET6_TCP, cookie = "file:///c" }
		cluster {
			discovery = [Static, consul], static.seeds = n1@h:4370, n2@h, h.x:3
			consul { addr = "http://u:p@x", retries = 3, tls { Token = t, on = true }, list = [{password = x}, 1.50] }
			bootstrap_expect = 3, form_after = 250, autoclean = off, retry_join = { 1 = b@h, 0 = a@h }
			plugins { dir = /p, consul { path = /bin/x, sha256 = "`+strings.Repeat("Ab", 32)+`", args = [-v] } }
		}
		listeners.tcp { default.enable = off, b { bind = 1884, allow_anonymous = yes }, a.bind = "[::]:1885" }
		mqtt { max_packet_size = 16KiB, session_expiry_interval = 1h30m }
		authentication = []
		session { fsync = written, replicas = 0 }`)
	if err != nil {
		t.Fatal(err)
	}
	want := wantDefaults()
	want.Node.Name, want.Node.Port, want.Node.Bind, want.Node.ProtoDist, want.Node.Cookie = "n1@fd00::1", 4400, "::1", "inet6_tcp", "file:///c"
	cl := &want.Cluster
	cl.Strategies, cl.Seeds, cl.BootstrapExpect = []string{"static", "consul"}, []string{"n1@h:4370", "n2@h", "h.x:3"}, 3
	cl.FormAfter, cl.Autoclean, cl.Join, cl.PluginsDir = 250*time.Millisecond, 0, []string{"a@h", "b@h"}, "/p"
	cl.Plugins = []Plugin{{Strategy: "consul", Path: "/bin/x", SHA256: strings.Repeat("ab", 32), Args: []string{"-v"}}, cl.Plugins[0]}
	cl.PluginConfig = map[string]json.RawMessage{
		"static": json.RawMessage(`{"seeds":["n1@h:4370","n2@h","h.x:3"]}`),
		"consul": json.RawMessage(`{"addr":"http://u:p@x","list":[{"password":"x"},1.50],"retries":3,"tls":{"Token":"t","on":true}}`),
	}
	want.Listeners = []Listener{
		{Kind: "tcp", ID: "a", Bind: "[::]:1885", MaxConnections: 100000, Enable: true},
		{Kind: "tcp", ID: "b", Bind: "0.0.0.0:1884", MaxConnections: 100000, Enable: true, AllowAnonymous: true},
		{Kind: "tcp", ID: "default", Bind: "127.0.0.1:1883", MaxConnections: 100000},
	}
	want.MQTT.MaxPacketSize, want.MQTT.SessionExpiry = 16<<10, 90*time.Minute
	want.Warnings = c.Warnings
	if diff := cmp.Diff(want, c, data); diff != "" {
		t.Error(diff)
	}
	if len(c.Warnings) != 2 || !strings.HasSuffix(c.Warnings[0], "m.conf:4:4: cluster.discovery is an older spelling of cluster.discovery_strategy") {
		t.Errorf("%q", c.Warnings)
	}
}

func TestPluginWithoutSubtree(t *testing.T) {
	c, err := loadText(t, "cluster.discovery_strategy = consul")
	if err != nil || string(c.Cluster.PluginConfig["consul"]) != "{}" {
		t.Error(err, c)
	}
}

func TestResetObjectsKeepDefaults(t *testing.T) {
	c, err := loadText(t, "mqtt = null, mqtt { max_inflight = 5 }\nlisteners.tcp = null, listeners.tcp { x.bind = 1 }")
	if err != nil {
		t.Fatal(err)
	}
	want := wantDefaults()
	want.MQTT.MaxInflight = 5
	want.Listeners = append(want.Listeners, Listener{Kind: "tcp", ID: "x", Bind: "0.0.0.0:1", MaxConnections: 100000, Enable: true})
	if diff := cmp.Diff(want, c, data); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"a {\n b = ]\n}", []string{"m.conf:2:6: found ], expected a value"}},
		{"clustr.name = x", []string{"m.conf:1:1: unknown key clustr, did you mean cluster?"}},
		{"cluster { nmae = x\n static.sedes = [] }", []string{
			"m.conf:1:11: unknown key cluster.nmae, did you mean cluster.name?",
			"m.conf:2:2: unknown key cluster.static.sedes, did you mean cluster.static.seeds?"}},
		{"listeners.tcp.x { bind = 1, max_conections = 5 }", []string{
			"m.conf:1:29: unknown key listeners.tcp.x.max_conections, did you mean listeners.tcp.x.max_connections?"}},
		{"cluster.consul.addr = x", []string{"m.conf:1:1: unknown key cluster.consul"}},
		{`node."data.dir" = x`, []string{`m.conf:1:1: unknown key node."data.dir", did you mean node.data_dir?`}},
		{"mqtt.max_inflight = 0\nmqtt.max_sessions = many", []string{
			`m.conf:1:21: mqtt.max_inflight: found "0", expected a whole number from 1 to 65535`,
			`m.conf:2:21: mqtt.max_sessions: found "many", expected a whole number from 1 to 10000000`}},
		{"mqtt.max_packet_size = 1XB, mqtt.idle_timeout = 1h", []string{
			`m.conf:1:24: mqtt.max_packet_size: found "1XB", expected a size such as 16KB, 1MB or 512KiB`,
			`m.conf:1:49: mqtt.idle_timeout: found "1h", expected a duration from 100ms to 5m`}},
		{"log.level = loud", []string{`m.conf:1:13: log.level: found "loud", expected one of debug, info, warn, error`}},
		{"log.level = {}\nlog.format = null", []string{
			`m.conf:1:13: log.level: found an object, expected one of debug, info, warn, error`,
			`m.conf:2:14: log.format: found null, expected a value`}},
		{"cluster = 5", []string{"m.conf:1:11: cluster: found a number, expected an object"}},
		{"[1]", []string{"m.conf:1:1: found a list, expected an object at the root"}},
		{"listeners.tcp.x.enable = on", []string{"m.conf:1:1: listeners.tcp.x: bind is missing"}},
		{`listeners.tcp."a b".bind = 1`, []string{`m.conf:1:1: listeners.tcp.a b: found "a b", expected 1 to 64 letters, digits, '_', '-' or '.' as its name`}},
		{"listeners.tcp.default.bind = \"h:1:2\"", []string{`m.conf:1:30: listeners.tcp.default.bind: found "h:1:2", expected host:port with a port from 0 to 65535`}},
		{"node { bind = all, name = a@b@c, data_dir = \"\" }", []string{
			`m.conf:1:15: node.bind: found "all", expected an IP address`,
			`m.conf:1:27: node.name: found "a@b@c", expected name@host or name, at most 255 bytes`,
			`m.conf:1:45: node.data_dir: found "", expected text`}},
		{"node.cookie = \"my secret\"", []string{"m.conf:1:15: node.cookie: expected 1 to 255 characters without spaces and control characters"}},
		{"cluster.discovery_strategy = [manual, static]", []string{
			"m.conf:1:30: cluster.discovery_strategy: found manual beside another strategy, expected it alone"}},
		{"cluster.discovery_strategy = static, STATIC", []string{
			"m.conf:1:30: cluster.discovery_strategy: found a strategy twice, expected each once"}},
		{"cluster.discovery_strategy = [../x]", []string{
			`m.conf:1:31: cluster.discovery_strategy: found "../x", expected the name of a strategy`}},
		{"cluster.discovery_strategy = plugins", []string{
			`m.conf:1:30: cluster.discovery_strategy: found "plugins", which is a key under cluster, expected the name of a strategy`}},
		{"cluster { discovery_strategy = x, x = 5 }", []string{"m.conf:1:39: cluster.x: found a number, expected an object"}},
		{"cluster.join = [a, [b]]", []string{"m.conf:1:16: cluster.join: found a list in the list, expected text"}},
		{"cluster.join { a = x, 0 = y }", []string{"m.conf:1:14: cluster.join: found an object, expected a list, or text with commas"}},
		{"cluster.autoclean = on", []string{"m.conf:1:21: cluster.autoclean: found \"on\", expected a duration such as 100ms, 5s or 1h30m"}},
		{"mqtt.max_queue_bytes = 1KB", []string{"m.conf:1:24: mqtt.max_queue_bytes is 1000, expected at least mqtt.max_packet_size, 1000000"}},
		{"node.data_dir = ${nope}", []string{"m.conf:1:17: ${nope} is not set, or only by itself (${?nope} may be missing)"}},
	} {
		_, err := loadText(t, c.in)
		want := c.want
		if strings.Contains(c.in, "../x") {
			want[0] = strings.Replace(want[0], ":31:", ":30:", 1)
		}
		checkErrors(t, err, want...)
	}
}

func TestNotBuilt(t *testing.T) {
	for _, in := range []string{
		"cluster.discovery_strategy = singleton", "cluster.discovery = [static, Singleton]", "cluster.autoheal = off", "cluster.partition_policy = pause_minority",
		"authorization.sources = [{type = file}]", "authorization.deny_action = disconnect", "session.replicas = 1", "publish.ack = replicated",
		"node.role = replicant",
		"listeners.tcp.default.ssl_options {}", "listeners.tcp.default.access_rules = [deny all]",
		"authentication = [{}]", "authentication.mechanism = password_based", "listeners.ssl.default.peer_cert_as_username = dn", "dns.bind = 127.0.0.1:8600",
	} {
		_, err := loadText(t, in)
		if !errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), "m.conf:1:") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestErrorsAreBounded(t *testing.T) {
	text := ""
	for i := range 50 {
		text += fmt.Sprintf("unknown%d = 1\n", i)
	}
	_, err := loadText(t, text)
	var all Errors
	if !errors.As(err, &all) || len(all) != maxErrors || all[19].Error() != "and 31 more errors" {
		t.Error(err)
	}
}

func TestManyListeners(t *testing.T) {
	text := ""
	for i := range maxList + 1 {
		text += fmt.Sprintf("listeners.tcp.l%d.bind = 1\n", i)
	}
	_, err := loadText(t, text)
	if err == nil || !strings.Contains(err.Error(), "listeners.tcp: found 1002 entries, expected at most 1000") {
		t.Error(err)
	}
}

func TestAllLayersReportTheirErrors(t *testing.T) {
	dir := write(t, map[string]string{"a": "x = ]", "b": "y = }"})
	_, err := Load(Options{
		Files: []string{dir + "/a", dir + "/b"}, Environ: []string{"MUSTER_NODE__NAME=a+b"},
		Set: []string{"nothing", "a..b=1", "node.name=]"}, Overrides: []Override{{"a..b", "", "flag --x"}},
	})
	want := []string{"a:1:5: found ]", "b:1:5: found }", "environment MUSTER_NODE__NAME:1:2: found +", `"flag --set nothing": expected key=value`,
		"flag --set a..b:1:1: found an empty part", "flag --set node.name:1:1: found ]", "flag --x:1:1: found an empty part"}
	lines := strings.Split(fmt.Sprint(err), "\n")
	for i := range want {
		if len(lines) != len(want) || !strings.Contains(lines[i], want[i]) {
			t.Fatalf("got %q, want %q", lines, want)
		}
	}
}

package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	c := mustLoad(t, Options{Environ: []string{
		"MUSTER_NODE_NAME=old@h", "MUSTER_NODE_COOKIE=a+b#c", "MUSTER_node__data_dir=${HOME}/x", "HOME=/h",
		"MUSTER_CLUSTER__DISCOVERY_STRATEGY=[static]", "MUSTER_CLUSTER__STATIC__SEEDS=a@h1, b@h2:4370", "MUSTER_CLUSTER__JOIN__0=z@h",
		"MUSTER_LOG={level = debug}", "MUSTER_COOKIE_FILE=/c", "MUSTER_ADMIN=x", "OTHER__THING=1", "broken",
		"MUSTER_NODE__NAME=new@h",
	}})
	if c.Node.Name != "new@h" || c.Node.Cookie != "a+b#c" || c.Node.DataDir != "/h/x" || c.Log.Level != "debug" {
		t.Error(c.Node, c.Log)
	}
	if !cmp.Equal(c.Cluster.Seeds, []string{"a@h1", "b@h2:4370"}) || !cmp.Equal(c.Cluster.Join, []string{"z@h"}) {
		t.Error(c.Cluster)
	}
	if len(c.Warnings) != 0 {
		t.Error(c.Warnings)
	}
}

func TestUnknownVariables(t *testing.T) {
	c := mustLoad(t, Options{Environ: []string{
		"MUSTER_PORT=tcp://10.0.0.1:1883", "MUSTER_SERVICE_HOST=1+1", "MUSTER_CLUSTER__FOO=1", "MUSTER_CLUSTER__FOO__BAR=1",
		`MUSTER_X"\__Y=1`, "MUSTER___=1", "MUSTER_=1", "MUSTER_STATSD__ENABLE=on",
	}})
	want := []string{
		`environment: no key for MUSTER_, MUSTER_CLUSTER__FOO, MUSTER_PORT, MUSTER_SERVICE_HOST, MUSTER_X"\__Y, MUSTER___ (ignored)`,
		"environment MUSTER_CLUSTER__FOO__BAR: no key cluster.foo (ignored)",
		"ignored, as they belong to features that muster lacks: statsd (environment MUSTER_STATSD__ENABLE)",
	}
	if diff := cmp.Diff(want, c.Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestOtherPrefix(t *testing.T) {
	c := mustLoad(t, Options{Environ: []string{
		"HOCON_ENV_OVERRIDE_PREFIX=EMQX_", "EMQX_NODE_NAME=emqx@1.2.3.4", "EMQX_CLUSTER__DISCOVERY_STRATEGY=static", "MUSTER_LOG__LEVEL=debug",
		"EMQX_MQTT__MAX_MQUEUE_LEN=7",
	}})
	if c.Node.Name != "emqx@1.2.3.4" || c.Cluster.Strategies[0] != "static" || c.Log.Level != "info" || c.MQTT.MaxQueueLength != 7 {
		t.Error(c)
	}
	if len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0], "environment EMQX_MQTT__MAX_MQUEUE_LEN: mqtt.max_mqueue_len is an older spelling") {
		t.Error(c.Warnings)
	}
}

func TestVariableErrors(t *testing.T) {
	_, err := Load(Options{Environ: []string{"MUSTER_MQTT__MAX_INFLIGHT=x", "MUSTER_NODE__COOKIE=secret#x", "MUSTER_CLUSTER__DNS__NAME=x"}})
	checkErrors(t, err, "environment MUSTER_NODE__COOKIE:1:7: found #, expected the end of the value (text that contains it needs quotes)")
	_, err = Load(Options{Environ: []string{"MUSTER_MQTT__MAX_INFLIGHT=x", "MUSTER_CLUSTER__DNS__NAME=x y"}})
	checkErrors(t, err,
		`environment MUSTER_CLUSTER__DNS__NAME: cluster.dns.name: found "x y", expected a domain name`,
		`environment MUSTER_MQTT__MAX_INFLIGHT: mqtt.max_inflight: found "x", expected a whole number from 1 to 65535`)
}

func TestLackingFeatureIsAWarning(t *testing.T) {
	c, err := loadText(t, "rule_engine { x = 1 }\nlisteners.tcp.default.acceptors = 16\nnode.ssl_dist_optfile = etc/x\nlisteners.ssl.x { bind = 1, ssl_options.ciphers = [] }")
	if err != nil || len(c.Warnings) != 1 {
		t.Fatal(err, c)
	}
	for _, want := range []string{"ignored, as they belong to features that muster lacks: ", "rule_engine (/", "m.conf:1:1)", "listeners.tcp.default.acceptors (",
		"m.conf:3:1: an Erlang file; name the files in it under node.ssl_dist)", "listeners.ssl.x.ssl_options.ciphers ("} {
		if !strings.Contains(c.Warnings[0], want) {
			t.Errorf("%q lacks %q", c.Warnings[0], want)
		}
	}
}

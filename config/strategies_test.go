package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStrategySubtrees: each shipped strategy gets its keys in their normal
// form, under whichever spelling they came.
func TestStrategySubtrees(t *testing.T) {
	for _, c := range []struct{ strategy, in, want string }{
		{"static", "cluster.static.seeds = a@h,b@h:4370 , h.x:3", `{"seeds":["a@h","b@h:4370","h.x:3"]}`},
		{"static", "cluster.static.seeds = [\"a@[::1]:4370\", \"::1\", \"[fe80::1]:1\", h]", `{"seeds":["a@[::1]:4370","::1","[fe80::1]:1","h"]}`},
		{"mcast", "", `{"addr":"239.192.0.1","buffer":32000,"iface":"0.0.0.0","loop":true,"ports":[4369,4370],"recbuf":16000,"sndbuf":16000,"ttl":255}`},
		{"mcast", "cluster.mcast { addr = \"FF02:0::1\", ports = 4369,5000, iface = eth0, ttl = 0, loop = off, sndbuf = 1KiB }",
			`{"addr":"ff02::1","buffer":32000,"iface":"eth0","loop":false,"ports":[4369,5000],"recbuf":16000,"sndbuf":1024,"ttl":0}`},
		{"dns", "", `{"name":"localhost","server":"system"}`},
		{"dns", "cluster.dns { name = _mqtt._tcp.x.io., type = SRV, app = ekka, server = 10.0.0.2 }",
			`{"app":"ekka","name":"_mqtt._tcp.x.io.","record_type":"srv","server":"10.0.0.2:53"}`},
		{"dns", "cluster.dns.server = \"[fe80::1%eth0]:5353\"", `{"name":"localhost","server":"[fe80::1%eth0]:5353"}`},
		{"etcd", "cluster.etcd { server = http://h1:2379,https://h2:2379, node_ttl = 1m30s, username = u, password = p, ssl_options { enable = true, verify = verify_none, cacertfile = etc/ca.pem } }",
			`{"node_ttl":"1m30s","password":"p","prefix":"mustercl","server":["http://h1:2379","https://h2:2379"],"ssl":{"cacertfile":"etc/ca.pem","enable":true,"verify":"none"},"username":"u"}`},
		{"k8s", "cluster.K8s { apiserver = http://10.1.1.1:8080, service_name = emqx, namespace = default, address_type = DNS, app_name = emqx }",
			`{"address_type":"dns","apiserver":"http://10.1.1.1:8080","app_name":"emqx","namespace":"default","port_name":"cluster","service_name":"emqx","suffix":"pod.local"}`},
		{"k8s", "cluster.k8s { selector = \"app in (a,b)\", port_name = mesh, tokenfile = /t/token, cacertfile = /t/ca.crt, apiserver = \"https://[fd00::1]/k8s\" }",
			`{"address_type":"ip","apiserver":"https://[fd00::1]/k8s","cacertfile":"/t/ca.crt","port_name":"mesh","selector":"app in (a,b)","service_name":"muster","suffix":"pod.local","tokenfile":"/t/token"}`},
	} {
		conf, err := loadText(t, "cluster.discovery = "+strings.ToUpper(c.strategy)+"\n"+c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if diff := cmp.Diff(c.want, string(conf.Cluster.PluginConfig[c.strategy])); diff != "" {
			t.Errorf("%s\n%s", c.in, diff)
		}
	}
}

// TestUnusedStrategies are checked as well, and handed to nobody.
func TestUnusedStrategies(t *testing.T) {
	c, err := loadText(t, "cluster { discovery_strategy = static, etcd.server = \"http://h:1\", dns.name = x }")
	if err != nil || !cmp.Equal(c.Cluster.PluginConfig, map[string]json.RawMessage{"static": json.RawMessage(`{"seeds":[]}`)}) {
		t.Error(err, c.Cluster.PluginConfig)
	}
}

func TestStrategyErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"cluster.static.seeds = [a@h, b@]", `m.conf:1:24: cluster.static.seeds: found "b@", expected name@host, name@host:port or host:port`},
		{"cluster.static.seeds = [\"a@h:0\"]", `m.conf:1:24: cluster.static.seeds: found "a@h:0", expected name@host, name@host:port or host:port`},
		{"cluster.static.seeds = [\"a@h:x\"]", `m.conf:1:24: cluster.static.seeds: found "a@h:x", expected name@host, name@host:port or host:port`},
		{"cluster.join = \"@h\"", `m.conf:1:16: cluster.join: found "@h", expected name@host, name@host:port or host:port`},
		{"cluster.join = \"a:b:c\"", `m.conf:1:16: cluster.join: found "a:b:c", expected name@host, name@host:port or host:port`},
		{"cluster.mcast.addr = 10.0.0.1", `m.conf:1:22: cluster.mcast.addr: found "10.0.0.1", expected a multicast address such as 239.192.0.1`},
		{"cluster.mcast.ports = []", `m.conf:1:23: cluster.mcast.ports: found an empty list, expected ports`},
		{"cluster.mcast.ports = 4369,0", `m.conf:1:23: cluster.mcast.ports: found "0", expected a whole number from 1 to 65535`},
		{"cluster.mcast.ttl = 256", `m.conf:1:21: cluster.mcast.ttl: found "256", expected a whole number from 0 to 255`},
		{"cluster.mcast.loop = maybe", `m.conf:1:22: cluster.mcast.loop: found "maybe", expected on or off`},
		{"cluster.mcast.buffer = big", `m.conf:1:24: cluster.mcast.buffer: found "big", expected a size such as 16KB, 1MB or 512KiB`},
		{"cluster.mcast.iface = \"a b\"", `m.conf:1:23: cluster.mcast.iface: found "a b", expected the address or the name of a network interface`},
		{"cluster.dns.name = a..b", `m.conf:1:20: cluster.dns.name: found "a..b", expected a domain name`},
		{"cluster.dns.type = mx", `m.conf:1:20: cluster.dns.record_type: found "mx", expected one of a, aaaa, srv`},
		{"cluster.dns.server = ns.x", `m.conf:1:22: cluster.dns.server: found "ns.x", expected system or the address of a DNS server, with or without a port`},
		{"cluster.etcd.server = h:2379", `m.conf:1:23: cluster.etcd.server: found "h:2379", expected a URL such as http://host:port`},
		{"cluster.etcd.server = \"ftp://u:secret@h\"", `m.conf:1:23: cluster.etcd.server: found "ftp://******@h", expected a URL such as http://host:port`},
		{"cluster.etcd.node_ttl = 1", `m.conf:1:25: cluster.etcd.node_ttl: found "1", expected a duration from 1s to 24h`},
		{"cluster.etcd.ssl.verify = maybe", `m.conf:1:27: cluster.etcd.ssl.verify: found "maybe", expected peer or none`},
		{"cluster.form_after = 2h", `m.conf:1:22: cluster.form_after: found "2h", expected a duration from 1ms to 1h`},
		{"cluster.autoclean = 1", `m.conf:1:21: cluster.autoclean: found "1", expected a duration from 1s to 292 years`},
		{"cluster.dns.typ = a", `m.conf:1:1: unknown key cluster.dns.typ, did you mean cluster.dns.record_type?`},
		{"cluster.etcd.sever = x", `m.conf:1:1: unknown key cluster.etcd.sever, did you mean cluster.etcd.server?`},
		{"cluster.discovery_strategy = etcd", `m.conf:1:30: cluster.etcd.server is empty, expected the URL of at least one server of the strategy etcd`},
		{"transport.type = nats", `m.conf:1:18: transport.nats.url is empty, expected the URL of at least one NATS server with transport.type = nats`},
		{"cluster.discovery_strategy = [static, Transport]", `m.conf:1:30: cluster.discovery_strategy names transport, which needs transport.type = nats`},
		{"transport.nats.tls.keyfile = k", `m.conf:1:30: transport.nats.tls has one of certfile and keyfile, expected both or none`},
		{"cluster.k8s.address_type = pod", `m.conf:1:28: cluster.k8s.address_type: found "pod", expected one of ip, dns, hostname`},
		{"cluster.k8s.apiserver = []", `m.conf:1:25: cluster.k8s.apiserver: found a list, expected text`},
		{"node.dist_listen_min = 0", `m.conf:1:24: node.dist_listen_min: found "0", expected a whole number from 1 to 65535`},
		{"transport.nats.url = http://h", `m.conf:1:22: transport.nats.url: found "http://h", expected a URL such as nats://host:port`},
		{"session.fsync = never", `m.conf:1:17: session.fsync: found "never", expected written, always or a duration from 1ms to 1m`},
		{"session.fsync = 2m", `m.conf:1:17: session.fsync: found "2m", expected written, always or a duration from 1ms to 1m`},
		{"dns.bind = x", `m.conf:1:12: dns.bind: found "x", expected host:port with a port from 0 to 65535`},
		{"dashboard.listeners.http.bind = x:y", `m.conf:1:33: dashboard.listeners.http.bind: found "x:y", expected host:port with a port from 0 to 65535`},
		{"dashboard.token = \"my token\"", `m.conf:1:19: dashboard.token: expected 1 to 255 characters without spaces and control characters`},
		{"listeners.ssl.x { ssl_options.verify = x, bind = 1 }", `m.conf:1:40: listeners.ssl.x.ssl_options.verify: found "x", expected peer or none`},
	} {
		_, err := loadText(t, c.in)
		checkErrors(t, err, c.want)
	}
}

// A name that is nearly one of ours may be a slip; another is a third party's.
func TestMisspeltStrategy(t *testing.T) {
	for in, want := range map[string]string{
		"cluster.discovery_strategy = statik": "m.conf:1:30: cluster.discovery_strategy: muster has no strategy statik of its own, did you mean static? " +
			"A plugin muster-discovery-statik is looked for",
		"cluster.discovery_strategy = ks8":                                         "did you mean k8s?",
		"cluster.discovery_strategy = consul":                                      "",
		"cluster.discovery_strategy = aws":                                         "",
		"cluster.discovery_strategy = [dns, mcast]":                                "",
		"cluster { discovery_strategy = statik, plugins.statik.path = /p/statik }": "",
	} {
		c, err := loadText(t, in)
		if err != nil {
			t.Fatal(in, err)
		}
		if said := strings.Join(c.Warnings, "\n"); !strings.Contains(said, want) || want == "" && said != "" {
			t.Errorf("%s: warned %q, want %q", in, said, want)
		}
	}
}

func TestIdleKeysWarn(t *testing.T) {
	c, err := loadText(t, "dashboard { listeners.http.bind = 18083, token = t }\ntransport.nats.url = nats://h\nlog.level = WARNING")
	if err != nil || c.Log.Level != "warn" {
		t.Fatal(err, c)
	}
	all := strings.Join(c.Warnings, "\n")
	for _, want := range []string{"dashboard.listeners.http.bind is not served", "dashboard.token is not",
		"transport.nats.url counts with transport.type = nats"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

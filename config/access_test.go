package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestListeners: those of older configurations are there, unless somebody has
// switched them off.
func TestListeners(t *testing.T) {
	c, err := loadText(t, `
		mqtt.peer_cert_as_username = cn
		listeners.ssl.default { bind = "0.0.0.0:8883", max_connections = 512000, ssl_options { certfile = "etc/cert.pem", keyfile = "etc/key.pem", verify = verify_none } }
		listeners.ssl.strict { bind = 8884, peer_cert_as_username = san, max_conn_rate = 100/s
			ssl_options { cacertfile = ca, verify = verify_peer, fail_if_no_peer_cert = true, handshake_timeout = 5s } }
		listeners.ws.default { bind = "0.0.0.0:8083", websocket { mqtt_path = "/x", compress = true } }
		listeners.wss.default { bind = 8084, enable = false }
		listeners.wss.more { bind = 8085, websocket.max_frame_size = infinity }`)
	if err != nil {
		t.Fatal(err)
	}
	tls := ListenerTLS{HandshakeTimeout: 15 * time.Second, PeerCertAsUsername: "cn"}
	with := tls
	with.CertFile, with.KeyFile = "etc/cert.pem", "etc/key.pem"
	strict := ListenerTLS{CACertFile: "ca", VerifyPeer: true, FailIfNoPeerCert: true, HandshakeTimeout: 5 * time.Second, PeerCertAsUsername: "san"}
	want := []Listener{
		{Kind: "ssl", ID: "default", Bind: "0.0.0.0:8883", MaxConnections: 512000, Enable: true, TLS: with},
		{Kind: "ssl", ID: "strict", Bind: "0.0.0.0:8884", MaxConnections: 100000, MaxConnRate: 100, Enable: true, TLS: strict},
		{Kind: "tcp", ID: "default", Bind: "127.0.0.1:1883", MaxConnections: 100000, Enable: true},
		{Kind: "ws", ID: "default", Bind: "0.0.0.0:8083", MaxConnections: 100000, Enable: true, WebSocketPath: "/x", MaxFrameSize: 16 << 20},
		{Kind: "wss", ID: "more", Bind: "0.0.0.0:8085", MaxConnections: 100000, Enable: true, TLS: tls, WebSocketPath: "/mqtt", MaxFrameSize: largestPacket},
	}
	if diff := cmp.Diff(want, c.Listeners); diff != "" {
		t.Error(diff)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "listeners.ws.default.websocket.compress") {
		t.Error(c.Warnings)
	}
}

func TestRates(t *testing.T) {
	for in, want := range map[string]int{
		"infinity": 0, "Infinity": 0, "0": 0, "1000/s": 1000, "1000 / 1s": 1000, "5": 5, "60/1m": 1, "600/m": 10, "1MB/s": 1e6,
		"10/100ms": 100, "1KiB/1s": 1024, "86400/d": 1, "500MB/s": 5e8,
	} {
		c, err := loadText(t, fmt.Sprintf("listeners.tcp.default { max_conn_rate = %q, messages_rate = %q, bytes_rate = %q }", in, in, in))
		if err != nil || c.Listeners[0].MaxConnRate != want || c.Listeners[0].BytesRate != want || c.Listeners[0].MessagesRate != want {
			t.Errorf("%s: %v %+v", in, err, c)
		}
	}
	for _, in := range []string{"", "many", "-1/s", "1/x", "1/0s", "5/1", "1/2d", "1000000000000000000/s", "1/s/s"} {
		_, err := loadText(t, fmt.Sprintf("listeners.tcp.default.messages_rate = %q", in))
		checkErrors(t, err, fmt.Sprintf("m.conf:1:39: listeners.tcp.default.messages_rate: found %q, expected a rate such as 1000/s, 60/1m or 1MB/s, or infinity", in))
	}
	_, err := loadText(t, "listeners.tcp.default.messages_rate = 1/m")
	checkErrors(t, err, `m.conf:1:39: listeners.tcp.default.messages_rate: found "1/m", expected at least one a second`)
}

func TestAccess(t *testing.T) {
	c, err := loadText(t, `
		authentication { users_file = etc/users, timeout = 5s, max_logins = 3 }
		authorization { no_match = deny, rules_file = etc/rules, rules = ["allow all subscribe $SYS/# eq #, x", "deny all"] }
		listeners.ssl.default.ssl_options { certfile = cert, keyfile = key, cacertfile = ca }
		session { store = memory, fsync = 100ms }`)
	if err != nil {
		t.Fatal(err)
	}
	want := Access{UsersFile: "etc/users", RulesFile: "etc/rules", NoMatch: "deny", Rules: []string{"allow all subscribe $SYS/# eq #, x", "deny all"}, Timeout: 5 * time.Second, MaxLogins: 3}
	if diff := cmp.Diff(want, c.Access); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"etc/users", "etc/rules", "cert", "key", "ca"} {
		if !slices.Contains(c.files, name) {
			t.Errorf("%s is not watched", name)
		}
	}
	if c.SessionStore != "memory" || c.SessionFsync != 100*time.Millisecond {
		t.Error(c.SessionStore, c.SessionFsync)
	}
	for in, want := range map[string]time.Duration{"written": 0, "Always": -1, "1s": time.Second} {
		if c, err := loadText(t, "session.fsync = "+in); err != nil || c.SessionFsync != want {
			t.Error(in, err)
		}
	}
}

func TestFeatures(t *testing.T) {
	c, err := loadText(t, `mqtt { receive_maximum = 10, max_topic_alias = 0, max_qos_allowed = 1, retain_available = false, wildcard_subscription = off,
		shared_subscription = off, server_keepalive = 60, response_information = "answers/" }`)
	if err != nil {
		t.Fatal(err)
	}
	want := wantDefaults().MQTT
	want.ReceiveMaximum, want.MaxTopicAlias, want.MaxQoSAllowed, want.ServerKeepAlive, want.ResponseInfo = 10, 0, 1, time.Minute, "answers/"
	want.RetainAvailable, want.Wildcards, want.Shared = false, false, false
	if diff := cmp.Diff(want, c.MQTT); diff != "" {
		t.Error(diff)
	}
}

func TestAccessErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"authentication = [{backend = x}]", "m.conf:1:1: authentication: a list of authenticators: not built in this version: name a users file with authentication.users_file"},
		{"authorization.sources = [{type = file}]", "m.conf:1:1: authorization.sources: not built in this version: write the rules under authorization.rules, or in a file that authorization.rules_file names"},
		{"authentication = on", "m.conf:1:18: authentication: found text, expected an object"},
		{"authentication.user_file = x", "m.conf:1:1: unknown key authentication.user_file, did you mean authentication.users_file?"},
		{"authorization.rules = allow all", "m.conf:1:23: authorization.rules: found text, expected a list of rules, each in quotes"},
		{"authorization.rules = [[x]]", "m.conf:1:23: authorization.rules: found a list, expected a rule in quotes"},
		{"authorization.no_match = ask", `m.conf:1:26: authorization.no_match: found "ask", expected one of auto, allow, deny`},
		{"mqtt.server_keepalive = 60s", `m.conf:1:25: mqtt.server_keepalive: found "60s", expected disabled or a whole number of seconds from 1 to 65535`},
		{"mqtt.response_information = \"a/#\"", `m.conf:1:29: mqtt.response_information: found "a/#", expected the beginning of a topic`},
		{"mqtt.max_qos_allowed = 3", `m.conf:1:24: mqtt.max_qos_allowed: found "3", expected a whole number from 0 to 2`},
		{"listeners.ssl.default.peer_cert_as_username = x", `m.conf:1:47: listeners.ssl.default.peer_cert_as_username: found "x", expected one of cn, san`},
		{"listeners.tcp.default.peer_cert_as_username = cn", "m.conf:1:1: unknown key listeners.tcp.default.peer_cert_as_username"},
		{"listeners.ws.default.websocket.mqtt_path = mqtt", `m.conf:1:44: listeners.ws.default.websocket.mqtt_path: found "mqtt", expected a path such as /mqtt`},
		{"listeners.ws.default.websocket.max_frame_size = 1", `m.conf:1:49: listeners.ws.default.websocket.max_frame_size: found "1", expected a size from 128 to 268435460 bytes`},
		{"authorization.rules = [" + strings.Repeat("a,", maxRules+1) + "]", "m.conf:1:23: authorization.rules: found 1001 rules, expected at most 1000; a rules_file may hold more"},
	} {
		_, err := loadText(t, c.in)
		got := fmt.Sprint(err)
		if i := strings.Index(got, "m.conf"); i < 0 || !strings.HasPrefix(got[i:], c.want) {
			t.Errorf("%.60s: %v, want %s", c.in, err, c.want)
		}
	}
}

package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/internal/cli"
	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/mqtt"
	"github.com/muster-mqtt/muster/mqtt/access"
	"github.com/muster-mqtt/muster/mqtt/listen"
)

func load(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "m.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(cli.Source{Files: []string{file}})
}

func mustLoad(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestClosedListeners: nothing is open to strangers, and what stays closed
// says which key opens it.
func TestClosedListeners(t *testing.T) {
	for text, want := range map[string]string{
		"listeners.tcp.default.bind = 127.0.0.1:0":                                               "",
		`listeners.tcp.default.bind = "[::1]:0"`:                                                 "",
		"listeners.tcp.default.bind = localhost:0":                                               "",
		"listeners.tcp.default.enable = off":                                                     "",
		"listeners.tcp.default.bind = 0":                                                         "0.0.0.0:0 (set listeners.tcp.default.allow_anonymous = true to let anybody in, or authentication.users_file to let in who has a password)",
		"listeners.tcp.default { bind = 0, allow_anonymous = on }":                               "",
		"listeners.tcp.default.bind = 0, authentication.users_file = x":                          "",
		"listeners.ws.default.bind = 0":                                                          "0.0.0.0:0 (set listeners.ws.default.allow_anonymous = true",
		"listeners.ssl.default { bind = 127.0.0.1:0 }":                                           "127.0.0.1:0 (set listeners.ssl.default.ssl_options.certfile and keyfile)",
		"listeners.wss.x { bind = 127.0.0.1:0, ssl_options.certfile = x }":                       "127.0.0.1:0 (set listeners.wss.x.ssl_options.certfile and keyfile)",
		"listeners.ssl.default { bind = 127.0.0.1:0, ssl_options { certfile = x, keyfile = y }}": "127.0.0.1:0 (listeners.ssl.default.ssl_options: open x: no such file or directory)",
	} {
		l, err := listenAll(mustLoad(t, "listeners.tcp.default.bind = 127.0.0.1:0\n"+text), &listen.Counters{}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		l.close()
		if got := strings.Join(l.closed, ", "); want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s: closed: %s, want %s", text, got, want)
		}
		if want != "" && !strings.Contains(l.String(), "closed: "+want) {
			t.Errorf("the ready line says %s", l)
		}
	}
}

func TestCertifiedListeners(t *testing.T) {
	for text, want := range map[string]bool{
		"verify = peer, fail_if_no_peer_cert = on": true, "verify = peer": false, "fail_if_no_peer_cert = on": false,
	} {
		c := mustLoad(t, "listeners.ssl.default { bind = 0, ssl_options { "+text+" } }")
		if got := certified(c.Listeners[0]); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestAccessOptions: what a listener was opened with counts until a restart,
// but for its certificates.
func TestAccessOptions(t *testing.T) {
	before := mustLoad(t, "listeners.tcp.default.bind = 0\nlisteners.ssl.default { bind = 0, ssl_options { verify = peer, fail_if_no_peer_cert = on } }\nauthorization.no_match = deny")
	after := mustLoad(t, "listeners.tcp.default { bind = 127.0.0.1:0, allow_anonymous = on }\nlisteners.ssl.default { bind = 0, ssl_options.verify = none }\nauthorization { no_match = allow, rules = [allow all] }")
	d := &daemon{conf: before}
	o := d.accessOptions(after)
	if o.Listeners["tcp.default"] != (access.Listener{}) || o.Listeners["ssl.default"] != (access.Listener{}) {
		t.Errorf("%+v", o.Listeners)
	}
	if o.NoMatch != access.Allow || len(o.Rules) != 1 {
		t.Errorf("%+v", o)
	}
	if o := d.accessOptions(before); !o.Listeners["ssl.default"].Certified || o.NoMatch != access.Deny {
		t.Errorf("%+v", o)
	}
	if o := d.accessOptions(mustLoad(t, "listeners.ssl.default.enable = off")); !o.Listeners["ssl.default"].Certified {
		t.Error("a listener that was taken out of the file is still open")
	}
}

func TestRulesAreCheckedWithTheirPlace(t *testing.T) {
	_, err := load(t, "authorization {\n  rules = [\"allow all\", \"allow\", \"deny x\"]\n}")
	if err == nil || !strings.Contains(err.Error(), "m.conf:2:11: authorization.rules: rule 2: expected all") || !strings.Contains(err.Error(), "rule 3: expected all") {
		t.Error(err)
	}
}

// TestLimits: what is 0 in a configuration is not the front's default.
func TestLimits(t *testing.T) {
	l := limits(mustLoad(t, "mqtt { max_topic_alias = 0, max_qos_allowed = 0, session_expiry_interval = 0, retain_available = off, server_keepalive = 5 }"))
	if l.MaxTopicAlias >= 0 || l.MaxQoS >= 0 || l.SessionExpiry <= 0 || l.SessionExpiry >= time.Second || !l.NoRetain || l.NoShared || l.NoWildcards || l.KeepAlive != 5*time.Second {
		t.Errorf("%+v", l)
	}
	if _, err := mqtt.New(mqtt.Options{Limits: l}); err == nil || strings.Contains(err.Error(), "Max") {
		t.Errorf("the front does not take them: %v", err)
	}
	if l := limits(mustLoad(t, "")); l.MaxQoS != 2 || l.MaxTopicAlias != 64 || l.SessionExpiry != 2*time.Hour {
		t.Errorf("%+v", l)
	}
}

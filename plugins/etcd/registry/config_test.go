package registry

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/discovery"
)

func readText(raw string) (settings, error) {
	return read(discovery.Setup{Config: json.RawMessage(raw), ClusterName: "c"})
}

func TestConfig(t *testing.T) {
	for raw, want := range map[string]settings{
		`{"server":"http://a:1, http://b,"}`: {endpoints: []string{"http://a:1", "http://b:2379"}},
		`{"server":["https://[::1]:5/"],"node_ttl":"1m30s"}`: {
			endpoints: []string{"https://[::1]:5"}, secure: true, ttl: 90 * time.Second},
		`{"server":["http://a:1"],"ssl":{"enable":true}}`: {endpoints: []string{"https://a:1"}, secure: true},
		`{"server":["http://a:1","https://b:2"],"ssl":{"enable":true}}`: {
			endpoints: []string{"https://a:1", "https://b:2"}, secure: true},
	} {
		got, err := readText(raw)
		diff := cmp.Diff(want.endpoints, got.endpoints)
		if err != nil || diff != "" || got.secure != want.secure || got.ttl != want.ttl || got.Prefix != defaultPrefix {
			t.Errorf("%s: %+v, %v\n%s", raw, got, err, diff)
		}
	}
}

func TestConfigErrorsHaveAPlace(t *testing.T) {
	long := strings.Repeat("p", maxPrefix+1)
	for raw, path := range map[string]string{
		`{}`:                                                                  "server",
		`{"server":[]}`:                                                       "server",
		`{"server":", ,"}`:                                                    "server",
		`{"server":7}`:                                                        "server",
		`{"server":["http://a:1",7]}`:                                         "server[1]",
		`{"server":["http://a:1"," "]}`:                                       "server[1]",
		`{"server":["a:1"]}`:                                                  "server[0]",
		`{"server":["ftp://a:1"]}`:                                            "server[0]",
		`{"server":["http://:1"]}`:                                            "server[0]",
		`{"server":["http://a:0"]}`:                                           "server[0]",
		`{"server":["http://a:65536"]}`:                                       "server[0]",
		`{"server":["http://a:b"]}`:                                           "server[0]",
		`{"server":["http://a:1/v3"]}`:                                        "server[0]",
		`{"server":["http://a:1?x"]}`:                                         "server[0]",
		`{"server":["http://a:1","https://b:1"]}`:                             "server[1]",
		`{"server":"http://a:1","prefix":"//"}`:                               "prefix",
		`{"server":"http://a:1","prefix":"a\u0000b"}`:                         "prefix",
		`{"server":"http://a:1","prefix":"` + long + `"}`:                     "prefix",
		`{"server":"http://a:1","node_ttl":"1"}`:                              "node_ttl",
		`{"server":"http://a:1","node_ttl":"999ms"}`:                          "node_ttl",
		`{"server":"http://a:1","node_ttl":"25h"}`:                            "node_ttl",
		`{"server":"http://a:1","password":"p"}`:                              "username",
		`{"server":"http://a:1","username":"u"}`:                              "password",
		`{"server":"http://a:1","ssl":{"verify":"maybe"}}`:                    "ssl.verify",
		`{"server":"http://a:1","ssl":{"keyfile":"k"}}`:                       "ssl.certfile",
		`{"server":"http://a:1","ssl":{"certfile":"k"}}`:                      "ssl.keyfile",
		`{"server":"http://a:1","ssl":{"enable":1}}`:                          "ssl.enable",
		`{"server":"http://a:1","sever":1}`:                                   "sever",
		`{"server":"` + strings.Repeat("http://a:1,", maxServers+1) + `x"}`:   "server",
		`{"server":["http://u:geheim@a:1"]}`:                                  "server[0]",
		`{"server":["http://u:geheim@a:x"]}`:                                  "server[0]",
		`{"server":["http://a:1"],"username":"geheim\u0000","password":null}`: "password",
	} {
		_, err := readText(raw)
		var e *discovery.Error
		if !errors.As(err, &e) || e.Class != discovery.ConfigInvalid || e.Path != path || e.Reason == "" {
			t.Errorf("%.80s: got %v, want an error at %s", raw, err, path)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("a secret is in %v", err)
		}
	}
}

func TestWarnings(t *testing.T) {
	for raw, want := range map[string]string{
		`{"server":"http://a:1"}`:                                                    "",
		`{"server":"https://a:1","username":"u","password":"p"}`:                     "",
		`{"server":"http://a:1","username":"u","password":"p"}`:                      "without encryption",
		`{"server":"http://a:1","ssl":{"cacertfile":"ca.pem"}}`:                      "ssl is not used",
		`{"server":"http://a:1","ssl":{"certfile":"c","keyfile":"k"}}`:               "ssl is not used",
		`{"server":"https://a:1","ssl":{"verify":"none"}}`:                           "anybody",
		`{"server":"http://a:1","ssl":{"verify":"none","enable":true}}`:              "anybody",
		`{"server":"http://a:1","ssl":{"verify":"none","cacertfile":"none"}}`:        "ssl is not used",
		`{"server":"https://a:1","ssl":{"cacertfile":"ca.pem","enable":false}}`:      "",
		`{"server":"https://a:1","ssl":{"cacertfile":"ca.pem","verify":"peer"}}`:     "",
		`{"server":["https://a:1"],"prefix":"/deep/er/","ssl":{"certfile":"","x":1}`: "error",
	} {
		c, err := readText(raw)
		if got := strings.Join(c.warnings, "; "); err == nil && (want == "" && got != "" || !strings.Contains(got, want)) {
			t.Errorf("%s warns %q, want %q", raw, got, want)
		}
		if (err != nil) != (want == "error") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestNormalFormHasNoPassword(t *testing.T) {
	c, err := readText(`{"server":"http://a","username":"u","password":"geheim","node_ttl":"90s"}`)
	want := `{"server":["http://a:2379"],"prefix":"mustercl","node_ttl":"1m30s","username":"u","ssl":{"enable":false,"verify":"peer"}}`
	if got := string(c.normal()); err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
	if !json.Valid(Info("1").ConfigSchema) {
		t.Error("the schema is not JSON")
	}
}

// The files are read when the plugin is configured, not at the first call.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ ssl, path string }{
		{`{"cacertfile":"` + dir + `/none"}`, "ssl.cacertfile"},
		{`{"cacertfile":"` + text + `"}`, "ssl.cacertfile"},
		{`{"cacertfile":"` + dir + `"}`, "ssl.cacertfile"},
		{`{"certfile":"` + dir + `/none","keyfile":"` + text + `"}`, "ssl.certfile"},
		{`{"certfile":"` + text + `","keyfile":"` + dir + `/none"}`, "ssl.keyfile"},
		{`{"certfile":"` + text + `","keyfile":"` + text + `"}`, "ssl.certfile"},
	} {
		setup := discovery.Setup{Config: []byte(`{"server":"https://a","ssl":` + c.ssl + `}`), ClusterName: "c"}
		_, err := New(t.Context(), setup)
		var e *discovery.Error
		if !errors.As(err, &e) || e.Class != discovery.ConfigInvalid || e.Path != c.path {
			t.Errorf("%s: %v", c.ssl, err)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(`{"server":"http://a:1,b"}`)
	f.Add(`{"server":["https://[::1]"],"prefix":"/a/","node_ttl":"1m","ssl":{"verify":"none"}}`)
	f.Add(`{"server":["http://u:p@h"],"username":"u","password":"p"}`)
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := readText(raw)
		if err != nil {
			if discovery.ClassOf(err) != discovery.ConfigInvalid {
				t.Fatalf("%s: %v", raw, err)
			}
			return
		}
		again, err := read(discovery.Setup{Config: c.normal(), ClusterName: "c"})
		if c.Username != "" { // the normal form leaves the password out
			return
		}
		if diff := cmp.Diff(c.endpoints, again.endpoints); err != nil || diff != "" || again.Prefix != c.Prefix || again.ttl != c.ttl {
			t.Fatalf("%s: its normal form %s reads as something else: %v\n%s", raw, c.normal(), err, diff)
		}
	})
}

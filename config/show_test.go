package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestShow(t *testing.T) {
	dir := write(t, map[string]string{"m.conf": `
node.cookie = verysecret
cluster { discovery_strategy = consul, consul { addr = "http://u:verysecret@x", tls { token = verysecret }, l = [{password = verysecret, x = null}] } }
mqtt.max_packet_size = 64KB`})
	c := mustLoad(t, Options{
		Files: []string{dir + "/m.conf"}, Environ: []string{"MUSTER_LOG__LEVEL=debug"},
		Set: []string{"mqtt.max_inflight=7"}, Overrides: []Override{{"node.name", "n@h", "flag --node"}},
	})
	got := map[string]string{}
	paths := []string{}
	for _, e := range c.Show() {
		paths = append(paths, e.Path)
		got[e.Path] = e.Value + " < " + strings.TrimPrefix(e.Source, dir+"/")
	}
	for path, want := range map[string]string{
		"node.cookie":                "****** < m.conf:2:15",
		"node.name":                  "n@h < flag --node",
		"log.level":                  "debug < environment MUSTER_LOG__LEVEL",
		"mqtt.max_inflight":          "7 < flag --set mqtt.max_inflight",
		"mqtt.max_packet_size":       "64KB < m.conf:4:24",
		"mqtt.max_sessions":          "262144 < default",
		"cluster.join":               "[] < default",
		"cluster.consul.addr":        "http://******@x < m.conf:3:56",
		"cluster.consul.tls.token":   "****** < m.conf:3:95",
		"cluster.consul.l":           "[{password = ******, x = null}] < m.conf:3:113",
		"listeners.tcp.default.bind": "127.0.0.1:1883 < default",
	} {
		if got[path] != want {
			t.Errorf("%s: got %q, want %q", path, got[path], want)
		}
	}
	if !slices.IsSorted(paths) {
		t.Error("not sorted")
	}
	if _, unset := got["node.port"]; unset {
		t.Error("a key without a value is shown")
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	n := Node{Cookie: "verysecret"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "node", n, "cookie", n.Cookie)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "node", n, "cookie", n.Cookie)
	text, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q", n, n, n, n.Cookie, n.Cookie) + string(text) + log.String()
	if strings.Contains(all, "verysecret") {
		t.Error(all)
	}
	if Secret("").String() != "" {
		t.Error("an empty secret looks set")
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"seeds", "sedes", 1}, {"name", "nmae", 1}, {"kitten", "sitting", 3}, {"é", "e", 1}, {"ca", "abc", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%s %s: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// slow is the definition of distance, written as one.
func slow(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	change := 1
	if a[0] == b[0] {
		change = 0
	}
	d := min(slow(a[1:], b)+1, slow(a, b[1:])+1, slow(a[1:], b[1:])+change)
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		d = min(d, slow(a[2:], b[2:])+1)
	}
	return d
}

func TestDistanceTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[abc]{0,6}`)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if got, want := distance(a, b), slow(a, b); got != want {
			t.Fatalf("%s %s: got %d, want %d", a, b, got, want)
		}
	})
}

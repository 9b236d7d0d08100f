package config

import (
	"slices"
	"strings"
	"testing"
)

// TestOlderSpellings: each works in a file and in a variable, warns once with
// its place, and yields to the newer one.
func TestOlderSpellings(t *testing.T) {
	samples := map[string][2]string{
		"cluster.discovery":        {"static", "manual"},
		"cluster.start_join":       {"a@h", "b@h"},
		"cluster.retry_join":       {"a@h", "b@h"},
		"cluster.proto_dist":       {"inet6_tcp", "inet_tcp"},
		"cluster.K8s":              {"{ namespace = a }", "{ namespace = b }"},
		"cluster.dns.type":         {"srv", "a"},
		"cluster.etcd.ssl_options": {"{ certfile = a }", "{ certfile = b }"},
		"mqtt.max_mqueue_len":      {"5", "6"},
		"mqtt.max_clientid_len":    {"100", "200"},
		"log.console.level":        {"error", "info"},
		"log.console.formatter":    {"json", "text"},

		"retainer.backend.max_retained_messages": {"0", "5"},
	}
	for _, older := range olderSpellings {
		sample, newer := samples[older], newerSpellings[older]
		inFile, err := loadText(t, older+" = "+sample[0])
		if err != nil {
			t.Errorf("%s: %v", older, err)
			continue
		}
		if len(inFile.Warnings) != 1 || !strings.HasSuffix(inFile.Warnings[0], "m.conf:1:1: "+older+" is an older spelling of "+newer) {
			t.Errorf("%s: %q", older, inFile.Warnings)
		}
		name := "EMQX_" + strings.ToUpper(strings.ReplaceAll(older, ".", "__"))
		inEnv := mustLoad(t, Options{Environ: []string{"HOCON_ENV_OVERRIDE_PREFIX=EMQX_", name + "=" + sample[0]}})
		both, err := loadText(t, older+" = "+sample[0]+"\n"+newer+" = "+sample[1])
		if err != nil {
			t.Errorf("%s: %v", older, err)
			continue
		}
		word := strings.Trim(sample[0], "{} ")
		word = word[strings.LastIndex(word, " ")+1:]
		if !shows(inFile, newer, word) || !shows(inEnv, newer, word) || shows(both, newer, word) {
			t.Errorf("%s does not do what %s does", older, newer)
		}
	}
}

// shows tells whether a key at or below path has the value.
func shows(c *Config, path, value string) bool {
	return slices.ContainsFunc(c.Show(), func(e Entry) bool { return strings.HasPrefix(e.Path, path) && e.Value == value })
}

// TestLackingKeysAreNone: what is warned about is neither read nor refused, and
// every older product's key of the lists loads.
func TestLackingKeysAreNone(t *testing.T) {
	schema := newSchema()
	for _, path := range lackingPaths() {
		if b := schema.at(path); b.key != nil || b.refused {
			t.Errorf("%s is read or refused", path)
		}
	}
	var text strings.Builder
	for _, path := range lackingPaths() {
		text.WriteString(strings.ReplaceAll(path, "*", "x") + " = 1\n")
	}
	for _, kind := range listenerKinds {
		text.WriteString("listeners." + kind + ".x.bind = 1\n")
	}
	c, err := loadText(t, text.String())
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], " more") {
		t.Error(err, c)
	}
}

func TestRetainerBounds(t *testing.T) {
	for in, want := range map[string]int{"0": maxRetained, "infinity": maxRetained, "7": 7} {
		c, err := loadText(t, "retainer { max_retained_messages = "+in+", max_retained_bytes = 2MB }")
		if err != nil || c.Retainer.MaxMessages != want || c.Retainer.MaxBytes != 2e6 {
			t.Error(in, err, c)
		}
	}
}

func TestInfinity(t *testing.T) {
	c, err := loadText(t, "listeners.tcp.default.max_connections = infinity\nmqtt { max_subscriptions = Infinity, max_mqueue_len = infinity }")
	if err != nil || c.Listeners[0].MaxConnections != 10_000_000 || c.MQTT.MaxSubscriptions != 1_000_000 || c.MQTT.MaxQueueLength != 1_000_000 {
		t.Error(err, c)
	}
}

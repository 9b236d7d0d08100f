package seeds

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/discovery"
)

func TestParseSeed(t *testing.T) {
	addr := netip.MustParseAddr
	for _, c := range []struct {
		in   string
		want seed
	}{
		{"a@h", seed{name: "a@h", host: "h"}},
		{"a1@h.example.com:4371", seed{name: "a1@h.example.com", host: "h.example.com", port: 4371}},
		{"a@10.0.0.1", seed{name: "a@10.0.0.1", addr: addr("10.0.0.1")}},
		{"a@[::1]:4370", seed{name: "a@::1", addr: addr("::1"), port: 4370}},
		{"a@fd00::1", seed{name: "a@fd00::1", addr: addr("fd00::1")}},
		{"h:1", seed{host: "h", port: 1}},
		{"h.", seed{host: "h."}},
		{"n@h.", seed{name: "n@h", host: "h."}},
		{"[fe80::1%eth0]:65535", seed{addr: addr("fe80::1%eth0"), port: 65535}},
		{"[::1]", seed{addr: addr("::1")}},
		{"::ffff:10.0.0.1", seed{addr: addr("10.0.0.1")}},
		{"10.0.0.1:4370", seed{addr: addr("10.0.0.1"), port: 4370}},
	} {
		got, err := parseSeed(c.in)
		c.want.text = c.in
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.in, got, err, c.want)
		}
	}
}

func TestParseSeedRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "missing",
		"@h":                            "before @",
		"a b@h":                         "before @",
		"a@b@h":                         "host",
		"a@":                            "missing",
		"h:":                            "port",
		"h:0":                           "port",
		"h:65536":                       "port",
		"h:x":                           "port",
		"h:+1":                          "port",
		"h:1:2":                         "IPv6",
		"[::1":                          "brackets",
		"[h]:1":                         "brackets",
		"[::1]x":                        "not a port",
		"::zz":                          "IPv6",
		"h/x":                           "letters",
		"bücher.example":                "letters",
		"300.1.1.1":                     "IPv4",
		"0.0.0.0:1":                     "no address",
		"239.1.1.1":                     "no address",
		"[::]:1":                        "no address",
		"a@" + strings.Repeat("h", 254): "longer",
	} {
		if got, err := parseSeed(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want an error with %q", in, got, err, want)
		}
	}
}

func FuzzParseSeed(f *testing.F) {
	for _, s := range []string{"a@h:1", "[::1]:2", "a@[::1]:4370", "::1", "h:", "a@b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := parseSeed(in)
		if err != nil {
			return
		}
		if s.addr.IsValid() == (s.host != "") {
			t.Fatalf("%q: neither or both of address and host name: %+v", in, s)
		}
		if len(s.name) > maxNodeName || strings.ContainsAny(s.host+s.name, " \n,\"") {
			t.Fatalf("%q: let through %+v", in, s)
		}
	})
}

// decode reads a configuration as the plugin does.
func decode(raw string) ([]seed, error) {
	var c config
	if err := (discovery.Setup{Config: json.RawMessage(raw)}).Decode(&c); err != nil {
		return nil, err
	}
	return c.Seeds.parse()
}

func TestConfig(t *testing.T) {
	for raw, want := range map[string][]string{
		`{}`:                                nil,
		`{"seeds":null}`:                    nil,
		`{"seeds":[]}`:                      nil,
		`{"seeds":""}`:                      nil,
		`{"seeds":"a@h, b@[::1]:1 ,,c:2,"}`: {"a@h", "b@[::1]:1", "c:2"},
		`{"seeds":["a@h"," c:2"]}`:          {"a@h", "c:2"},
	} {
		got, err := decode(raw)
		var texts []string
		for _, s := range got {
			texts = append(texts, s.text)
		}
		if diff := cmp.Diff(want, texts); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got\n%s", raw, err, diff)
		}
	}
}

func TestConfigErrorsHaveAPlace(t *testing.T) {
	for raw, path := range map[string]string{
		`{"seeds":["a@h","b@h:x"]}`: "seeds[1]",
		`{"seeds":"a@h,b@h:x"}`:     "seeds[1]",
		`{"seeds":["a@h",7]}`:       "seeds[1]",
		`{"seeds":["a@h",""]}`:      "seeds[1]",
		`{"seeds":["a@h,b@h"]}`:     "seeds[0]",
		`{"seeds":7}`:               "seeds",
		`{"seeds":{}}`:              "seeds",
		`{"seed":[]}`:               "seed",
		`{"seeds":"` + strings.Repeat("a,", maxSeeds+1) + `"}`: "seeds[1000]",
	} {
		_, err := decode(raw)
		var e *discovery.Error
		if !errors.As(err, &e) || e.Class != discovery.ConfigInvalid || e.Path != path || e.Reason == "" {
			t.Errorf("%.40s: got %v, want an error at %s", raw, err, path)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(`{"seeds":"a@h,b"}`)
	f.Add(`{"seeds":["a@h",null]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := decode(raw); err != nil && discovery.ClassOf(err) != discovery.ConfigInvalid {
			t.Fatalf("%s: %v", raw, err)
		}
	})
}

func TestSchemaIsJSON(t *testing.T) {
	if !json.Valid(Info("1").ConfigSchema) {
		t.Error("the schema is not JSON")
	}
}

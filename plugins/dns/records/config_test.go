package records

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/discovery"
)

func setup(raw string) discovery.Setup { return discovery.Setup{Config: json.RawMessage(raw)} }

func TestConfig(t *testing.T) {
	for raw, want := range map[string]string{
		`{}`:                               `{"name":"localhost","server":"system"}`,
		`{"name":"x","app":null}`:          `{"name":"x","server":"system"}`,
		`{"server":"System"}`:              `{"name":"localhost","server":"system"}`,
		`{"server":"10.0.0.1"}`:            `{"name":"localhost","server":"10.0.0.1:53"}`,
		`{"server":"[::1]"}`:               `{"name":"localhost","server":"[::1]:53"}`,
		`{"server":"[::1]:5353"}`:          `{"name":"localhost","server":"[::1]:5353"}`,
		`{"server":"[fe80::1%eth0]:5353"}`: `{"name":"localhost","server":"[fe80::1%eth0]:5353"}`,
		`{"server":"fe80::1%eth0"}`:        `{"name":"localhost","server":"[fe80::1%eth0]:53"}`,
		`{"name":"_m._tcp.x.io.","record_type":"SRV","app":"muster"}`: `{"name":"_m._tcp.x.io.","record_type":"srv","app":"muster","server":"system"}`,
	} {
		c, err := New(t.Context(), setup(raw))
		if diff := cmp.Diff(want, string(c.NormalForm)); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got\n%s", raw, err, diff)
		}
	}
}

func TestConfigErrorsHaveAPlace(t *testing.T) {
	for _, c := range []struct{ raw, path, want string }{
		{`{"name":"a..b"}`, "name", "domain name"},
		{`{"name":"."}`, "name", "domain name"},
		{`{"name":"bücher.example"}`, "name", "domain name"},
		{`{"name":"` + strings.Repeat("a", 64) + `.x"}`, "name", "domain name"},
		{`{"name":"` + strings.Repeat("a.", 127) + `"}`, "", ""},
		{`{"name":"` + strings.Repeat("a.", 128) + `"}`, "name", "domain name"},
		{`{"name":"10.0.0.1"}`, "name", "static"},
		{`{"name":7}`, "name", ""},
		{`{"record_type":"mx"}`, "record_type", "none of"},
		{`{"app":"a@b"}`, "app", "before the @"},
		{`{"server":"ns.x"}`, "server", "IP address"},
		{`{"server":"10.0.0.1:0"}`, "server", "no name server"},
		{`{"server":"0.0.0.0"}`, "server", "no name server"},
		{`{"server":"10.0.0.1:99999"}`, "server", "IP address"},
		{`{"nam":"x"}`, "nam", ""},
	} {
		_, err := New(t.Context(), setup(c.raw))
		var e *discovery.Error
		if c.path == "" && err == nil {
			continue
		}
		if !errors.As(err, &e) || e.Class != discovery.ConfigInvalid || e.Path != c.path || !strings.Contains(e.Reason, c.want) {
			t.Errorf("%.40s: got %v, want an error at %s", c.raw, err, c.path)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(`{"name":"x","record_type":"srv","app":"a","server":"10.0.0.1"}`)
	f.Add(`{"server":"[fe80::1%x]:1","name":null}`)
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := New(t.Context(), setup(raw))
		if err != nil {
			if discovery.ClassOf(err) != discovery.ConfigInvalid {
				t.Fatalf("%s: %v", raw, err)
			}
			return
		}
		again, err := New(t.Context(), discovery.Setup{Config: c.NormalForm})
		if err != nil || string(again.NormalForm) != string(c.NormalForm) {
			t.Fatalf("%s: its normal form %s: %v, %s", raw, c.NormalForm, err, again.NormalForm)
		}
	})
}

func TestSchemaIsJSON(t *testing.T) {
	if !json.Valid(Info("1").ConfigSchema) {
		t.Error("the schema is not JSON")
	}
}

package packet

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

func drawProperties(t *rapid.T) Properties {
	p := Properties{
		PayloadFormat: byte(rapid.IntRange(0, 1).Draw(t, "format")),
		ContentType:   anyText.Draw(t, "type"),
		ResponseTopic: rapid.StringMatching(`[a-zé/$ ]{0,9}`).Draw(t, "response"),
	}
	if rapid.Bool().Draw(t, "correlated") {
		p.CorrelationData = rapid.SliceOf(rapid.Byte()).Draw(t, "correlation")
	}
	for range rapid.IntRange(0, 4).Draw(t, "users") {
		p.User = append(p.User, UserProperty{anyText.Draw(t, "name"), anyText.Draw(t, "value")})
	}
	return p
}

// TestProperties: what is written is read again, alone and out of a PUBLISH
// that has others before, between and behind [5.0 MQTT-3.3.2-17, 3.3.2-18].
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawProperties(t)
		got, err := ParseProperties(want.Append(nil))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
		rest := want
		rest.User = nil
		users := Properties{User: want.User}.Append(nil)
		mixed := append(rest.Append([]byte{byte(propTopicAlias), 0, 1}), byte(propMessageExpiry), 0, 0, 0, 9)
		body := appendVarint([]byte("\x00\x01t"), len(mixed)+len(users))
		m, err := Packet{Type: TypePublish, Version: Version5, Body: append(append(body, mixed...), users...)}.Publish()
		if err != nil || m.Alias != 1 || m.Expiry != 9 || string(m.Properties) != string(want.Append(nil)) {
			t.Fatalf("%v: %x from %x", err, m.Properties, mixed)
		}
	})
}

// TestParsePropertiesHostile: bytes from a file or another node.
func TestParsePropertiesHostile(t *testing.T) {
	for wire, want := range map[string]string{
		"\x01\x02":             "protocol violation: PUBLISH: payload format indicator at byte 0: is neither 0 nor 1 [5.0 MQTT 3.3.2.3]",
		"\x23\x00\x01":         "protocol violation: PUBLISH: topic alias at byte 0: does not go to subscribers as it came [5.0 MQTT 3.3.2.3]",
		"\x02\x00\x00\x00\x01": "protocol violation: PUBLISH: message expiry interval at byte 0: does not go to subscribers as it came [5.0 MQTT 3.3.2.3]",
		"\x03\x00":             "malformed packet: PUBLISH: content type at byte 1: packet ends too early",
		"\x11\x00\x00\x00\x01": "malformed packet: PUBLISH: session expiry interval at byte 0: is not a property of this packet [5.0 MQTT 2.2.2.2]",
		"\x03\x00\x00\x7f":     "malformed packet: PUBLISH: property identifier at byte 3: is unknown [5.0 MQTT 2.2.2.2]",
	} {
		if _, err := ParseProperties([]byte(wire)); err == nil || err.Error() != want {
			t.Errorf("%x: %v", wire, err)
		}
	}
	if _, err := ParseProperties(nil); err != nil {
		t.Error(err)
	}
}

// TestShare: [5.0 MQTT-4.8.2-1, 4.8.2-2].
func TestShare(t *testing.T) {
	for filter, want := range map[core.Filter]struct {
		group string
		of    core.Filter
	}{
		"$share/g/a/b":  {"g", "a/b"},
		"$share/g//":    {"g", "/"},
		"$share/g/#":    {"g", "#"},
		"$share/ä b/+":  {"ä b", "+"},
		"$share/g":      {"", "$share/g"},
		"$share/g/":     {"", "$share/g/"},
		"$share//a":     {"", "$share//a"},
		"$share/+/a":    {"", "$share/+/a"},
		"$share":        {"", "$share"},
		"$shared/g/a":   {"", "$shared/g/a"},
		"a/$share/g/a":  {"", "a/$share/g/a"},
		"":              {"", ""},
		"$share/g/$x/+": {"g", "$x/+"},
	} {
		if group, of := Share(filter); group != want.group || of != want.of {
			t.Errorf("%s: %q of %q", filter, of, group)
		}
	}
}

// TestTooLong: text beyond 65535 bytes is cut, and what follows is sound.
func TestTooLong(t *testing.T) {
	long := make([]byte, maxText+9)
	for i := range long {
		long[i] = 'a'
	}
	wire := Connack{Version: Version5, ReasonString: string(long), ServerReference: "s"}.Append(nil)
	r := server5.reader(wire, nil)
	r.SetMax(MaxPacket)
	p, err := r.Next()
	got, err2 := p.Connack()
	if err := errors.Join(err, err2); err != nil || len(got.ReasonString) != maxText || got.ServerReference != "s" {
		t.Errorf("%v: %d bytes", err, len(got.ReasonString))
	}
}

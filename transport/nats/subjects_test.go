package nats

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// Any cluster name is one token that NATS takes as it is, and two names are
// never one token.
func TestTokens(t *testing.T) {
	seen := map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("aA.%*> \t2E\x00é$")))).Draw(t, "name")
		got := token(name)
		if strings.ContainsAny(got, ".*>") || strings.ContainsFunc(got, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsSpace(r) || unicode.IsControl(r) }) {
			t.Errorf("%q becomes %q", name, got)
		}
		if other, ok := seen[got]; ok && other != name {
			t.Errorf("%q and %q both become %q", name, other, got)
		}
		seen[got] = name
	})
	for name, want := range map[string]string{"mustercl": "mustercl", "a.b": "a%2Eb", "a%2Eb": "a%252Eb", ">": "%3E", "é": "%C3%A9"} {
		if got := token(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestPermissions(t *testing.T) {
	pub, sub := Permissions("my.cluster", "*")
	if !slices.Equal(pub, []string{"muster.my%2Ecluster.hello", "muster.my%2Ecluster.*.*"}) ||
		!slices.Equal(sub, []string{"muster.my%2Ecluster.hello", "muster.my%2Ecluster.*.*"}) {
		t.Error(pub, sub)
	}
}

func TestUIDs(t *testing.T) {
	const good = "00112233-4455-6677-8899-aabbccddeeff"
	u, err := parseUID(good)
	if err != nil || u.String() != good || u[15] != 0xff {
		t.Errorf("%s %v", u, err)
	}
	for _, bad := range []string{"", "x", strings.ToUpper(good), strings.ReplaceAll(good, "-", ""), good[:35] + "g", "0011-22334455-6677-8899-aabbccddeeff", good + "0", "*"} {
		if _, err := parseUID(bad); err == nil {
			t.Errorf("%q is a uid", bad)
		}
	}
}

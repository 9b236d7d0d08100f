package core

import (
	"errors"
	"strings"
	"testing"
)

func TestPortOffset(t *testing.T) {
	// The vectors of the public contract, then the edges.
	tests := map[NodeID]int{
		"n@h": 4370, "n0@h": 4370, "n1@h": 4371, "n100@h": 4470, "n60000@h": 4370, "n65535@h": 9905,
		"n2@h": 4372, "n007@h": 4377, "n59999@h": 64369, "n60001@h": 4371, "a1b22@h9": 4392,
		"1@h": 4371, "n1-@h": 4370, "n1~ab12@h": 4382,
		NodeID("n" + strings.Repeat("9", 200) + "@h"): BasePort + nines(200),
	}
	for id, want := range tests {
		if got := BasePort + id.PortOffset(); got != want {
			t.Errorf("%s: port %d, want %d", id, got, want)
		}
	}
}

// nines computes 99…9 (n digits) modulo 60000 as 10^n - 1.
func nines(n int) int {
	p := 1
	for range n {
		p = p * 10 % maxOffset
	}
	return (p + maxOffset - 1) % maxOffset
}

func TestParseNodeID(t *testing.T) {
	for _, s := range []string{"a@h", "a_b-c.d1~x@h1.example.com", "n1@10.0.0.1", "n@::1", "n@[fe80::1]", strings.Repeat("a", 253) + "@h"} {
		id, err := ParseNodeID(s)
		if err != nil || string(id) != s {
			t.Errorf("%s: %q, %v", s, id, err)
		}
	}
	bad := []string{
		"", "a", "@h", "a@", "a@b@c", "a b@h", "a@h h", "a@h\n", "a/b@h", "a@h/x", "a'@h", "a@h'", "ä@h", "a@h,b",
		strings.Repeat("a", 254) + "@h",
	}
	for _, s := range bad {
		if id, err := ParseNodeID(s); !errors.Is(err, ErrNodeID) || id != "" {
			t.Errorf("%q: %q, %v, want ErrNodeID", s, id, err)
		}
	}
}

func TestNodeIDParts(t *testing.T) {
	tests := []struct{ id, name, host string }{
		{"n1@h1.example", "n1", "h1.example"},
		{"n1@[fe80::1]", "n1", "fe80::1"},
		{"n1@::1", "n1", "::1"},
		{"n1", "n1", ""},
		{"", "", ""},
	}
	for _, c := range tests {
		if id := NodeID(c.id); id.Name() != c.name || id.Host() != c.host {
			t.Errorf("%q: %q and %q, want %q and %q", c.id, id.Name(), id.Host(), c.name, c.host)
		}
	}
}

func FuzzParseNodeID(f *testing.F) {
	for _, s := range []string{"a@h", "a1@[::1]", "@", "a@@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseNodeID(s)
		if err != nil {
			return
		}
		if strings.Count(s, "@") != 1 || !strings.HasPrefix(s, id.Name()+"@") || len(s) > maxNodeID {
			t.Errorf("%q accepted as %q", s, id)
		}
		if o := id.PortOffset(); o < 0 || o >= maxOffset || BasePort+o > 65535 {
			t.Errorf("%q: offset %d", s, o)
		}
	})
}

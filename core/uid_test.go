package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func anyUID() *rapid.Generator[UID] {
	return rapid.Custom(func(t *rapid.T) (u UID) {
		copy(u[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uid"))
		return u
	})
}

func TestNewUID(t *testing.T) {
	u, err := NewUID(bytes.NewReader(bytes.Repeat([]byte{0xff}, 16)))
	if want := "ffffffff-ffff-4fff-bfff-ffffffffffff"; err != nil || u.String() != want {
		t.Errorf("%s, %v, want %s", u, err, want)
	}
	u, err = NewUID(strings.NewReader("too short"))
	if !errors.Is(err, io.ErrUnexpectedEOF) || !u.IsZero() {
		t.Errorf("a short read: %s, %v", u, err)
	}
}

func TestParseUID(t *testing.T) {
	const text = "00010203-0405-4607-8809-0a0b0c0d0e0f"
	u, err := ParseUID(text)
	if err != nil || u.String() != text || u[15] != 0x0f {
		t.Errorf("%s, %v", u, err)
	}
	bad := []string{
		"", "x", strings.ReplaceAll(text, "-", ""), text + "0", text[:35], text + "-", strings.Replace(text, "0", "g", 1),
		"{" + text[:35] + "}",
	}
	for _, s := range bad {
		if u, err := ParseUID(s); !errors.Is(err, ErrUID) || !u.IsZero() {
			t.Errorf("%q: %s, %v, want ErrUID", s, u, err)
		}
	}
}

func TestUIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := anyUID().Draw(t, "u")
		raw, err := json.Marshal(u)
		var v UID
		if err == nil {
			err = json.Unmarshal(raw, &v)
		}
		if err != nil || v != u {
			t.Fatalf("%s came back as %s: %v", u, v, err)
		}
		if u.IsZero() != (u.String() == "00000000-0000-0000-0000-000000000000") {
			t.Fatalf("%s: IsZero %v", u, u.IsZero())
		}
	})
}

func TestUIDCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, v := anyUID().Draw(t, "u"), anyUID().Draw(t, "v")
		if u.Compare(v) != -v.Compare(u) || (u.Compare(v) == 0) != (u == v) {
			t.Fatalf("%s and %s: %d and %d", u, v, u.Compare(v), v.Compare(u))
		}
		// The text form orders alike: tools that sort the text agree with us.
		if u.Compare(v) != strings.Compare(u.String(), v.String()) {
			t.Fatalf("%s and %s order differently as text", u, v)
		}
	})
}

func FuzzParseUID(f *testing.F) {
	f.Add("00010203-0405-4607-8809-0a0b0c0d0e0f")
	f.Add("------------------------------------")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseUID(s)
		if err != nil {
			return
		}
		if v, err := ParseUID(u.String()); v != u || err != nil {
			t.Errorf("%q read as %s, then as %s: %v", s, u, v, err)
		}
	})
}

package packet

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzStream reads any bytes as a stream, in both versions and from both
// sides. Whatever decodes is written and decoded again to the same.
func FuzzStream(f *testing.F) {
	for _, g := range append(goldens(), accepted...) {
		f.Add(byte(g.from.version), g.from.server, bytesOf(f, g.wire))
	}
	for _, h := range hostiles() {
		f.Add(byte(h.from.version), h.from.server, bytesOf(f, h.wire))
	}
	f.Fuzz(func(t *testing.T, version byte, server bool, stream []byte) {
		s := side{version: Version(version), server: server}
		r := s.reader(stream, make([]byte, 32))
		for {
			p, err := r.Next()
			if err != nil {
				return
			}
			checkAgain(t, p)
		}
	})
}

// FuzzBody decodes any bytes as the body of each type.
func FuzzBody(f *testing.F) {
	for _, g := range goldens() {
		wire := bytesOf(f, g.wire)
		f.Add(wire[0], g.from.version == Version5, g.from.server, wire[2:])
	}
	f.Fuzz(func(t *testing.T, first byte, five, server bool, body []byte) {
		v := Version311
		if five {
			v = Version5
		}
		if checkFirst(first, v) == nil {
			checkAgain(t, Packet{Type: Type(first >> 4), Flags: first & 15, Body: body, Version: v, FromServer: server})
		}
	})
}

// FuzzProperties decodes any bytes as properties of a message; those of a
// PUBLISH and these agree.
func FuzzProperties(f *testing.F) {
	f.Add(passed)
	f.Add([]byte("\x23\x00\x01"))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		p, err := ParseProperties(encoded)
		body := append(appendVarint([]byte("\x00\x01t"), len(encoded)), encoded...)
		m, err2 := Packet{Type: TypePublish, Version: Version5, Body: body}.Publish()
		if err == nil && (err2 != nil || !bytes.Equal(m.Properties, encoded)) {
			t.Fatalf("%x: a PUBLISH with them: %v %x", encoded, err2, m.Properties)
		}
		if err2 == nil && m.Alias == 0 && !m.HasExpiry && err != nil {
			t.Fatalf("%x: %v, but not in a PUBLISH", encoded, err)
		}
		if again, err2 := ParseProperties(p.Append(nil)); err == nil && (err2 != nil || cmp.Diff(p, again) != "") {
			t.Fatalf("%x: written as %x: %v", encoded, p.Append(nil), err2)
		}
	})
}

func checkAgain(t *testing.T, p Packet) {
	t.Helper()
	got, err := decode(p)
	if err != nil {
		checkError(t, p, err)
		return
	}
	wire := got.Append(nil)
	s := side{version: p.Version, server: p.FromServer}
	r := s.reader(wire, nil)
	r.SetMax(MaxPacket)
	q, err := r.Next()
	if err != nil {
		t.Fatalf("%x: written as %x: %v", p.Body, wire, err)
	}
	again, err := decode(q)
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Fatalf("%v %s", err, diff)
	}
	if c, connect := got.(Connect); (connect && !c.Version.five() || !connect && !p.Version.five()) && !bytes.Equal(q.Body, p.Body) {
		t.Fatalf("body\n%swritten as\n%s", hex.Dump(p.Body), hex.Dump(q.Body))
	}
}

// checkError: every error says what it is about, where, and how to answer.
func checkError(t *testing.T, p Packet, err error) {
	t.Helper()
	e, ok := err.(*Error)
	if !ok || e.Type != p.Type || e.Offset < -1 || e.Offset > len(p.Body) || e.Reason == "" {
		t.Fatalf("%x: %v", p.Body, err)
	}
	if code := ReasonOf(err); !code.Failed() || code == UnspecifiedError || p.Type != TypeConnect && !code.allowed(TypeDisconnect, true) {
		t.Fatalf("%x: %v is answered by %v", p.Body, err, code)
	}
}

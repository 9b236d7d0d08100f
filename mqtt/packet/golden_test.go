package packet

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
)

// appender is every packet that can be written.
type appender interface{ Append([]byte) []byte }

// empty is a packet without a body, as the tests see it.
type empty Type

func (e empty) Append(dst []byte) []byte { return AppendEmpty(dst, Type(e)) }

// decode reads one packet of any type.
func decode(p Packet) (appender, error) {
	switch p.Type {
	case TypeConnect:
		return result(p.Connect())
	case TypeConnack:
		return result(p.Connack())
	case TypePublish:
		return result(p.Publish())
	case TypeSubscribe:
		return result(p.Subscribe())
	case TypeSuback:
		return result(p.Suback())
	case TypeUnsubscribe:
		return result(p.Unsubscribe())
	case TypePingreq, TypePingresp, TypeDisconnect:
		return result(empty(p.Type), p.Empty())
	}
	return result(p.Ack())
}

func result[A appender](a A, err error) (appender, error) {
	if err != nil {
		return nil, err
	}
	return a, nil
}

// bytesOf reads a table's notation: hex digits, with blanks, and 'text'.
func bytesOf(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		out = append(out, b...)
	}
	return out
}

func text(s string) *string { return &s }

var golden = []struct {
	wire string
	want appender
}{
	{"10 0c 0004'MQTT' 04 02 003c 0000", Connect{Version: 4, CleanStart: true, KeepAlive: 60}},
	{"10 0d 0004'MQTT' 04 00 0000 0001'a'", Connect{Version: 4, ClientID: "a"}},
	{"10 22 0004'MQTT' 04 ee ffff 0002'id' 0003'w/t' 0002'by' 0004'user' 0003'abc'",
		Connect{Version: 4, CleanStart: true, KeepAlive: 65535, ClientID: "id", Username: text("user"),
			Password: []byte("abc"), Will: &Will{Topic: "w/t", Payload: []byte("by"), QoS: 1, Retain: true}}},
	{"10 10 0004'MQTT' 04 82 0000 0000 0002'me'",
		Connect{Version: 4, CleanStart: true, Username: text("me")}},
	{"20 02 00 00", Connack{}},
	{"20 02 01 00", Connack{SessionPresent: true}},
	{"20 02 00 05", Connack{Code: RefusedUnauthorized}},
	{"30 03 0001'a'", Publish{Topic: []byte("a"), Payload: []byte{}}},
	{"31 05 0001'a' 'hi'", Publish{Topic: []byte("a"), Payload: []byte("hi"), Retain: true}},
	{"3a 06 0001'a' 0102 'x'", Publish{Topic: []byte("a"), Payload: []byte("x"), QoS: 1, ID: 258, Dup: true}},
	{"34 05 0001'/' ffff", Publish{Topic: []byte("/"), Payload: []byte{}, QoS: 2, ID: 65535}},
	{"40 02 0001", Ack{Type: TypePuback, ID: 1}},
	{"50 02 0002", Ack{Type: TypePubrec, ID: 2}},
	{"62 02 0003", Ack{Type: TypePubrel, ID: 3}},
	{"70 02 0004", Ack{Type: TypePubcomp, ID: 4}},
	{"82 0c 0007 0003'a/+' 01 0001'#' 02", Subscribe{ID: 7, Subscriptions: []Subscription{{"a/+", 1}, {"#", 2}}}},
	{"90 05 0007 01 02 80", Suback{ID: 7, Codes: []byte{1, 2, SubackFailure}}},
	{"a2 08 0008 0001'a' 0001'b'", Unsubscribe{ID: 8, Filters: []core.Filter{"a", "b"}}},
	{"a2 07 0008 0003'a/b'", Unsubscribe{ID: 8, Filters: []core.Filter{"a/b"}}},
	{"b0 02 0008", Ack{Type: TypeUnsuback, ID: 8}},
	{"c0 00", empty(TypePingreq)},
	{"d0 00", empty(TypePingresp)},
	{"e0 00", empty(TypeDisconnect)},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		wire := bytesOf(t, g.wire)
		p, err := NewReader(bytes.NewReader(wire), make([]byte, 64), 1<<20).Next()
		if err != nil {
			t.Errorf("%s: %v", g.wire, err)
			continue
		}
		got, err := decode(p)
		if diff := cmp.Diff(g.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", g.wire, err, diff)
		}
		if again := g.want.Append(nil); !bytes.Equal(again, wire) {
			t.Errorf("%s: written as %x", g.wire, again)
		}
	}
}

// TestTruncated cuts every golden packet at every length: in the stream, and
// in the body alone with a fixed header that fits.
func TestTruncated(t *testing.T) {
	for _, g := range golden {
		wire := bytesOf(t, g.wire)
		for n := 1; n < len(wire); n++ {
			_, err := NewReader(bytes.NewReader(wire[:n]), nil, 1<<20).Next()
			if err != io.ErrUnexpectedEOF {
				t.Errorf("%s cut at %d: %v", g.wire, n, err)
			}
		}
		p := Packet{Type: Type(wire[0] >> 4), Flags: wire[0] & 15}
		for n := range len(wire) - 2 {
			p.Body = wire[2 : 2+n]
			if got, err := decode(p); err == nil && bytes.Equal(got.Append(nil), wire) {
				t.Errorf("%s: body of %d bytes decoded to the whole", g.wire, n)
			}
		}
	}
}

func TestTypeString(t *testing.T) {
	if got := TypeSuback.String() + " " + Type(15).String(); got != "SUBACK packet type 15" {
		t.Error(got)
	}
}

package packet

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// accepted are packets that say in more bytes than they need, or in another
// order, what they say.
var accepted = []golden{
	// 3.1.1 does not forbid a remaining length with more bytes than it needs.
	{side{}, "10 8c00 0004'MQTT' 04 02 003c 0000",
		Connect{Version: 4, CleanStart: true, KeepAlive: 60, ReceiveMaximum: 65535, RequestProblem: true}},
	{client311, "c0 80808000", empty(TypePingreq)},
	{side{}, connect5("0f", "02 17 01"),
		Connect{Version: 5, CleanStart: true, KeepAlive: 60, ReceiveMaximum: 65535, RequestProblem: true}},
	{side{}, connect5("17", "0a 26 0000 0000 19 00 22 0000"),
		Connect{Version: 5, CleanStart: true, KeepAlive: 60, ReceiveMaximum: 65535, RequestProblem: true, UserProperties: user("", "")}},
	// What goes on to subscribers stands apart: it is copied together.
	{client5, "30 16 0001'a' 11 01 00 23 0005 03 0000 02 00000007 09 0001 01 'x'",
		Publish{Version: 5, Topic: []byte("a"), Payload: []byte("x"), Alias: 5, Expiry: 7, HasExpiry: true,
			Properties: []byte{1, 0, 3, 0, 0, 9, 0, 1, 1}}},
	{client5, "30 0a 0001'a' 05 01 01 23 0005 'x'",
		Publish{Version: 5, Topic: []byte("a"), Payload: []byte("x"), Alias: 5, Properties: []byte{1, 1}}},
	{client5, "40 03 0001 00", Ack{Version: 5, Type: TypePuback, ID: 1}},
	{client5, "40 04 0001 10 00", Ack{Version: 5, Type: TypePuback, ID: 1, Reason: NoMatchingSubscribers}},
	{client5, "40 07 0001 10 03 1f 0000", Ack{Version: 5, Type: TypePuback, ID: 1, Reason: NoMatchingSubscribers}},
	{client5, "62 04 0001 00 00", Ack{Version: 5, Type: TypePubrel, ID: 1}},
	{client5, "e0 01 00", Disconnect{Version: 5}},
	{client5, "e0 02 04 00", Disconnect{Version: 5, Reason: DisconnectWithWill}},
	{client5, "e0 05 00 03 1c 0000", Disconnect{Version: 5}},
	// A Reader that was not told reads as in 3.1.1.
	{side{}, "30 03 0001'a'", Publish{Topic: []byte("a"), Payload: []byte{}}},
	{side{}, "40 02 0001", Ack{Type: TypePuback, ID: 1}},
}

func TestAccepted(t *testing.T) {
	for _, g := range accepted {
		got, err := g.from.decode(bytesOf(t, g.wire))
		if diff := cmp.Diff(g.want, got); diff != "" || err != nil {
			t.Errorf("%v %s: %v %s", g.from.version, g.wire, err, diff)
		}
	}
}

// TestTruncatedStream cuts every packet of the tables at every byte.
func TestTruncatedStream(t *testing.T) {
	for _, g := range goldens() {
		wire := bytesOf(t, g.wire)
		for n := 1; n < len(wire); n++ {
			for _, buf := range [][]byte{nil, make([]byte, 64)} {
				if _, err := g.from.reader(wire[:n], buf).Next(); err != io.ErrUnexpectedEOF {
					t.Errorf("%s cut at %d: %v", g.wire, n, err)
				}
			}
		}
	}
}

// TestTruncatedBody cuts the body of every packet at every byte, with a fixed
// header that fits. What is left is an error, or says less than the whole.
func TestTruncatedBody(t *testing.T) {
	for _, g := range goldens() {
		p, err := g.from.reader(bytesOf(t, g.wire), nil).Next()
		if err != nil {
			t.Fatal(err)
		}
		whole := p.Body
		for n := range whole {
			p.Body = whole[:n:n]
			got, err := decode(p)
			if err == nil {
				checkLess(t, p, got)
				continue
			}
			checkCut(t, p, err)
		}
	}
}

// checkLess: only a PUBLISH (its payload), a list of filters or codes, and
// what 5.0 lets senders leave out may be shorter, and is written as it was.
func checkLess(t *testing.T, p Packet, got appender) {
	t.Helper()
	switch p.Type {
	case TypeConnect, TypeConnack, TypePingreq, TypePingresp:
		t.Errorf("%v of %x is taken for %+v", p.Type, p.Body, got)
	}
	again := Packet{Type: p.Type, Flags: p.Flags, Version: p.Version, FromServer: p.FromServer, Body: body(t, got.Append(nil))}
	if same, err := decode(again); err != nil || cmp.Diff(got, same) != "" {
		t.Errorf("%v of %x: %v", p.Type, p.Body, err)
	}
}

// checkCut: the error is about the bytes that are missing, and its place is
// within those that are there.
func checkCut(t *testing.T, p Packet, err error) {
	t.Helper()
	e, ok := err.(*Error)
	if !ok || e.Type != p.Type || e.Offset > len(p.Body) || e.Field == "" && e.Offset >= 0 {
		t.Errorf("%v of %x: %v", p.Type, p.Body, err)
	}
	if code := ReasonOf(err); code != MalformedPacket && code != ProtocolError && code != TopicFilterInvalid {
		t.Errorf("%v of %x: %v, answered by %v", p.Type, p.Body, err, code)
	}
}

// body is what follows the fixed header.
func body(t *testing.T, wire []byte) []byte {
	t.Helper()
	p, err := NewReader(bytes.NewReader(wire), nil, MaxPacket).Next()
	if err != nil && wire[0]>>4 != byte(TypeAuth) {
		t.Fatal(err)
	}
	if err != nil {
		return wire[2:]
	}
	return p.Body
}

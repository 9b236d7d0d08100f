package packet

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

// FuzzStream reads any bytes as a stream. Whatever decodes is written and
// decoded again to the same, byte for byte the second time.
func FuzzStream(f *testing.F) {
	for _, g := range golden {
		f.Add(bytesOf(f, g.wire))
	}
	for _, h := range hostile {
		f.Add(bytesOf(f, h.wire))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := NewReader(bytes.NewReader(stream), make([]byte, 32), 1<<16)
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
	for _, g := range golden {
		wire := bytesOf(f, g.wire)
		f.Add(wire[0], wire[2:])
	}
	f.Fuzz(func(t *testing.T, first byte, body []byte) {
		if checkFirst(first) == nil {
			checkAgain(t, Packet{Type: Type(first >> 4), Flags: first & 15, Body: body})
		}
	})
}

func checkAgain(t *testing.T, p Packet) {
	t.Helper()
	got, err := decode(p)
	if err != nil {
		return
	}
	wire := got.Append(nil)
	q, err := NewReader(bytes.NewReader(wire), nil, 1<<28).Next()
	if err != nil {
		t.Fatalf("%x: written as %x: %v", p.Body, wire, err)
	}
	again, err := decode(q)
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Fatalf("%v %s", err, diff)
	}
	if !bytes.Equal(q.Body, p.Body) {
		t.Fatalf("body\n%swritten as\n%s", hex.Dump(p.Body), hex.Dump(q.Body))
	}
}

// TestRoundTrip writes random packets of the kinds that hold most and decodes
// them.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.OneOf(
			rapid.Custom(drawConnect), rapid.Custom(drawPublish), rapid.Custom(drawSubscribe),
		).Draw(t, "packet")
		p, err := NewReader(bytes.NewReader(want.Append(nil)), nil, 1<<28).Next()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(p)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

var anyText = rapid.StringMatching(`[^\x00\x{d800}-\x{dfff}]{0,20}`)

func drawConnect(t *rapid.T) appender {
	c := Connect{Version: Version311, CleanStart: rapid.Bool().Draw(t, "clean"),
		KeepAlive: rapid.Uint16().Draw(t, "keep alive"), ClientID: anyText.Draw(t, "id")}
	if rapid.Bool().Draw(t, "will") {
		c.Will = &Will{Topic: "w", Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "w"),
			QoS: core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")), Retain: rapid.Bool().Draw(t, "retain")}
	}
	if rapid.Bool().Draw(t, "user") {
		c.Username = text(anyText.Draw(t, "name"))
		if rapid.Bool().Draw(t, "pass") {
			c.Password = rapid.SliceOf(rapid.Byte()).Draw(t, "p")
		}
	}
	return c
}

func drawPublish(t *rapid.T) appender {
	m := Publish{Topic: []byte(rapid.StringMatching(`[a-zé/$ ]{1,30}`).Draw(t, "topic")),
		Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
		QoS:     core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")), Retain: rapid.Bool().Draw(t, "retain")}
	if m.QoS > 0 {
		m.ID = rapid.Uint16Min(1).Draw(t, "id")
		m.Dup = rapid.Bool().Draw(t, "dup")
	}
	return m
}

func drawSubscribe(t *rapid.T) appender {
	filters := rapid.SliceOfN(rapid.StringMatching(`[ab+](/[ab+]){0,3}(/#)?`), 1, 9).Draw(t, "filters")
	req := Subscribe{ID: rapid.Uint16Min(1).Draw(t, "id")}
	for _, f := range filters {
		req.Subscriptions = append(req.Subscriptions,
			Subscription{core.Filter(f), core.QoS(rapid.IntRange(0, 2).Draw(t, "qos"))})
	}
	return req
}

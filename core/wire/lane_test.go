package wire

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport"
	"pgregory.net/rapid"
)

func TestLaneFrame(t *testing.T) {
	h, body := sampleClockLane()
	b := AppendLane([]byte("before"), h, body)[6:]
	got, rest, err := DecodeLane(b)
	if err != nil || got != h || !bytes.Equal(rest, body) || !IsLane(b) || IsLane(nil) || IsLane([]byte{typeLaneAck}) {
		t.Fatalf("%+v %x %v", got, rest, err)
	}
	if got, rest, err = DecodeLane(AppendLane(nil, LaneHeader{Incarnation: 1, Credit: 9}, nil)); err != nil || got.Credit != 9 || len(rest) != 0 {
		t.Errorf("frame without messages: %+v %v", got, err)
	}
	if n := len(AppendLane(nil, h, make([]byte, MaxBody))) + SealBytes; n != transport.MaxFrame {
		t.Errorf("the longest body makes a sealed frame of %d bytes", n)
	}
}

func TestLaneFrameHostile(t *testing.T) {
	h, body := sampleLane()
	change := func(do func(*LaneHeader)) []byte {
		h := h
		do(&h)
		return AppendLane(nil, h, body)
	}
	flags := AppendLane(nil, h, body)
	flags[1] = 2
	tests := map[string][]byte{
		"empty":              nil,
		"cut":                AppendLane(nil, h, nil)[:laneBytes-1],
		"another frame":      Append(nil, Probe{}),
		"unknown flags":      flags,
		"clock too high":     change(func(h *LaneHeader) { h.Clock = maxClock + 1 }),
		"no room for it":     change(func(h *LaneHeader) { h.Clock = 1 })[:laneBytes+7],
		"no incarnation":     change(func(h *LaneHeader) { h.Incarnation = 0 }),
		"too many messages":  change(func(h *LaneHeader) { h.Count = math.MaxUint32 }),
		"body, no messages":  change(func(h *LaneHeader) { h.Count = 0 }),
		"sequence 0":         change(func(h *LaneHeader) { h.First = 0 }),
		"sequence overflows": change(func(h *LaneHeader) { h.First = math.MaxUint64 - 1 }),
	}
	for name, b := range tests {
		if got, rest, err := DecodeLane(b); !errors.Is(err, ErrMalformed) || rest != nil || got != (LaneHeader{}) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestMessagesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var body []byte
		var want []core.Message
		o := MessageOptions{Began: began, Publisher: rapid.Bool().Draw(t, "publishers")}
		for range rapid.IntRange(0, 5).Draw(t, "messages") {
			m := drawMessage(t)
			body = AppendMessage(body, &m, o)
			if !o.Publisher {
				m.Publisher = ""
			}
			want = append(want, m)
		}
		for i, w := range want {
			var m MessageView
			var err error
			if m, body, err = NextMessage(body); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			if diff := cmp.Diff(w, messageOf(m), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("message %d (-want +got):\n%s", i, diff)
			}
		}
		if len(body) != 0 {
			t.Fatalf("%d bytes left", len(body))
		}
	})
}

func drawMessage(t *rapid.T) core.Message {
	m := core.Message{
		Topic:     core.Topic(rapid.StringN(1, 300, 65535).Draw(t, "topic")),
		Payload:   rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"),
		QoS:       core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")),
		Retain:    rapid.Bool().Draw(t, "retain"),
		Publisher: rapid.StringN(0, 30, 200).Draw(t, "publisher"),
	}
	var x core.Extra
	if rapid.Bool().Draw(t, "properties") {
		x.Properties = rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "bytes")
	}
	if rapid.Bool().Draw(t, "expires") {
		x.Expires = began.Add(time.Duration(rapid.IntRange(0, 1<<40).Draw(t, "in")) * time.Millisecond)
	}
	if rapid.Bool().Draw(t, "stamped") {
		x.Stamp, x.Node = core.Stamp(rapid.Uint64Range(1, uint64(core.MaxStamp)).Draw(t, "stamp")), uid(rapid.Byte().Draw(t, "node"))
	}
	if x.Properties != nil || !x.Expires.IsZero() || x.Stamp != 0 {
		m.Extra = &x
	}
	return m
}

// messageOf makes a message of a view, whose frame showed the clock 1 when it
// began.
func messageOf(v MessageView) core.Message {
	m := core.Message{Topic: core.Topic(v.Topic), Payload: v.Payload, QoS: v.QoS, Retain: v.Retain, Publisher: string(v.Publisher)}
	if v.Properties != nil || v.Expires != 0 || v.Stamp != 0 {
		m.Extra = &core.Extra{Properties: v.Properties, Stamp: v.Stamp, Node: v.Node}
	}
	if v.Expires != 0 {
		m.Extra.Expires = began.Add(time.Duration(v.Expires-1) * time.Millisecond)
	}
	return m
}

func TestLongMessage(t *testing.T) {
	in := core.Message{Topic: core.Topic(bytes.Repeat([]byte{'t'}, 65535)), Payload: make([]byte, 1<<17)}
	m, rest, err := NextMessage(AppendMessage(nil, &in, MessageOptions{}))
	if err != nil || len(m.Topic) != 65535 || len(m.Payload) != 1<<17 || len(rest) != 0 {
		t.Errorf("%d %d %v", len(m.Topic), len(m.Payload), err)
	}
}

// A message that has nothing but topic and payload takes four bytes beside
// them, as it always did.
func TestPlainMessagesAreNoLonger(t *testing.T) {
	m := &core.Message{Topic: "a/b", Payload: []byte("12345"), QoS: 1, Publisher: "somebody", Extra: &core.Extra{From: core.LaneSeq{Seq: 4}}}
	if b := AppendMessage(nil, m, MessageOptions{}); len(b) != 3+5+3 {
		t.Errorf("%d bytes: %x", len(b), b)
	}
}

func TestClockOfASender(t *testing.T) {
	o := MessageOptions{Began: began}
	for in, want := range map[time.Duration]uint64{-time.Hour: 1, 0: 1, time.Second: 1001, 1<<63 - 1: maxClock} {
		if got := o.Clock(began.Add(in)); got != want {
			t.Errorf("clock after %s: %d, want %d", in, got, want)
		}
	}
}

func TestMessageHostile(t *testing.T) {
	tests := map[string][]byte{
		"empty":                   nil,
		"length without end":      bytes.Repeat([]byte{0xff}, 12),
		"longer than the frame":   {5, 0, 1, 't'},
		"no topic":                {3, 0, 0, 'p'},
		"topic longer than it":    {3, 0, 9, 't'},
		"too short":               {2, 0, 1},
		"QoS 3":                   {3, 3, 1, 't'},
		"unknown flag":            {3, 0x20, 1, 't'},
		"publisher missing":       {3, flagPublisher, 1, 't'},
		"no publisher":            {4, flagPublisher, 1, 't', 0},
		"extension beyond itself": {4, flagExtension, 1, 't', 9},
		"empty extension":         {4, flagExtension, 1, 't', 0},
		"extension of nothing":    {5, flagExtension, 1, 't', 1, 0},
		"unknown extension":       {5, flagExtension, 1, 't', 1, 8},
		"bytes behind it":         {7, flagExtension, 1, 't', 3, hasExpiry, 1, 0},
		"expiry 0":                {6, flagExtension, 1, 't', 2, hasExpiry, 0},
		"expiry in two bytes":     {7, flagExtension, 1, 't', 3, hasExpiry, 0x81, 0},
		"expiry in 200 years":     {12, flagExtension, 1, 't', 8, hasExpiry, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"no properties":           {6, flagExtension, 1, 't', 2, hasProperties, 0},
		"stamp without a node":    {6, flagExtension, 1, 't', 2, hasStamp, 1},
		"topic of 65536 bytes":    append([]byte{0x84, 0x80, 4, 0, 0x80, 0x80, 4}, make([]byte, 65536)...),
	}
	for name, b := range tests {
		if m, rest, err := NextMessage(b); !errors.Is(err, ErrMalformed) || rest != nil || m.Topic != nil || m.Publisher != nil || m.Properties != nil {
			t.Errorf("%s: %+v %v", name, m, err)
		}
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	m := core.Message{Topic: "sensors/1/temperature", Payload: make([]byte, 64), QoS: 1}
	body, frame := make([]byte, 0, 4096), make([]byte, 0, 8192)
	sealer, opener := pair(t)
	allocs := testing.AllocsPerRun(100, func() {
		body = AppendMessage(AppendMessage(body[:0], &m, MessageOptions{}), &m, MessageOptions{Publisher: true})
		frame = AppendLane(frame[:0], LaneHeader{Incarnation: 1, First: 1, Count: 2}, body)
		sealed, err := sealer.Seal(frame)
		if err != nil {
			t.Fatal(err)
		}
		if frame, err = opener.Open(sealed); err != nil {
			t.Fatal(err)
		}
		_, rest, err := DecodeLane(frame)
		for err == nil && len(rest) > 0 {
			_, rest, err = NextMessage(rest)
		}
		if err != nil {
			t.Fatal(err)
		}
		frame = sealed
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a frame there and back", allocs)
	}
}

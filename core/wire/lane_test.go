package wire

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport"
	"pgregory.net/rapid"
)

func TestLaneFrame(t *testing.T) {
	h, body := sampleLane()
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
	flags[1] = 1
	tests := map[string][]byte{
		"empty":              nil,
		"cut":                AppendLane(nil, h, nil)[:laneBytes-1],
		"another frame":      Append(nil, Probe{}),
		"unknown flags":      flags,
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
		for range rapid.IntRange(0, 5).Draw(t, "messages") {
			m := core.Message{
				Topic:   core.Topic(rapid.StringN(1, 300, 65535).Draw(t, "topic")),
				Payload: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"),
				QoS:     core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")),
				Retain:  rapid.Bool().Draw(t, "retain"),
			}
			want = append(want, m)
			body = AppendMessage(body, &m)
		}
		for i, w := range want {
			var m MessageView
			var err error
			if m, body, err = NextMessage(body); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			got := core.Message{Topic: core.Topic(m.Topic), Payload: m.Payload, QoS: m.QoS, Retain: m.Retain}
			if diff := cmp.Diff(w, got); diff != "" {
				t.Fatalf("message %d (-want +got):\n%s", i, diff)
			}
		}
		if len(body) != 0 {
			t.Fatalf("%d bytes left", len(body))
		}
	})
}

func TestLongMessage(t *testing.T) {
	in := core.Message{Topic: core.Topic(bytes.Repeat([]byte{'t'}, 65535)), Payload: make([]byte, 1<<17)}
	m, rest, err := NextMessage(AppendMessage(nil, &in))
	if err != nil || len(m.Topic) != 65535 || len(m.Payload) != 1<<17 || len(rest) != 0 {
		t.Errorf("%d %d %v", len(m.Topic), len(m.Payload), err)
	}
}

func TestMessageFromLaterVersion(t *testing.T) {
	b := []byte{12, flagPublisher | flagExtension | 1, 1, 't', 2, 'i', 'd', 3, 0, 0, 0, 'p', 'q'}
	m, rest, err := NextMessage(append(b, 99))
	if err != nil || string(m.Topic) != "t" || string(m.Payload) != "pq" || m.QoS != 1 || !bytes.Equal(rest, []byte{99}) {
		t.Errorf("%+v %x %v", m, rest, err)
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
		"extension beyond itself": {4, flagExtension, 1, 't', 9},
		"topic of 65536 bytes":    append([]byte{0x84, 0x80, 4, 0, 0x80, 0x80, 4}, make([]byte, 65536)...),
	}
	for name, b := range tests {
		if m, rest, err := NextMessage(b); !errors.Is(err, ErrMalformed) || rest != nil || m.Topic != nil {
			t.Errorf("%s: %+v %v", name, m, err)
		}
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	m := core.Message{Topic: "sensors/1/temperature", Payload: make([]byte, 64), QoS: 1}
	body, frame := make([]byte, 0, 4096), make([]byte, 0, 8192)
	sealer, opener := pair(t)
	allocs := testing.AllocsPerRun(100, func() {
		body = AppendMessage(AppendMessage(body[:0], &m), &m)
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

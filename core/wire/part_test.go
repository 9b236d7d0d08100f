package wire

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func samplePart() (PartHeader, []byte) {
	return PartHeader{Lane: 3, Incarnation: 5, PeerIncarnation: 6, ID: 1 << 40, Offset: 7, Total: 1 << 20}, []byte("piece of a message")
}

func TestPartFrame(t *testing.T) {
	h, body := samplePart()
	b := AppendPart([]byte("before"), h, body)[6:]
	golden(t, "part", b)
	got, rest, err := DecodePart(b)
	if err != nil || got != h || !bytes.Equal(rest, body) || !IsPart(b) || IsPart(nil) || IsLane(b) {
		t.Errorf("%+v %q %v", got, rest, err)
	}
	if _, err := Decode(b); !errors.Is(err, ErrMalformed) {
		t.Errorf("among control frames: %v", err)
	}
	for n := range partBytes + 1 {
		if _, _, err := DecodePart(b[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	for name, change := range map[string]func(*PartHeader){
		"no incarnation":     func(h *PartHeader) { h.Incarnation = 0 },
		"beyond its end":     func(h *PartHeader) { h.Offset = 1<<20 - 17 },
		"offset that wraps":  func(h *PartHeader) { h.Offset = math.MaxUint32 },
		"longer than may be": func(h *PartHeader) { h.Total = MaxMessage + 1 },
		"of nothing":         func(h *PartHeader) { h.Offset, h.Total = 0, 0 },
	} {
		h := h
		change(&h)
		if got, rest, err := DecodePart(AppendPart(nil, h, body)); !errors.Is(err, ErrMalformed) || rest != nil || got != (PartHeader{}) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestReference(t *testing.T) {
	b := AppendReference(nil, 1<<60+5, 2)
	golden(t, "reference", b)
	m, rest, err := NextMessage(append(bytes.Clone(b), 'x'))
	if err != nil || !m.Reference || m.Long != 1<<60+5 || m.QoS != 2 || string(rest) != "x" || m.Topic != nil {
		t.Errorf("%+v %q %v", m, rest, err)
	}
	h := LaneHeader{Incarnation: 1, First: 1, Count: 1}
	if _, _, err := DecodeLane(AppendLane(nil, h, b)); err != nil {
		t.Errorf("in a lane frame: %v", err)
	}
	for name, b := range map[string][]byte{
		"QoS 3":      append([]byte{9, flagReference | 3}, make([]byte, 8)...),
		"too short":  append([]byte{8, flagReference}, make([]byte, 7)...),
		"too long":   append([]byte{10, flagReference}, make([]byte, 9)...),
		"retained":   append([]byte{9, flagReference | flagRetain}, make([]byte, 8)...),
		"with topic": append([]byte{12, flagReference, 2, 't', 't'}, make([]byte, 8)...),
	} {
		if m, _, err := NextMessage(b); !errors.Is(err, ErrMalformed) || m.Reference {
			t.Errorf("%s: %+v %v", name, m, err)
		}
	}
}

// FuzzPart: a piece never reaches outside of its message.
func FuzzPart(f *testing.F) {
	h, body := samplePart()
	f.Add(AppendPart(nil, h, body))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, err := DecodePart(b)
		if err != nil {
			return
		}
		if len(body) == 0 || int(h.Offset)+len(body) > int(h.Total) || h.Total > MaxMessage {
			t.Fatalf("%+v with %d bytes", h, len(body))
		}
		if again := AppendPart(nil, h, body); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/muster-mqtt/muster/core/retained"
)

// FuzzDecode: no input does harm, and what is decoded is encoded to the same.
func FuzzDecode(f *testing.F) {
	for _, frame := range samples() {
		f.Add(Append(nil, frame))
	}
	for _, m := range retainedSamples() {
		f.Add(Append(nil, Retained{retained.Numbered{Number: 1, Message: m}}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := Decode(b)
		if err != nil {
			return
		}
		if _, ok := first.(Unknown); ok {
			return
		}
		second, err := Decode(Append(nil, first))
		if diff := cmp.Diff(first, second, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

// FuzzLane: messages never reach outside of their frame, and a frame taken
// apart and put together again is the same message for message.
func FuzzLane(f *testing.F) {
	h, body := sampleClockLane()
	f.Add(AppendLane(nil, h, body))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, err := DecodeLane(b)
		if err != nil {
			return
		}
		got, again, err := DecodeLane(AppendLane(nil, h, body))
		if err != nil || got != h || string(again) != string(body) {
			t.Fatalf("%+v became %+v, %v", h, got, err)
		}
		for range h.Count {
			before := len(body)
			var m MessageView
			if m, body, err = NextMessage(body); err != nil {
				return
			}
			if m.Reference {
				continue
			}
			again := messageOf(m)
			o := MessageOptions{Began: began, Publisher: true}
			if copied, _, err := NextMessage(AppendMessage(nil, &again, o)); err != nil || !cmp.Equal(copied, m, cmpopts.EquateEmpty()) {
				t.Fatalf("%+v became %+v, %v", m, copied, err)
			}
			if len(m.Topic) == 0 || m.QoS > 2 || len(m.Topic)+len(m.Payload)+len(body) >= before {
				t.Fatalf("message %+v out of %d bytes, %d left", m, before, len(body))
			}
		}
	})
}

// FuzzHandshake: without the cookie nobody is ever done, whatever two frames
// they send to either side.
func FuzzHandshake(f *testing.F) {
	d, a := sides()
	var seen [][]byte
	run(f, d, a, func(_ int, b []byte) []byte { seen = append(seen, b); return b })
	f.Add(true, seen[0], seen[2])
	f.Add(false, seen[1], seen[3])
	f.Add(false, Append(nil, Refuse{Code: 1, Text: "no"}), seen[3])
	d.nonce, a.nonce = 'x', 'y'
	f.Fuzz(func(t *testing.T, accepter bool, first, second []byte) {
		h := d.handshake(t, Dialler)
		if accepter {
			h = a.handshake(t, Accepter)
		}
		for _, frame := range [][]byte{first, second} {
			reply, done, err := h.Step(frame)
			if done || h.Result() != (Peer{}) || len(reply) > MaxHello {
				t.Fatalf("%x gave %x, %v, %v", frame, reply, done, err)
			}
		}
	})
}

// FuzzRows: keys and values of rows.
func FuzzRows(f *testing.F) {
	f.Add(ReachKey(uid(1)), AppendReach(nil, sampleReach()))
	f.Add(RecordKey(), AppendRecord(nil, sampleRecord()))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		if k, err := ParseKey(key); err == nil && k.Kind == RowRoute && RouteKey(k.Filter) != key {
			t.Errorf("key %q is of filter %q", key, k.Filter)
		}
		if m, err := DecodeRecord(value); err == nil {
			if again, err := DecodeRecord(AppendRecord(nil, m)); err != nil || again != m {
				t.Errorf("%+v became %+v, %v", m, again, err)
			}
		}
		if w, err := DecodeReach(value); err == nil {
			if again, err := DecodeReach(AppendReach(nil, w)); err != nil || again != w {
				t.Errorf("%+v became %+v, %v", w, again, err)
			}
		}
	})
}

package session

import (
	"bytes"
	"testing"

	"github.com/muster-mqtt/muster/core"
)

// FuzzDecodeState: no input panics; what is decoded is encoded the same way,
// and what Restore makes of it can be used and exported again.
func FuzzDecodeState(f *testing.F) {
	f.Add(AppendState(nil, full().State(at(60)), byContent))
	f.Add(AppendState(nil, New(Options{}).State(start), byContent))
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := DecodeState(b, numbered)
		if err != nil {
			return
		}
		if again := AppendState(nil, st, number); !bytes.Equal(b, again) {
			t.Fatalf("%x became %x", b, again)
		}
		s, err := Restore(st, start, Options{Limits: limits})
		if err != nil {
			return
		}
		use(t, s)
	})
}

// numbered and number turn any number into a message and back.
func numbered(n uint64) *core.Message {
	return &core.Message{Topic: "t", QoS: core.QoS(n % 3), Extra: &core.Extra{Stamp: core.Stamp(n)}}
}

func number(m *core.Message) uint64 { return uint64(m.Extra.Stamp) }

// use does with a session what a client and its node may.
func use(t *testing.T, s *Session) {
	s.Recover(start)
	s.TakeWill(start)
	s.Connect(start, Peer{Expiry: 1, ReceiveMaximum: 2})
	for range 2000 {
		out, ok := s.Next(start)
		if !ok {
			break
		}
		if id := out.Delivery.ID; out.Pubrel > 0 && !s.Pubcomp(out.Pubrel) || out.Delivery.QoS == 1 && !s.Puback(id) {
			t.Fatalf("%+v is not known", out)
		} else if known, pubrel := s.Pubrec(id, 0); out.Delivery.QoS == 2 && !(known && pubrel && s.Pubcomp(id)) {
			t.Fatalf("%+v is not known", out)
		}
	}
	s.Disconnect(start, Ending{})
	if _, err := Restore(s.State(start), start, Options{}); err != nil {
		t.Fatal(err)
	}
}

// FuzzApply: no sequence of ops panics, each op that is decoded is encoded the
// same way, and the session stays one that can be exported and used.
func FuzzApply(f *testing.F) {
	var all []byte
	for _, op := range everyOp() {
		b := AppendOp(nil, op, byContent)
		all = append(append(all, byte(len(b))), b...)
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := full()
		for len(b) > 0 {
			n := min(int(b[0]), len(b)-1)
			record := b[1 : 1+n]
			b = b[1+n:]
			op, err := DecodeOp(record, numbered)
			if err != nil {
				continue
			}
			if again := AppendOp(nil, op, number); !bytes.Equal(record, again) {
				t.Fatalf("%x became %x", record, again)
			}
			_ = s.Apply(op) // an op out of turn is refused
		}
		use(t, s)
	})
}

// FuzzDecodeMessage: no input panics; what is decoded is encoded the same way,
// unless it has expired.
func FuzzDecodeMessage(f *testing.F) {
	for _, m := range everyMessage() {
		f.Add(AppendMessage(nil, m, start))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMessage(b, start)
		if err != nil || m.Expired(start) {
			return
		}
		if again := AppendMessage(nil, m, start); !bytes.Equal(b, again) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

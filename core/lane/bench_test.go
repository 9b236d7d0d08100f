package lane

import "testing"

// BenchmarkLane appends, takes and acknowledges messages of 64 bytes, a
// window of batches at a time.
func BenchmarkLane(b *testing.B) {
	s := NewSender(Options{})
	msg := make([]byte, 64)
	b.ReportAllocs()
	b.SetBytes(64)
	for i := 0; b.Loop(); i++ {
		s.Append(Item{Body: msg, QoS: 1})
		if i%4096 == 4095 {
			drain(b, s)
		}
	}
}

// BenchmarkLaneSingly has one message under way at a time: the idle case.
func BenchmarkLaneSingly(b *testing.B) {
	s := NewSender(Options{})
	msg := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		s.Append(Item{Body: msg, QoS: 1})
		drain(b, s)
	}
}

func drain(b *testing.B, s *Sender) {
	for {
		if _, ok := s.Next(); !ok {
			break
		}
	}
	if err := s.Ack(s.Last()); err != nil {
		b.Fatal(err)
	}
}

package lane

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/muster-mqtt/muster/core"
)

func TestBatchesGrowWithTheLoad(t *testing.T) {
	s := NewSender(Options{BatchBytes: 40})
	s.Append(Item{Body: message(1, 0), QoS: 1})
	if b, ok := s.Next(); !ok || b.First != 1 || b.Count != 1 {
		t.Fatalf("first batch %+v %v", b, ok)
	}
	for n := uint64(2); n <= 6; n++ {
		s.Append(Item{Body: message(n, 0), QoS: 1})
	}
	for _, want := range []Batch{{First: 2, Count: 2}, {First: 4, Count: 3}} {
		if b, ok := s.Next(); !ok || b.First != want.First || b.Count != want.Count {
			t.Fatalf("batch %d+%d %v, want %d+%d", b.First, b.Count, ok, want.First, want.Count)
		}
	}
	if b, ok := s.Next(); ok {
		t.Fatalf("a batch too many: %+v", b)
	}
}

func TestRoom(t *testing.T) {
	fill := func(qos core.QoS, n int) *Sender {
		s := NewSender(Options{MaxBytes: 1000, QoS0Bytes: 200, BatchBytes: 100})
		for range n {
			s.Append(Item{Body: message(0, 38), QoS: qos}) // 50 bytes
		}
		return s
	}
	tests := []struct {
		name string
		s    *Sender
		n    int
		qos  core.QoS
		want bool
	}{
		{"empty", fill(0, 0), 50, 1, true},
		{"longer than the window, all of it free", fill(0, 0), 5000, 2, true},
		{"longer than the window, not free", fill(1, 1), 5000, 2, false},
		{"full", fill(1, 20), 1, 1, false},
		{"last place", fill(1, 19), 50, 1, true},
		{"QoS 0 full", fill(0, 4), 1, 0, false},
		{"QoS 0 full, but not for QoS 1", fill(0, 4), 50, 1, true},
		{"QoS 0 last place", fill(0, 3), 50, 0, true},
		{"QoS 0 longer than its share, all of it free", fill(1, 1), 300, 0, true},
		{"QoS 0 on a full lane", fill(1, 20), 1, 0, false},
	}
	for _, test := range tests {
		if got := test.s.Room(test.n, test.qos); got != test.want {
			t.Errorf("%s: Room(%d, %d) = %v", test.name, test.n, test.qos, got)
		}
	}
}

func TestImpossibleAcknowledgements(t *testing.T) {
	s := NewSender(Options{})
	s.Append(Item{Body: message(1, 0), QoS: 1})
	if err := s.Ack(1); !errors.Is(err, ErrSequence) {
		t.Errorf("ack of an unsent message: %v", err)
	}
	s.Next()
	for name, try := range map[string]func() error{
		"ack":    func() error { return s.Ack(2) },
		"resume": func() error { return s.Resume(math.MaxUint64) },
		"nak":    func() error { return s.Nak(9) },
	} {
		if err := try(); !errors.Is(err, ErrSequence) || s.Base() != 1 {
			t.Errorf("%s beyond the end: %v, base %d", name, err, s.Base())
		}
	}
	if b, ok := s.Next(); !ok || b.First != 1 {
		t.Errorf("after a refused resume the first batch is %+v %v", b, ok)
	}
	if err := errors.Join(s.Ack(1), s.Ack(0), s.Nak(0), s.Nak(1)); err != nil || s.Base() != 2 {
		t.Errorf("old acknowledgements: %v, base %d", err, s.Base())
	}
}

// The receiver of the old link may accept more after it has said how far it
// was; its acknowledgement then comes on the new link.
func TestAckOfWhatTheOldLinkBrought(t *testing.T) {
	s := NewSender(Options{})
	s.Append(Item{Body: message(1, 0), QoS: 1})
	s.Append(Item{Body: message(2, 0), QoS: 1})
	s.Next()
	if err := errors.Join(s.Resume(0), s.Ack(2)); err != nil {
		t.Fatal(err)
	}
	s.Append(Item{Body: message(3, 0), QoS: 1})
	if b, ok := s.Next(); !ok || b.First != 3 {
		t.Fatalf("next batch %+v %v", b, ok)
	}
}

func TestBodyOutlivesItsAck(t *testing.T) {
	s := NewSender(Options{BatchBytes: 64})
	s.Append(Item{Body: message(1, 0), QoS: 1})
	b, _ := s.Next()
	want := bytes.Clone(b.Body)
	if err := s.Ack(1); err != nil {
		t.Fatal(err)
	}
	for n := uint64(2); n < 200; n++ {
		s.Append(Item{Body: message(n, 0), QoS: 1})
	}
	s.Drop()
	s.Append(Item{Body: message(200, 0), QoS: 1})
	if !bytes.Equal(b.Body, want) {
		t.Errorf("body changed before the following Next: %x", b.Body)
	}
}

func TestReceiverBegin(t *testing.T) {
	tests := []struct {
		name string
		inc  core.Incarnation
		base uint64
		err  error
		want uint64
	}{
		{"same link again", 5, 8, nil, 10},
		{"sender dropped some", 5, 21, nil, 20},
		{"restarted sender", 6, 1, nil, 0},
		{"restarted sender with a tail", 6, 7, nil, 6},
		{"older sender", 4, 1, ErrIncarnation, 10},
		{"no base", 6, 0, ErrSequence, 10},
		{"huge base", 6, math.MaxUint64, ErrSequence, 10},
	}
	for _, test := range tests {
		r := NewReceiver(1 << 20)
		if _, gap := r.Frame(1, 1); !gap {
			t.Errorf("a frame before Begin was taken")
		}
		if err := r.Begin(5, 1); err != nil {
			t.Fatal(err)
		}
		r.Frame(1, 10)
		if err := r.Begin(test.inc, test.base); !errors.Is(err, test.err) || r.Accepted() != test.want {
			t.Errorf("%s: %v, accepted %d, want %d", test.name, err, r.Accepted(), test.want)
		}
	}
}

func TestReceiverFrame(t *testing.T) {
	tests := []struct {
		first    uint64
		count    int
		skip     int
		gap      bool
		accepted uint64
	}{
		{11, 5, 0, false, 15},
		{9, 5, 2, false, 13},
		{1, 10, 10, false, 10},
		{10, 1, 1, false, 10},
		{12, 1, 0, true, 10},
		{11, 0, 0, false, 10},
		{11, -1, 0, false, 10},
		{0, 1, 1, false, 10},
		{math.MaxUint64, math.MaxInt, 0, true, 10},
	}
	for _, test := range tests {
		r := NewReceiver(1 << 20)
		if err := r.Begin(1, 11); err != nil {
			t.Fatal(err)
		}
		skip, gap := r.Frame(test.first, test.count)
		if skip != test.skip || gap != test.gap || r.Accepted() != test.accepted {
			t.Errorf("Frame(%d, %d) = %d, %v; accepted %d", test.first, test.count, skip, gap, r.Accepted())
		}
	}
}

func TestDropCountsWhatIsLost(t *testing.T) {
	for acked := uint64(0); acked <= 200; acked++ {
		s := NewSender(Options{BatchBytes: 12 * 150})
		want, loose := 0, 0
		for seq := uint64(1); seq <= 200; seq++ {
			qos := core.QoS(seq % 3)
			s.Append(Item{Body: message(seq, 0), QoS: qos})
			switch {
			case seq <= acked:
			case qos > 0:
				want++
			default:
				loose++
			}
		}
		for _, more := s.Next(); more; _, more = s.Next() {
		}
		if err := s.Ack(acked); err != nil {
			t.Fatal(err)
		}
		if got, zero := s.Drop(); got != want || zero != loose || s.Bytes() != 0 || s.Base() != 201 {
			t.Errorf("acknowledged %d: dropped %d, want %d; base %d", acked, got, want, s.Base())
		}
	}
}

func TestAckKeepsThePlace(t *testing.T) {
	s := NewSender(Options{BatchBytes: 12})
	for seq := uint64(1); seq <= 6; seq++ {
		s.Append(Item{Body: message(seq, 0), QoS: 1})
	}
	for range 3 {
		s.Next()
	}
	if err := s.Ack(3); err != nil {
		t.Fatal(err)
	}
	for want := uint64(4); want <= 6; want++ {
		if b, ok := s.Next(); !ok || b.First != want {
			t.Fatalf("batch %d %v, want %d", b.First, ok, want)
		}
	}
}

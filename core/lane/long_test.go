package lane

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/core"
)

// longItem is a long message of n bytes, of a publisher.
func longItem(id uint64, n int, from uint64) Item {
	return Item{Body: message(id, 0), Long: bytes.Repeat([]byte{byte(id)}, n), ID: id, QoS: 1, From: from, Token: id}
}

// order plays a lane to its end and tells what left it: parts by letters,
// messages by numbers.
func order(t *testing.T, s *Sender) string {
	t.Helper()
	var out []string
	for b, ok := s.Next(); ok; b, ok = s.Next() {
		if b.Part.Total > 0 {
			out = append(out, string(rune('a'+b.Part.ID)))
			continue
		}
		for i, n := range split(t, b.Body) {
			if i >= b.Count {
				t.Fatalf("batch of %d has more", b.Count)
			}
			out = append(out, string(rune('0'+n)))
		}
	}
	return strings.Join(out, "")
}

// A long message lets the messages of other publishers pass between its parts,
// and none of its own.
func TestOthersPassBetweenParts(t *testing.T) {
	s := NewSender(Options{BatchBytes: 100})
	put := func(n, from uint64) uint64 {
		return s.Append(Item{Body: message(n, 80), QoS: 1, From: from, Token: n})
	}
	put(1, 7)
	if seq := s.Append(longItem(2, 250, 7)); seq != 0 {
		t.Errorf("the long message has sequence %d at once", seq)
	}
	if seq := put(3, 7); seq != 0 {
		t.Errorf("the message behind it has sequence %d", seq)
	}
	for n := uint64(4); n < 8; n++ {
		if seq := put(n, n+10); seq == 0 {
			t.Errorf("message %d of another publisher waits", n)
		}
	}
	if got := order(t, s); got != "c1c4c56723" {
		t.Errorf("they left as %s", got)
	}
	if seq := put(9, 7); seq != s.Last() {
		t.Errorf("after the long message another one has sequence %d, last is %d", seq, s.Last())
	}
}

func TestLateSequences(t *testing.T) {
	s := NewSender(Options{BatchBytes: 100})
	s.Append(longItem(1, 150, 1))
	s.Append(Item{Body: message(2, 0), From: 1, Token: uint64(2)})
	s.Append(Item{Body: message(3, 0), From: 1 + maxTrains, Token: uint64(3)}) // shares its place
	s.Append(longItem(4, 50, 1))
	s.Append(longItem(5, 50, 2))
	var late []Late
	for b, ok := s.Next(); ok; b, ok = s.Next() {
		late = append(late, b.Late...)
	}
	want := []Late{{1, uint64(5)}, {2, uint64(1)}, {3, uint64(2)}, {4, uint64(3)}, {5, uint64(4)}}
	if !slices.Equal(late, want) {
		t.Errorf("late %v, want %v", late, want)
	}
	if err := s.Ack(5); err != nil || s.Bytes() != 0 || s.qos0 != 0 || len(s.trains) != 0 {
		t.Errorf("%v; %d bytes, %d of QoS 0 are held", err, s.Bytes(), s.qos0)
	}
}

// After a new link the parts come again, of messages that have a sequence and
// of those that have none yet.
func TestPartsAreSentAgain(t *testing.T) {
	s := NewSender(Options{BatchBytes: 100})
	s.Append(longItem(1, 150, 1))
	s.Append(longItem(2, 350, 2))
	for range 6 {
		s.Next()
	}
	if err := s.Resume(0); err != nil {
		t.Fatal(err)
	}
	if got := order(t, s); got != "cbcbc1c2" {
		t.Errorf("they left as %s", got)
	}
	if kept, loose := s.Drop(); kept != 2 || loose != 0 || s.Bytes() != 0 {
		t.Errorf("dropped %d and %d, %d bytes are held", kept, loose, s.Bytes())
	}
}

func TestDropCountsWhatHasNoSequence(t *testing.T) {
	s := NewSender(Options{})
	s.Append(longItem(1, 10, 1))
	s.Append(Item{Body: message(2, 0), From: 1})
	s.Append(Item{Body: message(3, 0), From: 2, QoS: core.QoS(2)})
	if kept, loose := s.Drop(); kept != 2 || loose != 1 || s.Bytes() != 0 || s.qos0 != 0 {
		t.Errorf("dropped %d and %d, %d bytes are held", kept, loose, s.Bytes())
	}
	if _, ok := s.Next(); ok {
		t.Error("something is left")
	}
}

// What the receiver grants bounds the lane when it is less than the sender's
// own bound; nothing at all stops the sending, until the next word or link.
func TestGrant(t *testing.T) {
	s := NewSender(Options{MaxBytes: 1000})
	if s.Short() || !s.Room(1000, 1) {
		t.Error("the lane is short before anything is granted")
	}
	s.Grant(100)
	if !s.Short() || !s.Room(5000, 1) {
		t.Error("a message longer than the window finds no room in an empty lane")
	}
	s.Append(Item{Body: message(1, 40), QoS: 1})
	if s.Room(60, 1) || !s.Room(40, 1) {
		t.Error("the window does not bound the lane")
	}
	s.Grant(-1)
	if _, ok := s.Next(); ok || !s.Short() || s.Room(60, 1) || !s.Room(40, 1) {
		t.Error("a lane that is stopped sends, or has another bound")
	}
	s.Grant(5000)
	if b, ok := s.Next(); !ok || b.Count != 1 || s.Short() {
		t.Error("the lane does not go on")
	}
	s.Append(Item{Body: message(2, 900), QoS: 1})
	if s.Append(Item{Body: message(3, 48)}); !s.Spares(940) || s.Spares(941) {
		t.Error("what is held at QoS 0 does not count, or what is held above does")
	}
	s.Grant(0)
	if err := s.Resume(0); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Next(); !ok || s.Short() {
		t.Error("a new link begins with the word of the old one")
	}
}

func TestParts(t *testing.T) {
	whole := []byte("0123456789")
	part := func(offset, n int) func(*Receiver) error {
		return func(r *Receiver) error {
			return r.Part(Part{ID: 1, Offset: offset, Total: 10}, whole[offset:offset+n])
		}
	}
	raw := func(p Part, n int) func(*Receiver) error {
		return func(r *Receiver) error { return r.Part(p, make([]byte, n)) }
	}
	tests := []struct {
		name  string
		parts []func(*Receiver) error
		err   error
		whole bool
	}{
		{"in order", []func(*Receiver) error{part(0, 4), part(4, 6)}, nil, true},
		{"twice", []func(*Receiver) error{part(0, 4), part(0, 4), part(4, 6), part(4, 6)}, nil, true},
		{"a gap", []func(*Receiver) error{part(0, 4), part(8, 2)}, nil, false},
		{"a gap, and again", []func(*Receiver) error{part(4, 6), part(0, 4), part(4, 6)}, nil, true},
		{"empty", []func(*Receiver) error{raw(Part{ID: 1, Total: 10}, 0)}, ErrParts, false},
		{"of nothing", []func(*Receiver) error{raw(Part{ID: 1}, 0)}, ErrParts, false},
		{"beyond its end", []func(*Receiver) error{part(0, 9), raw(Part{ID: 1, Offset: 9, Total: 10}, 2)}, ErrParts, false},
		{"far beyond", []func(*Receiver) error{raw(Part{ID: 1, Offset: math.MaxInt, Total: 10}, 2)}, ErrParts, false},
		{"before its beginning", []func(*Receiver) error{raw(Part{ID: 1, Offset: -1, Total: 10}, 2)}, ErrParts, false},
		{"another length", []func(*Receiver) error{part(0, 4), raw(Part{ID: 1, Offset: 4, Total: 11}, 2)}, ErrParts, false},
		{"too much", []func(*Receiver) error{part(0, 4), raw(Part{ID: 2, Total: 100}, 9)}, ErrParts, false},
	}
	for _, test := range tests {
		r := NewReceiver(12)
		var err error
		for _, p := range test.parts {
			err = errors.Join(err, p(r))
		}
		body, ok := r.Whole(1)
		if !errors.Is(err, test.err) || ok != test.whole || ok && !bytes.Equal(body, whole) {
			t.Errorf("%s: %v, whole %v %q", test.name, err, ok, body)
		}
		if _, again := r.Whole(1); again {
			t.Errorf("%s: it is there twice", test.name)
		}
	}
}

func TestTooManyLongMessages(t *testing.T) {
	r := NewReceiver(1 << 20)
	for id := range uint64(maxWhole) {
		if err := r.Part(Part{ID: id, Total: 2}, []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Part(Part{ID: maxWhole, Total: 2}, []byte{1}); !errors.Is(err, ErrParts) {
		t.Errorf("one more: %v", err)
	}
	if err := r.Begin(1, 1); err != nil || r.parts.held != 0 {
		t.Errorf("a new link: %v, %d bytes held", err, r.parts.held)
	}
}

func TestForget(t *testing.T) {
	r := NewReceiver(10)
	r.Forget(1)
	for id := range uint64(5) {
		if err := r.Part(Part{ID: id, Total: 20}, make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		r.Forget(id)
	}
	if r.parts.held != 0 || len(r.parts.whole) != 0 {
		t.Errorf("%d bytes of %d messages are held", r.parts.held, len(r.parts.whole))
	}
}

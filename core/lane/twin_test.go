package lane

import (
	"encoding/binary"
	"testing"

	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

// message builds a test message: length, number, filler.
func message(number uint64, filler int) []byte {
	m := binary.BigEndian.AppendUint32(nil, uint32(8+filler))
	return append(binary.BigEndian.AppendUint64(m, number), make([]byte, filler)...)
}

// split returns the numbers of the messages of a body.
func split(t failer, body []byte) (numbers []uint64) {
	for len(body) > 0 {
		n := int(binary.BigEndian.Uint32(body))
		numbers = append(numbers, binary.BigEndian.Uint64(body[4:]))
		body = body[4+n:]
	}
	return numbers
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// wire is a frame or an acknowledgement on a hostile link.
type wire struct {
	first   uint64
	numbers []uint64
}

// world is a sender, a receiver and a hostile link, beside the dumb twin: the
// number of messages appended and the number accepted.
type world struct {
	t        *rapid.T
	opts     Options
	s        *Sender
	r        *Receiver
	inc      core.Incarnation
	frames   []wire
	acks     []uint64
	appended uint64
	accepted uint64
	kept     []bool // of every message: QoS 1 and up
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, r: NewReceiver(1 << 20)}
	w.opts = Options{MaxBytes: 600, QoS0Bytes: 200, BatchBytes: 100}
	w.restart()
	return w
}

// restart gives the sender a new incarnation, which knows nothing of the old.
func (w *world) restart() {
	w.inc++
	w.s = NewSender(w.opts)
	w.appended, w.accepted, w.kept = 0, 0, nil
	w.link()
}

// link is a new link: all that was under way is lost.
func (w *world) link() {
	w.frames, w.acks = nil, nil
	if err := w.r.Begin(w.inc, w.s.Base()); err != nil {
		w.t.Fatalf("begin: %v", err)
	}
	if err := w.s.Resume(w.r.Accepted()); err != nil {
		w.t.Fatalf("resume: %v", err)
	}
}

func (w *world) append() {
	filler := rapid.SampledFrom([]int{0, 1, 20, 60, 88, 89, 300, 900}).Draw(w.t, "filler")
	qos := core.QoS(rapid.IntRange(0, 2).Draw(w.t, "qos"))
	m := message(w.appended+1, filler)
	if !w.s.Room(len(m), qos) {
		return
	}
	w.appended++
	w.kept = append(w.kept, qos > 0)
	if seq := w.s.Append(Item{Body: m, QoS: qos}); seq != w.appended || seq != w.s.Last() {
		w.t.Fatalf("append gave %d, want %d", seq, w.appended)
	}
}

func (w *world) take() bool {
	b, ok := w.s.Next()
	if !ok {
		return false
	}
	f := wire{first: b.First, numbers: split(w.t, b.Body)}
	if len(f.numbers) != b.Count || f.numbers[0] != b.First {
		w.t.Fatalf("batch %d+%d holds %v", b.First, b.Count, f.numbers)
	}
	if len(b.Body) > w.opts.BatchBytes && b.Count > 1 {
		w.t.Fatalf("batch of %d bytes", len(b.Body))
	}
	w.frames = append(w.frames, f)
	return true
}

func (w *world) arrive(f wire) {
	skip, gap := w.r.Frame(f.first, len(f.numbers))
	if gap != (f.first > w.accepted+1) {
		w.t.Fatalf("frame %d after %d: gap %v", f.first, w.accepted, gap)
	}
	if gap {
		if err := w.s.Nak(w.r.Accepted() + 1); err != nil {
			w.t.Fatalf("nak: %v", err)
		}
		return
	}
	for _, n := range f.numbers[skip:] {
		if n != w.accepted+1 {
			w.t.Fatalf("accepted %d after %d", n, w.accepted)
		}
		w.accepted = n
	}
	if w.r.Accepted() != w.accepted {
		w.t.Fatalf("Accepted %d, want %d", w.r.Accepted(), w.accepted)
	}
	w.acks = append(w.acks, w.accepted)
}

// pick takes any frame under way: reordered by choice, duplicated when it
// stays, dropped when it does not arrive.
func (w *world) pick() {
	if len(w.frames) == 0 {
		return
	}
	i := rapid.IntRange(0, min(3, len(w.frames)-1)).Draw(w.t, "which")
	f := w.frames[i]
	how := rapid.SampledFrom([]string{"arrive", "arrive", "arrive", "duplicate", "drop"}).Draw(w.t, "how")
	if how != "duplicate" {
		w.frames = append(w.frames[:i:i], w.frames[i+1:]...)
	}
	if how != "drop" {
		w.arrive(f)
	}
}

func (w *world) ack() {
	if len(w.acks) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.acks)-1).Draw(w.t, "ack")
	if err := w.s.Ack(w.acks[i]); err != nil {
		w.t.Fatalf("ack: %v", err)
	}
	w.acks = w.acks[i+1:]
}

// ackPart acknowledges a message in the middle of a batch.
func (w *world) ackPart() {
	seq := rapid.Uint64Range(0, w.accepted).Draw(w.t, "seq")
	if err := w.s.Ack(seq); err != nil {
		w.t.Fatalf("ack: %v", err)
	}
}

func (w *world) drop() {
	want := 0
	for _, kept := range w.kept[w.s.Base()-1:] {
		if kept {
			want++
		}
	}
	if got, _ := w.s.Drop(); got != want {
		w.t.Fatalf("dropped %d, want %d", got, want)
	}
	w.link()
	w.accepted = w.appended
}

// settle lets the link be good until everything has arrived.
func (w *world) settle() {
	w.link()
	for w.take() {
		w.arrive(w.frames[0])
		w.frames = nil
	}
	if err := w.s.Ack(w.r.Accepted()); err != nil {
		w.t.Fatalf("last ack: %v", err)
	}
	if w.accepted != w.appended || w.s.Bytes() != 0 || w.s.Base() != w.s.Last()+1 {
		w.t.Fatalf("accepted %d of %d, %d bytes held", w.accepted, w.appended, w.s.Bytes())
	}
}

// check holds the memory to its documented bound.
func (w *world) check(*rapid.T) {
	held, qos0 := 0, 0
	for _, c := range w.s.queue {
		held += cap(c.body)
		qos0 += c.qos0
	}
	if bound := 2*w.opts.MaxBytes + 3*w.opts.BatchBytes + 912; held > bound || len(w.s.store.free) > maxFree {
		w.t.Fatalf("%d bytes held, bound %d; %d free", held, bound, len(w.s.store.free))
	}
	if qos0 != w.s.qos0 || w.s.Base() > w.s.Last()+1 {
		w.t.Fatalf("qos0 %d, counted %d; base %d, last %d", qos0, w.s.qos0, w.s.Base(), w.s.Last())
	}
}

func TestExactlyOnceInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"":        w.check,
			"append":  func(*rapid.T) { w.append() },
			"append2": func(*rapid.T) { w.append() },
			"take":    func(*rapid.T) { w.take() },
			"pick":    func(*rapid.T) { w.pick() },
			"pick2":   func(*rapid.T) { w.pick() },
			"ack":     func(*rapid.T) { w.ack() },
			"ackPart": func(*rapid.T) { w.ackPart() },
			"cut":     func(*rapid.T) { w.link() },
			"settle":  func(*rapid.T) { w.settle() },
			"restart": func(*rapid.T) { w.restart() },
			"drop":    func(*rapid.T) { w.drop() },
		})
		w.settle()
	})
}

// On a link that loses nothing a gap would be a bug of the sender, which the
// resending after a Nak would hide.
func TestNoGapOnAGoodLink(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"":       w.check,
			"append": func(*rapid.T) { w.append() },
			"take":   func(*rapid.T) { w.take() },
			"arrive": func(*rapid.T) { w.arriveNext() },
			"ack":    func(*rapid.T) { w.ack() },
			"cut":    func(*rapid.T) { w.link() },
		})
	})
}

func (w *world) arriveNext() {
	if len(w.frames) == 0 {
		return
	}
	f := w.frames[0]
	if f.first > w.accepted+1 {
		w.t.Fatalf("frame %d after %d", f.first, w.accepted)
	}
	w.frames = w.frames[1:]
	w.arrive(f)
}

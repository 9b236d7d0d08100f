package lane

import (
	"fmt"
	"slices"

	"github.com/muster-mqtt/muster/core"
)

// Options are the bounds of a Sender, in bytes. A field that is zero or less
// takes its default.
type Options struct {
	MaxBytes   int // unacknowledged messages; 16 MiB
	QoS0Bytes  int // those of them at QoS 0; 4 MiB
	BatchBytes int // body of a batch of more than one message; 64 KiB
	// After is the sequence before the first. Whoever makes a second lane to a
	// peer within one incarnation must choose one above every sequence of the
	// former, or the peer takes the new messages for repeated ones.
	After uint64
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 16 << 20
	}
	if o.QoS0Bytes <= 0 {
		o.QoS0Bytes = 4 << 20
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = 64 << 10
	}
	return o
}

// Batch is a run of messages for one frame.
type Batch struct {
	First uint64 // sequence of the first message
	Count int
	// Body is the messages, one after the other. It is read-only and stays as
	// it is until the following call of Next, whatever else is called
	// meanwhile. So the writer of a link may send it without a copy, unless a
	// writer of a newer link may call Next before it is done.
	Body []byte
	// Part, when its Total is not 0, says that Body is a piece of a long
	// message, with no sequence: First and Count are 0.
	Part Part
	// Late are messages that got their sequence by this call.
	Late []Late
}

// Sender is the sending end of one lane to one peer. Sequences start after
// Options.After and are never used twice. The memory that it holds is below 2*MaxBytes plus
// some 35 times BatchBytes; one message longer than MaxBytes is extra.
//
// A long message (Item.Long) goes in parts, and others go between these. What
// its publisher sends behind it waits, and has no sequence before the long one
// has its own; all of it counts against the bounds from the start.
type Sender struct {
	opts  Options
	queue []*chunk // unacknowledged, in order; the last one is open
	next  int      // first of queue that may hold unsent messages
	last  uint64   // highest sequence given
	acked uint64
	sent  uint64 // highest sequence ever taken by Next, on any link

	trains []*train // long messages that are not all sent, in turn
	turn   bool     // for a part
	window int      // that the receiver grants, in bytes; 0: not said

	stopped bool // the receiver takes nothing in for now

	bytes, qos0 int // held in queue and trains
	store       store
}

// NewSender returns an empty lane.
func NewSender(o Options) *Sender {
	o = o.withDefaults()
	return &Sender{opts: o, last: o.After, acked: o.After, sent: o.After, store: store{size: o.BatchBytes}}
}

// Room reports whether a message of n encoded bytes, its long part included,
// may be appended now. A message longer than a bound is let in when nothing
// counts against it.
func (s *Sender) Room(n int, qos core.QoS) bool {
	if qos == 0 && s.qos0 > 0 && s.qos0+n > s.opts.QoS0Bytes {
		return false
	}
	return s.bytes == 0 || s.bytes+n <= s.limit()
}

// limit is how many bytes may be unacknowledged.
func (s *Sender) limit() int {
	if s.window <= 0 {
		return s.opts.MaxBytes
	}
	return min(s.window, s.opts.MaxBytes)
}

// Grant takes the receiver's word on how many bytes may be unacknowledged. By 0
// it takes nothing in for now: nothing is sent until another word comes, or a
// new link, and what is appended waits within the bounds.
func (s *Sender) Grant(window int) {
	if s.stopped = window <= 0; !s.stopped {
		s.window = window
	}
}

// Short reports whether it is the receiver, and not MaxBytes, that bounds the
// lane.
func (s *Sender) Short() bool { return s.stopped || s.limit() < s.opts.MaxBytes }

// Spares reports whether n bytes keep within the bound beside those that are
// held at QoS 0: whether they will have room once all else is acknowledged.
func (s *Sender) Spares(n int) bool { return s.qos0+n <= s.limit() }

// Append takes in one message and returns its sequence; or 0, if that has to
// wait for a long message and is told by Batch.Late. It does not ask for Room:
// admission is one step over all the lanes that a message needs, and the
// caller's.
func (s *Sender) Append(it Item) uint64 {
	n := it.size()
	s.bytes += n
	if it.QoS == 0 {
		s.qos0 += n
	}
	if t := s.trainOf(&it); t != nil {
		s.board(t, &it)
		return 0
	}
	s.open(len(it.Body)).add(&it)
	s.last++
	return s.last
}

// open returns the chunk that has space for n more bytes.
func (s *Sender) open(n int) *chunk {
	if len(s.queue) > 0 {
		if c := s.queue[len(s.queue)-1]; c.fits(n) {
			return c
		}
	}
	c := s.store.get(n)
	c.first = s.last + 1
	s.queue = append(s.queue, c)
	return c
}

// Next returns the next batch that has not been sent on the current link, with
// everything appended since the last one, up to BatchBytes; so batches grow
// with the load. Parts of long messages take every other turn. It reports false
// when there is none, or when nothing is granted.
func (s *Sender) Next() (Batch, bool) {
	s.store.release()
	if s.stopped {
		return Batch{}, false
	}
	if s.turn = !s.turn; s.turn {
		if b, ok := s.nextPart(); ok {
			return b, true
		}
	}
	if b, ok := s.nextRun(); ok {
		return b, true
	}
	return s.nextPart()
}

// nextRun returns the next of the messages that have a sequence.
func (s *Sender) nextRun() (Batch, bool) {
	for ; s.next < len(s.queue); s.next++ {
		c := s.queue[s.next]
		if !c.long.done() { // once more
			return c.long.take(s.opts.BatchBytes), true
		}
		if c.taken == c.count {
			continue
		}
		b := c.take()
		s.store.hold(c)
		s.sent = max(s.sent, b.First+uint64(b.Count)-1)
		return b, true
	}
	s.next = max(len(s.queue)-1, 0) // the open one may still grow
	return Batch{}, false
}

// Ack forgets everything up to seq: the peer has accepted it. An old
// acknowledgement changes nothing; one of what was never sent is ErrSequence
// and changes nothing.
func (s *Sender) Ack(seq uint64) error {
	if seq > s.sent {
		return fmt.Errorf("%w: acknowledged %d, sent up to %d", ErrSequence, seq, s.sent)
	}
	s.acked = max(s.acked, seq)
	n := 0
	for n < len(s.queue) && s.queue[n].lastSeq() <= s.acked {
		s.free(s.queue[n])
		n++
	}
	s.queue = slices.Delete(s.queue, 0, n)
	s.next = max(s.next-n, 0)
	return nil
}

func (s *Sender) free(c *chunk) {
	s.bytes -= c.size()
	s.qos0 -= c.qos0
	s.store.put(c)
}

// Resume starts over on a new link whose peer has accepted everything up to
// have: that is forgotten, the rest is sent again from the first
// unacknowledged message, and nothing is said about the window. Batches may differ from those of the old link and
// may begin with messages that the peer has; its Receiver skips them. A have
// that was never sent is ErrSequence; then nothing is forgotten.
func (s *Sender) Resume(have uint64) error {
	err := s.Ack(have)
	s.window, s.stopped = 0, false
	s.rewind(0)
	return err
}

// rewind sends everything again from the batch on that has the sequence from.
func (s *Sender) rewind(from uint64) {
	for _, c := range s.queue {
		if c.lastSeq() >= from {
			c.rewind()
		}
	}
	for _, t := range s.trains {
		t.queue[0].rewind()
	}
	s.next = 0
}

// Nak starts over on the same link at from, the first message that the peer
// misses. What is before that stays unacknowledged: the peer has it, but may
// not have kept it yet. An old one changes nothing; one behind what was ever
// sent is ErrSequence.
func (s *Sender) Nak(from uint64) error {
	switch {
	case from == 0 || from <= s.acked:
		return nil
	case from > s.sent+1:
		return fmt.Errorf("%w: %d is missing, sent up to %d", ErrSequence, from, s.sent)
	}
	s.rewind(from)
	return nil
}

// Base returns the first unacknowledged sequence, Last()+1 when there is none.
func (s *Sender) Base() uint64 { return s.acked + 1 }

// Last returns the highest sequence given, 0 before the first.
func (s *Sender) Last() uint64 { return s.last }

// Bytes returns how many bytes count against MaxBytes; 0 when everything has
// been acknowledged.
func (s *Sender) Bytes() int { return s.bytes }

// Drop forgets everything, because the peer is gone for good, and returns how
// many unacknowledged messages that loses: of QoS 1 and up, and of QoS 0.
// Numbering goes on.
func (s *Sender) Drop() (kept, loose int) {
	count := func(c *chunk, skip int) {
		k, l := c.countKept(skip)
		kept, loose = kept+k, loose+l
	}
	for _, c := range s.queue {
		count(c, c.skip(s.acked))
		s.free(c)
	}
	s.unload(func(c *chunk) { count(c, 0) })
	s.queue, s.next = slices.Delete(s.queue, 0, len(s.queue)), 0
	s.acked, s.sent = s.last, s.last
	return kept, loose
}

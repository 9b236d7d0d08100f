package lane

import (
	"slices"

	"github.com/muster-mqtt/muster/core"
)

// maxTrains is how many publishers may have a long message under way on one
// lane at the same time; those beyond share a place.
const maxTrains = 64

// Item is one message for a lane.
type Item struct {
	// Body is the encoded message, its length prefix included; it is copied. Of
	// a long message it is a short one that refers to it.
	Body []byte
	// Long is a message that travels in parts ahead of Body. It is kept, and
	// must not be written to any more; empty for all but the longest.
	Long []byte
	// ID names Long in its parts; never the same one twice on a lane.
	ID  uint64
	QoS core.QoS
	// From is made of the publisher: what is of one From keeps its order.
	From uint64
	// Token comes back in Batch.Late when the message could not be numbered at
	// once.
	Token any
}

func (i *Item) size() int { return len(i.Body) + len(i.Long) }

// Part is a piece of a long message. Its bytes are the body of its Batch.
type Part struct {
	ID            uint64
	Offset, Total int // in bytes
}

// Late tells the sequence of a message that had to wait for a long one of the
// same publisher before it was numbered.
type Late struct {
	Seq   uint64
	Token any
}

// long is a long message and how much of it has been sent on the present link.
type long struct {
	id   uint64
	body []byte
	sent int
}

func (l *long) done() bool { return l == nil || l.sent == len(l.body) }

// take returns the next part, of at most n bytes.
func (l *long) take(n int) Batch {
	from := l.sent
	l.sent = min(from+n, len(l.body))
	return Batch{Part: Part{ID: l.id, Offset: from, Total: len(l.body)}, Body: l.body[from:l.sent:l.sent]}
}

// train is what one publisher has behind a long message, which is the first of
// queue: none of it has a sequence yet, so that others are not held up.
type train struct {
	from  uint64
	queue []*chunk
}

// Busy reports whether long messages are on their way: then what Append takes
// in may have to wait for its sequence.
func (s *Sender) Busy() bool { return len(s.trains) > 0 }

// Long reports whether a long message is held.
func (s *Sender) Long() bool {
	return s.Busy() || slices.ContainsFunc(s.queue, func(c *chunk) bool { return c.long != nil })
}

// trainOf returns the place where a message has to wait, nil for none.
func (s *Sender) trainOf(it *Item) *train {
	if len(s.trains) == 0 && len(it.Long) == 0 {
		return nil
	}
	for _, t := range s.trains {
		if t.from == it.From%maxTrains {
			return t
		}
	}
	if len(it.Long) == 0 {
		return nil
	}
	t := &train{from: it.From % maxTrains}
	s.trains = append(s.trains, t)
	return t
}

// board puts a message into a train.
func (s *Sender) board(t *train, it *Item) {
	var c *chunk
	if k := len(t.queue) - 1; len(it.Long) == 0 && k >= 0 && t.queue[k].fits(len(it.Body)) {
		c = t.queue[k]
	} else {
		c = s.wagon(it)
		t.queue = append(t.queue, c)
	}
	c.late = append(c.late, Late{Seq: uint64(c.count), Token: it.Token})
	c.add(it)
}

// wagon returns an empty chunk for a message. That of a long one holds nothing
// else, so that it travels in a frame of its own.
func (s *Sender) wagon(it *Item) *chunk {
	if len(it.Long) == 0 {
		return s.store.get(len(it.Body))
	}
	return &chunk{body: make([]byte, 0, len(it.Body)), long: &long{id: it.ID, body: it.Long}}
}

// nextPart returns a part of the long message whose turn it is. With the last
// one, what was behind it gets its sequences.
func (s *Sender) nextPart() (Batch, bool) {
	if len(s.trains) == 0 {
		return Batch{}, false
	}
	t := s.trains[0]
	head := t.queue[0]
	b := head.long.take(s.opts.BatchBytes)
	copy(s.trains, s.trains[1:])
	s.trains[len(s.trains)-1] = t
	if head.long.done() {
		b.Late = s.depart(t)
	}
	return b, true
}

// depart numbers the first of a train and everything up to its next long
// message.
func (s *Sender) depart(t *train) (late []Late) {
	n := 0
	for n < len(t.queue) && t.queue[n].long.done() {
		c := t.queue[n]
		c.first = s.last + 1
		s.last += uint64(c.count)
		for _, l := range c.late {
			late = append(late, Late{Seq: c.first + l.Seq, Token: l.Token})
		}
		c.late = nil
		s.queue = append(s.queue, c)
		n++
	}
	if t.queue = t.queue[n:]; len(t.queue) == 0 {
		s.trains = s.trains[:len(s.trains)-1] // nextPart has put it last
	}
	return late
}

// unload forgets what has no sequence yet, and counts it.
func (s *Sender) unload(count func(*chunk)) {
	for _, t := range s.trains {
		for _, c := range t.queue {
			count(c)
			s.free(c)
		}
	}
	s.trains = nil
}

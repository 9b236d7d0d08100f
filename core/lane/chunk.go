package lane

import "math/bits"

// maxFree is how many empty buffers a lane keeps for reuse; the others are
// left to the collector.
const maxFree = 32

// chunk is a buffer of whole messages. Its batches are runs of it; it is
// freed as a whole.
type chunk struct {
	first uint64
	body  []byte
	count int
	qos0  int      // bytes at QoS 0
	marks []uint64 // one bit a message: QoS 1 and up

	taken, takenBytes int // sent on the current link

	long *long  // that the only message refers to; nil for most
	late []Late // while it has no sequence: places and tokens

	freed bool // acknowledged while its batch was held
}

func (c *chunk) fits(n int) bool { return n <= cap(c.body)-len(c.body) }

func (c *chunk) lastSeq() uint64 { return c.first + uint64(c.count) - 1 }

func (c *chunk) add(it *Item) {
	if c.count%64 == 0 {
		c.marks = append(c.marks, 0)
	}
	if it.QoS > 0 {
		c.marks[c.count/64] |= 1 << (c.count % 64)
	} else {
		c.qos0 += it.size()
	}
	c.body = append(c.body, it.Body...)
	c.count++
}

// size is what the chunk counts against the bounds.
func (c *chunk) size() int {
	if c.long != nil {
		return len(c.body) + len(c.long.body)
	}
	return len(c.body)
}

// take returns what has been added since the last take.
func (c *chunk) take() Batch {
	b := Batch{
		First: c.first + uint64(c.taken), Count: c.count - c.taken,
		Body: c.body[c.takenBytes:len(c.body):len(c.body)],
	}
	c.taken, c.takenBytes = c.count, len(c.body)
	return b
}

func (c *chunk) rewind() {
	c.taken, c.takenBytes = 0, 0
	if c.long != nil {
		c.long.sent = 0
	}
}

// countKept counts the messages of QoS 1 and up but for the first skip, and
// those of QoS 0.
func (c *chunk) countKept(skip int) (kept, loose int) {
	n := 0
	for i, w := range c.marks {
		switch from := skip - i*64; {
		case from >= 64:
			continue
		case from > 0:
			w &^= 1<<from - 1
		}
		n += bits.OnesCount64(w)
	}
	return n, c.count - skip - n
}

// skip is how many leading messages have a sequence up to acked.
func (c *chunk) skip(acked uint64) int {
	if acked < c.first {
		return 0
	}
	return int(acked - c.first + 1)
}

// store recycles chunks, and keeps the one whose batch the writer may still
// read out of reuse.
type store struct {
	size int
	free []*chunk
	held *chunk
}

// get returns an empty chunk with space for at least n bytes.
func (s *store) get(n int) *chunk {
	if n > s.size {
		return &chunk{body: make([]byte, 0, n)}
	}
	if k := len(s.free) - 1; k >= 0 {
		c := s.free[k]
		s.free[k] = nil
		s.free = s.free[:k]
		return c
	}
	return &chunk{body: make([]byte, 0, s.size)}
}

func (s *store) put(c *chunk) {
	if c == s.held {
		c.freed = true
		return
	}
	if cap(c.body) != s.size || c.long != nil || len(s.free) == maxFree {
		return
	}
	*c = chunk{body: c.body[:0], marks: c.marks[:0]}
	s.free = append(s.free, c)
}

func (s *store) hold(c *chunk) { s.held = c }

// release ends the hold on the last batch.
func (s *store) release() {
	c := s.held
	s.held = nil
	if c != nil && c.freed {
		s.put(c)
	}
}

package sim

import (
	"container/heap"
	"encoding/binary"
	"hash"
	"hash/fnv"
	"time"
)

// epoch is where virtual time begins.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// maxEvents bounds one run: a world that does not come to rest is a finding.
const maxEvents = 1_000_000

// event is something that happens at a moment; of two at one moment the one
// that was asked for first.
type event struct {
	at  time.Time
	seq uint64
	do  func()
}

// events is a heap of them.
type events []event

var _ heap.Interface = (*events)(nil)

// Len is how many there are.
func (e *events) Len() int { return len(*e) }

// Less orders by moment, then by the order of asking.
func (e *events) Less(i, j int) bool {
	a, b := (*e)[i], (*e)[j]
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.seq < b.seq
}

// Swap exchanges two.
func (e *events) Swap(i, j int) { (*e)[i], (*e)[j] = (*e)[j], (*e)[i] }

// Push adds one at the end; container/heap calls it.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop takes the last; container/heap calls it.
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

// clock is virtual time and what is to happen in it.
type clock struct {
	now   time.Time
	queue events
	seq   uint64
	done  int // events that have happened
	trace hash.Hash64
}

func newClock() clock { return clock{now: epoch, trace: fnv.New64a()} }

// at asks for do to be called once d has passed.
func (c *clock) at(d time.Duration, do func()) {
	c.seq++
	heap.Push(&c.queue, event{at: c.now.Add(max(d, 0)), seq: c.seq, do: do})
}

// next lets the next event happen; false if there is none until end.
func (c *clock) next(end time.Time) bool {
	if len(c.queue) == 0 || c.queue[0].at.After(end) || c.done >= maxEvents {
		c.now = end
		return false
	}
	e := heap.Pop(&c.queue).(event)
	c.now = e.at
	c.done++
	e.do()
	return true
}

// note adds what happened, and when, to the trace, by which two runs are
// compared.
func (c *clock) note(what string, who int, detail uint64) {
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], uint64(c.now.Sub(epoch)))
	binary.BigEndian.PutUint64(b[8:], uint64(who))
	binary.BigEndian.PutUint64(b[16:], detail)
	_, _ = c.trace.Write(b[:])
	_, _ = c.trace.Write([]byte(what))
}

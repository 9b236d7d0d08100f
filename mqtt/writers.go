package mqtt

import (
	"runtime"
	"sync"
)

// writers are the goroutines that write what gathers in outboxes, a few for
// all connections: while one is busy, more gathers for the others, and leaves
// in fewer and larger writes. They never wait for a client.
type writers struct {
	shards []writerShard
	wg     sync.WaitGroup
}

type writerShard struct {
	mu      sync.Mutex
	first   *outbox // a list by outbox.next
	last    *outbox
	running bool
	_       [24]byte // the rest of a cache line
}

func newWriters() *writers {
	return &writers{shards: make([]writerShard, runtime.GOMAXPROCS(0))}
}

// enqueue has o written soon. An outbox is in one list at most once.
func (w *writers) enqueue(o *outbox) {
	s := &w.shards[o.c.number%uint64(len(w.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.first = o
	} else {
		s.last.next = o
	}
	s.last = o
	if !s.running {
		s.running = true
		w.wg.Go(s.run)
	}
}

// run writes until there is nothing left to write.
func (s *writerShard) run() {
	var w writing
	w.try = w.tryWrite
	for o := s.dequeue(); o != nil; o = s.dequeue() {
		o.flush(&w)
	}
}

// dequeue returns nil, and run ends, when the list is empty.
func (s *writerShard) dequeue() *outbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.first
	if o == nil {
		s.running = false
		return nil
	}
	s.first, o.next = o.next, nil
	if s.first == nil {
		s.last = nil
	}
	return o
}

// writing is a write that does not wait; it is used by one goroutine.
type writing struct {
	try    func(uintptr) bool // tryWrite, made once
	parcel parcel
	err    error
}

// tryWrite is called by syscall.RawConn.Write, which waits if it reports
// false.
func (w *writing) tryWrite(fd uintptr) bool {
	w.err = nil
	for b := w.parcel.next(); len(b) > 0; b = w.parcel.next() {
		n, err := tryWrite(fd, b)
		w.parcel.took(n)
		if w.err = err; err != nil || n < len(b) {
			break
		}
	}
	return true
}

package journal

import "time"

// batch is what one write puts down.
type batch struct {
	bytes   []byte // with room for the head
	upTo    uint64 // records
	segment uint64
	sync    bool
}

// How long the writer waits before it tries again.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// write is the goroutine that writes. It ends when Close was called and
// everything is written, or cannot be.
func (j *Journal) write() {
	defer j.teller.finish()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var spare []byte
	for {
		b, ok := j.next(spare, timer)
		if !ok || !j.put(b) {
			return
		}
		j.wrote(b)
		if due, ok := j.out.due(); ok && due <= 0 {
			j.sync()
		}
		spare = keep(b.bytes)
	}
}

// keepMemory is the largest buffer that is used again.
const keepMemory = 1 << 20

func keep(b []byte) []byte {
	if cap(b) > keepMemory {
		return nil
	}
	return b[:0]
}

// next waits for something to write, syncing at the interval meanwhile; false:
// there is nothing and never will be.
func (j *Journal) next(spare []byte, timer *time.Timer) (batch, bool) {
	for {
		b, state := j.take(spare)
		if state != nothing {
			return b, state == taken
		}
		var tick <-chan time.Time
		if due, ok := j.out.due(); ok {
			timer.Reset(due)
			tick = timer.C
		}
		select {
		case <-j.wake:
		case <-tick:
			j.unpark()
			j.sync()
		case <-j.ended:
			j.unpark()
		}
	}
}

// sync is the sync of the interval.
func (j *Journal) sync() {
	if err := j.out.sync(); err != nil {
		j.count.failures.Add(1)
	}
	j.report(j.out.unsynced)
}

type takeState int

const (
	nothing takeState = iota // the writer is parked
	taken
	over
)

func (j *Journal) take(spare []byte) (batch, takeState) {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := batch{segment: j.segment}
	if j.pending.splits {
		b.segment--
	}
	b.bytes, b.upTo = j.pending.take(spare)
	if b.bytes == nil {
		if j.closed {
			return b, over
		}
		j.parked = true
		return b, nothing
	}
	for _, w := range j.waiters {
		b.sync = b.sync || w.sync && w.at <= b.upTo
	}
	j.freeLocked()
	return b, taken
}

// unpark takes back that the writer waits for wake, and a wake that came in
// the same moment.
func (j *Journal) unpark() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.parked {
		<-j.wake
	}
	j.parked = false
}

// put writes a batch, again and again until it is written; false: Close was
// called and it could not be.
func (j *Journal) put(b batch) bool {
	retry := firstRetry
	for {
		err := j.out.put(b)
		if err == nil {
			j.report(j.out.unsynced)
			return true
		}
		j.count.failures.Add(1)
		j.report(err)
		if !j.pause(retry) {
			return false
		}
		retry = min(2*retry, lastRetry)
	}
}

// pause waits before the next try; false: Close was called.
func (j *Journal) pause(d time.Duration) bool {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-j.ended:
		return false
	}
}

// report makes err the health of the log and says what changed.
func (j *Journal) report(err error) {
	was := j.health.Load()
	switch {
	case err != nil:
		j.health.Store(&err)
		if was == nil {
			j.opts.Logger.Error("the journal cannot be written: what clients send is not acknowledged until it can", "dir", j.opts.Dir, "error", err)
		}
	case was != nil:
		j.health.Store(nil)
		j.opts.Logger.Info("the journal is written again", "dir", j.opts.Dir)
	}
}

// wrote counts a batch that is in the log and tells who waited for it.
func (j *Journal) wrote(b batch) {
	j.count.batches.Add(1)
	j.count.bytes.Add(uint64(len(b.bytes)))
	j.mu.Lock()
	j.count.records.Add(b.upTo - j.written.Load())
	j.written.Store(b.upTo)
	n := 0
	for n < len(j.waiters) && j.waiters[n].at <= b.upTo {
		n++
	}
	if n > 0 {
		j.teller.tell(j.waiters[:n])
		kept := copy(j.waiters, j.waiters[n:])
		clear(j.waiters[kept:])
		j.waiters = j.waiters[:kept]
	}
	j.grownLocked()
	j.mu.Unlock()
}

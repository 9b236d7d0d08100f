package journal

import (
	"context"
	"time"
)

// Append implements core.Journal. kind is OwnerKinds or higher. It waits when
// the memory is overfull, see Options.Memory, with what the writer can write;
// after Close it drops and counts.
func (j *Journal) Append(kind byte, record []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.admitLocked(len(record)) {
		j.addLocked(kind, record)
	}
}

// Ready waits while the memory for records is full, until ctx ends (its
// error). Whoever takes work in calls it first, without a lock: then nobody
// has to wait in Append, where others would wait for his locks.
func (j *Journal) Ready(ctx context.Context) error {
	if !j.tight.Load() {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for waits := 0; !j.closed && j.pending.full(0, j.opts.Memory); waits++ {
		if waits == 0 {
			j.count.waits.Add(1)
		}
		room := j.roomLocked()
		j.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			j.mu.Lock()
			return ctx.Err()
		}
		j.mu.Lock()
	}
	return nil
}

// Hurry is called before Close by a process that is about to end: from here on
// nobody waits for a disk that takes nothing. The first record that would have
// to wait ends the log; it and all later ones are dropped and counted.
func (j *Journal) Hurry() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.hurry = true
	j.freeLocked()
}

// overfull is how many times Options.Memory records may take before Append
// waits.
const overfull = 8

// admitLocked waits for memory and reports whether the record is taken.
func (j *Journal) admitLocked(n int) bool {
	for waits := 0; !j.over && !j.closed && j.pending.full(n, overfull*j.opts.Memory); waits++ {
		if j.hurry {
			j.over = true
			break
		}
		if waits == 0 {
			j.count.blocked.Add(1)
		}
		room := j.roomLocked()
		j.mu.Unlock()
		<-room
		j.mu.Lock()
	}
	if j.over || j.closed {
		j.count.dropped.Add(1)
		j.appended.Add(1) // so that Written knows that something is missing
		return false
	}
	return true
}

// roomLocked returns what is closed when there may be memory again.
func (j *Journal) roomLocked() <-chan struct{} {
	if j.room == nil {
		j.room = make(chan struct{})
	}
	j.wakeLocked()
	return j.room
}

func (j *Journal) addLocked(kind byte, record []byte) {
	j.pending.add(kind, record)
	j.appended.Add(1)
	if j.pending.full(0, j.opts.Memory) {
		j.tight.Store(true)
	}
	if j.pending.holds == 0 {
		j.wakeLocked()
	}
}

// freeLocked lets go on who waits for memory.
func (j *Journal) freeLocked() {
	j.tight.Store(false)
	if j.room != nil {
		close(j.room)
		j.room = nil
	}
}

// wakeLocked wakes the writer if it waits.
func (j *Journal) wakeLocked() {
	if j.parked {
		j.parked = false
		j.wake <- struct{}{} // there is room: it was parked
	}
}

// holdWait is how long a Hold waits for the gate at most: whoever holds might
// wait for a lock that the caller has.
const holdWait = 5 * time.Millisecond

// Hold implements core.Journal. Holds of different goroutines may overlap;
// when they do so without end, a new one waits for the end of the others,
// 5 ms at most (counted).
func (j *Journal) Hold() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if gate := j.pending.crowded(); gate != nil {
		j.mu.Unlock()
		j.await(gate)
		j.mu.Lock()
	}
	j.pending.hold()
}

func (j *Journal) await(gate <-chan struct{}) {
	limit := time.NewTimer(holdWait)
	defer limit.Stop()
	select {
	case <-gate:
	case <-limit.C:
		j.count.crowded.Add(1)
	}
}

// Release implements core.Journal.
func (j *Journal) Release() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.pending.release() {
		return
	}
	j.divideLocked()
	if len(j.pending.buf) > batchSize {
		j.wakeLocked()
	}
}

// Written implements core.Journal. done must not block for long: it may delay
// the callbacks of others, though never the writing.
func (j *Journal) Written(done func()) {
	if j.written.Load() >= j.appended.Load() {
		done()
		return
	}
	j.mu.Lock()
	if at := j.appended.Load(); j.written.Load() < at {
		if !j.closed && !j.over {
			j.waiters = append(j.waiters, waiter{at: at, done: done})
		}
		j.mu.Unlock()
		return
	}
	j.mu.Unlock()
	done()
}

// appendSynced is Append of a record of the journal's own; done is called when
// it is with the device.
func (j *Journal) appendSynced(kind byte, done func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.admitLocked(0) {
		return
	}
	j.addLocked(kind, nil)
	j.waiters = append(j.waiters, waiter{at: j.pending.end, sync: true, done: done})
	j.wakeLocked()
}

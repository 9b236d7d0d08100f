package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// limit is the size at which the log is begun anew.
func (j *Journal) limit() int64 { return max(j.opts.Compact, 4*j.live.Load()) }

// grownLocked asks for a new segment when the log has grown too much.
func (j *Journal) grownLocked() {
	if !j.busy && j.opts.Checkpoint != nil && j.sizes.since(0) > j.limit() {
		j.due = true
		j.divideLocked()
	}
}

// divideLocked begins the segment that is due, at a moment without a hold, and
// with it a checkpoint.
func (j *Journal) divideLocked() {
	if !j.due || j.closed || j.pending.holds > 0 || j.pending.splits {
		return
	}
	j.due, j.busy = false, true
	j.pending.divide()
	j.segment++
	number := j.segment
	j.wg.Go(func() { j.checkpoint(number) })
}

// checkpoint lets the owners write their state into a segment and deletes the
// segments before it.
func (j *Journal) checkpoint(number uint64) {
	if err := j.opts.Checkpoint(j.Append); err != nil {
		j.opts.Logger.Error("the journal goes on without being begun anew, until the next start", "dir", j.opts.Dir, "error", err)
		return
	}
	synced := make(chan struct{})
	j.appendSynced(kindEnd, func() { close(synced) })
	select {
	case <-synced:
	case <-j.ended:
		return
	}
	if err := j.deleteBefore(number); err != nil {
		j.opts.Logger.Warn("segments of the journal that are not needed any more could not be deleted", "dir", j.opts.Dir, "error", err)
	}
	j.count.compactions.Add(1)
	j.live.Store(j.sizes.since(number))
	j.mu.Lock()
	j.busy = false
	j.mu.Unlock()
}

// deleteBefore deletes the segments before a number, the oldest first, so that
// what is left is always a log.
func (j *Journal) deleteBefore(number uint64) error {
	for {
		oldest := j.sizes.oldest()
		if oldest >= number {
			return j.dir.sync()
		}
		if err := j.dir.remove(nameOf(oldest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete segment: %w", err)
		}
		j.sizes.forget()
	}
}

// sizes are the lengths of the segments, which follow each other. It may be
// used concurrently.
type sizes struct {
	mu    sync.Mutex
	first uint64 // number of the first
	list  []int64
}

// grow adds n bytes to a segment, the last one or the one after it.
func (s *sizes) grow(number uint64, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == 0 {
		s.first = number
	}
	if number == s.first+uint64(len(s.list)) {
		s.list = append(s.list, 0)
	}
	s.list[number-s.first] += n
}

func (s *sizes) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first, s.list = s.first+1, s.list[1:]
}

func (s *sizes) oldest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// since is the size of all segments from a number on.
func (s *sizes) since(number uint64) (total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, n := range s.list {
		if s.first+uint64(i) >= number {
			total += n
		}
	}
	return total
}

package journal

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Policy says when a batch counts as written. Above 0 it is the interval at
// which the log is synced: a batch counts at once, and a loss of power takes
// at most what came within the interval.
type Policy time.Duration

// The policies that are no interval.
const (
	// Written counts a batch when the operating system has it: it survives
	// the end of the process, not a loss of power.
	Written Policy = 0
	// Always counts a batch when the device has it.
	Always Policy = -1
)

// Options are what a Journal is made of. Zero sizes mean their defaults.
type Options struct {
	Dir  string // made if need be; its data directory is locked by the caller
	Sync Policy
	// Memory is how many bytes of records may wait to be written before Ready
	// waits; 8 MiB. Append waits at eight times as much, not counting records
	// of a hold that has not ended. What is being written comes on top.
	Memory int
	// Compact is the size in bytes at which the log is begun anew, or four
	// times the size of the state when that is more; 64 MiB.
	Compact int64
	// Checkpoint appends the whole state of all owners, piece by piece. It
	// runs in a goroutine of its own, one at a time, while the log goes on.
	// After an error what was there before is kept, and Checkpoint is not
	// called again. Nil: the log is never begun anew.
	Checkpoint func(add func(kind byte, record []byte)) error
	Logger     *slog.Logger

	dir directory // for tests
}

func (o Options) withDefaults() Options {
	o.Memory = cmp.Or(o.Memory, 8<<20)
	o.Compact = cmp.Or(o.Compact, 64<<20)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return o
}

// Journal is a log. New makes it, Recover reads what is there and begins to
// write, Close ends it.
type Journal struct {
	opts  Options
	dir   directory
	count counters

	appended atomic.Uint64 // records so far
	written  atomic.Uint64 // of them, those that are in the log
	tight    atomic.Bool   // Ready may have to wait
	health   atomic.Pointer[error]

	mu      sync.Mutex
	pending pending
	segment uint64   // of the next record
	waiters []waiter // in the order of at
	parked  bool     // the writer waits for wake
	running bool     // there is a writer
	closed  bool
	hurry   bool          // nobody waits any more
	over    bool          // then one had to: nothing is taken any more
	due     bool          // a new segment is wanted
	busy    bool          // a checkpoint runs
	room    chan struct{} // closed when memory is free again; nil: nobody waits
	wake    chan struct{} // to the writer
	ended   chan struct{} // Close was called

	live   atomic.Int64 // size of the state when it was last written whole
	sizes  sizes
	out    output // the writer's own
	teller teller
	wg     sync.WaitGroup
}

var _ core.Journal = (*Journal)(nil)

// waiter is a call of Written that has to wait.
type waiter struct {
	at   uint64 // records that must be written
	sync bool   // with the device, whatever the policy
	done func()
}

// New makes the directory if need be. Nothing is read or written yet, and
// nothing may be appended before Recover has returned.
func New(o Options) (*Journal, error) {
	o = o.withDefaults()
	if o.dir == nil {
		if err := makeDir(o.Dir); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		o.dir = osDir(o.Dir)
	}
	j := &Journal{opts: o, dir: o.dir, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	j.pending.reset()
	j.out = output{dir: o.dir, policy: o.Sync, sizes: &j.sizes, seq: 1}
	j.teller.wake = make(chan struct{}, 1)
	j.segment = 1
	return j, nil
}

// makeDir makes a directory whose entry survives a loss of power.
func makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return osDir(filepath.Dir(path)).sync()
}

// start begins to write, after what the output was set to.
func (j *Journal) start() {
	j.mu.Lock()
	j.running = true
	j.mu.Unlock()
	j.wg.Go(j.write)
	j.wg.Go(j.teller.run)
}

// Health returns nil, or why nothing can be written at present: then no
// callback of Written is called, and appending waits when the memory is full.
// The log tries again by itself.
func (j *Journal) Health() error {
	if err := j.health.Load(); err != nil {
		return *err
	}
	return nil
}

// ErrClosed is returned by a second Close.
var ErrClosed = errors.New("journal closed")

// Close writes and syncs what was appended and ends the goroutines. Its error
// says what could not be written; the callbacks that wait for that are never
// called, and what is appended later is dropped and counted.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.closed = true
	close(j.ended)
	j.freeLocked()
	j.pending.open()
	running := j.running
	j.mu.Unlock()
	j.wg.Wait()
	if !running {
		return nil
	}
	var unwritten error
	if left := j.pending.end - j.written.Load(); left > 0 {
		unwritten = fmt.Errorf("journal: %d records could not be written: %w", left, cmp.Or(j.Health(), ErrClosed))
	}
	return errors.Join(unwritten, j.out.close())
}

func (j *Journal) path(number uint64) string { return filepath.Join(j.opts.Dir, nameOf(number)) }

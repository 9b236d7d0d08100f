package journal

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
)

// owner is what an owner of a log is at its simplest: numbers by key. Records
// are changes "key += value"; the whole state is written as "key = value".
type owner struct {
	mu    sync.Mutex
	state map[string]int
	j     *Journal
	met   map[string]bool // keys that the replay has met
}

type record struct {
	Key   string
	Value int
	Whole bool
}

func (o *owner) add(key string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, known := o.state[key]
	o.state[key] += n
	o.append(record{Key: key, Value: n, Whole: !known})
	if o.state[key] == 0 {
		delete(o.state, key)
	}
}

func (o *owner) append(r record) {
	b, _ := json.Marshal(r)
	o.j.Append(kind, b)
}

// checkpoint writes the state key by key; changes may come between any two.
func (o *owner) checkpoint(func(byte, []byte)) error {
	o.mu.Lock()
	keys := maps.Clone(o.state)
	o.mu.Unlock()
	for key := range keys {
		o.mu.Lock()
		if v, ok := o.state[key]; ok {
			o.append(record{Key: key, Value: v, Whole: true})
		}
		o.mu.Unlock()
	}
	return nil
}

// replay is Yield: a change of a key that was not met yet is contained in the
// whole that follows.
func (o *owner) replay(_ byte, b []byte) error {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return err
	}
	switch {
	case r.Whole:
		o.state[r.Key], o.met[r.Key] = r.Value, true
	case o.met[r.Key]:
		o.state[r.Key] += r.Value
	}
	if o.met[r.Key] && o.state[r.Key] == 0 {
		delete(o.state, r.Key)
		delete(o.met, r.Key)
	}
	return nil
}

// run starts an owner on a directory.
func run(d *memDir, p Policy) (*owner, error) {
	o := &owner{state: map[string]int{}, met: map[string]bool{}}
	o.j, _ = New(Options{dir: d, Sync: p, Compact: 400, Checkpoint: o.checkpoint})
	return o, o.j.Recover(o.replay)
}

// history is a run of an owner: the state after each step, and how many
// changes of the directory there had been when the step was acknowledged.
type history struct {
	dir    *memDir
	states []map[string]int
	acked  []int
}

// lived is a history of so many random steps.
func lived(t *testing.T, steps int, p Policy) (h history) {
	synctest.Test(t, func(t *testing.T) { h = live(t, steps, p) })
	return h
}

// live runs the steps. A step moves a number from a key to another one, in a
// hold, so that half of it would show. Now and then compactions get the time
// to end.
func live(t *testing.T, steps int, p Policy) history {
	h := history{dir: newMemDir(), states: []map[string]int{{}}, acked: []int{0}}
	o, err := run(h.dir, p)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range steps {
		o.j.Hold()
		o.add(fmt.Sprint("k", rng.IntN(4)), 1+i)
		o.add(fmt.Sprint("k", rng.IntN(4)), -1-i)
		o.j.Release()
		h.states = append(h.states, maps.Clone(o.state))
		settled(o.j)
		h.acked = append(h.acked, h.dir.length())
		if i%12 == 0 {
			synctest.Wait()
		}
	}
	shut(t, o.j)
	if n := count(o.j, "journal_compactions_total", ""); n < 3 {
		t.Errorf("only %d compactions", n)
	}
	return h
}

// check says that a directory as it was left after n changes is accepted, has
// everything that was acknowledged then, and nothing by halves; and that a
// node can go on with it.
func (h history) check(t *testing.T, n int, left *memDir, p Policy) {
	t.Helper()
	o, err := run(left, p)
	if err != nil {
		t.Fatalf("after %d changes: %v", n, err)
	}
	defer shut(t, o.j)
	least := 0
	for least+1 < len(h.acked) && h.acked[least+1] <= n {
		least++
	}
	for _, s := range h.states[least:] {
		if maps.Equal(s, o.state) {
			return
		}
	}
	t.Fatalf("after %d changes: %v is no state since step %d, %v", n, o.state, least, h.states[least])
}

// TestKill: a kill at any instant, with any beginning of the write that was
// under way, leaves a directory that recovers to the same state, through
// compactions and through kills of the recovery.
func TestKill(t *testing.T) {
	h := lived(t, 90, Written)
	for n := range len(h.dir.log) + 1 {
		sizes := []int{0}
		if n < len(h.dir.log) && h.dir.log[n].what == "write" {
			all := len(h.dir.log[n].data)
			sizes = append(sizes, 1, 7, batchSize-1, batchSize, all/2, all-1)
		}
		for _, size := range sizes {
			left := h.dir.killed(n, size)
			h.check(t, n, left, Written)
			for again := range len(left.log) {
				twice := h.dir.killed(n, size)
				for _, o := range left.log[:again] {
					twice.apply(o)
				}
				h.check(t, n, twice, Written)
			}
		}
	}
}

// TestPower: with the policy Always, what was acknowledged survives a loss of
// power at any instant, whatever the device has of what was not synced.
func TestPower(t *testing.T) {
	h := lived(t, 90, Always)
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range len(h.dir.log) + 1 {
		for _, keep := range []func(int) int{
			func(int) int { return 0 },
			func(all int) int { return all },
			func(all int) int { return rng.IntN(all + 1) },
		} {
			h.check(t, n, h.dir.unpowered(n, keep), Always)
		}
	}
}

// TestConcurrentOwners: compactions run while many goroutines append; what
// remains is the sum of everything.
func TestConcurrentOwners(t *testing.T) {
	d := newMemDir()
	o, err := run(d, Written)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for a := range 4 {
		wg.Go(func() {
			for i := range 500 {
				o.j.Hold()
				o.add(fmt.Sprint(a, "/", i%10), 1)
				o.add("all", 1)
				o.j.Release()
			}
		})
	}
	wg.Wait()
	shut(t, o.j)
	again, err := run(d, Written)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, again.j)
	if !maps.Equal(o.state, again.state) || again.state["all"] != 2000 {
		t.Errorf("got %v, want %v", again.state, o.state)
	}
}

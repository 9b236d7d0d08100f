package route

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/muster-mqtt/muster/core"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestNeverMissed: while one writer makes the index grow, wear and shrink
// through many arenas, readers never miss a filter that is there throughout,
// and see only values that it had.
func TestNeverMissed(t *testing.T) {
	x := NewIndex[int]()
	for n := range 300 {
		_ = put(x, mixed(n), n)
	}
	arenas := map[*arena[int]]bool{}
	var done atomic.Bool
	var readers sync.WaitGroup
	for r := range 3 {
		readers.Go(func() { read(t, x, r, &done) })
	}
	for round := range 2 {
		for n := 300; n < 8_000; n++ {
			_ = put(x, mixed(n), n)
			_ = put(x, mixed(n%300), n%300) // a new value, equal to the old
			arenas[x.arena.Load()] = true
		}
		for n := 300; n < 8_000; n++ {
			_ = remove(x, mixed(n))
			arenas[x.arena.Load()] = true
		}
		if x.Len() != 300 {
			t.Errorf("round %d: %d filters", round, x.Len())
		}
	}
	done.Store(true)
	readers.Wait()
	if len(arenas) < 12 {
		t.Errorf("only %d arenas", len(arenas))
	}
}

// read looks for the filters that are always there, in all ways there are.
func read(t *testing.T, x *Index[int], r int, done *atomic.Bool) {
	var buf []*int
	for n := r; !done.Load(); n = (n + 7) % 300 {
		topic := core.Topic(fmt.Sprintf("cmd/%d", n))
		switch n % 3 {
		case 1:
			topic = core.Topic(fmt.Sprintf("tele/%d/up", n))
		case 2:
			topic = core.Topic(fmt.Sprintf("site/%d/dev/%d/", n%100, n))
		}
		buf = x.Match(topic, buf[:0])
		v := x.Get(mixed(n))
		if len(buf) != 1 || *buf[0] != n || v == nil || *v != n {
			t.Errorf("%s: %d matches, get %v", topic, len(buf), v)
			return
		}
		if n == r {
			all := 0
			for range x.All() {
				all++
			}
			if all < 300 {
				t.Errorf("all shows %d", all)
				return
			}
		}
	}
}

// TestTableReaders: bits and masks change under readers; a node that routes
// the topic and is live throughout is always there.
func TestTableReaders(t *testing.T) {
	table := filled(t, 8)
	_ = table.Apply(3, "a/+", true)
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for !done.Load() {
				if got := table.Match("a/b"); got&8 == 0 || got&1 != 0 {
					t.Errorf("got %b", got)
					return
				}
				table.MatchFilters("a/b")
			}
		})
	}
	table.SetLive(0, false)
	for n := range 20_000 {
		_ = table.Apply(n%8&^3, "a/+", n&8 == 0)
		_ = table.Apply(1, mixed(n), true)
		table.SetLive(2, n%2 == 0)
		table.SetFlood(5, n%3 == 0)
	}
	table.Release(1)
	done.Store(true)
	readers.Wait()
}

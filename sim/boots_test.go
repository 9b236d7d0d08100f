package sim

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// number reads a number from the environment.
func number(key string, otherwise uint64) uint64 {
	if v, err := strconv.ParseUint(os.Getenv(key), 10, 64); err == nil {
		return v
	}
	return otherwise
}

// seeds are those to run: MUSTER_SEED=N one, MUSTER_PROVE=1 all of `make
// prove`, MUSTER_PROVE=M as many as that, else the few of CI.
func seeds(few, all uint64) (first, count uint64) {
	first, count = number("MUSTER_SEED", 1), few
	if n := number("MUSTER_PROVE", 0); n > 0 {
		count = n
		if n == 1 {
			count = all
		}
	} else if os.Getenv("MUSTER_SEED") != "" {
		count = 1
	}
	return first, count
}

// repeat is the command that runs a seed again.
func repeat(t *testing.T, seed uint64) string {
	return fmt.Sprintf("repeat: MUSTER_SEED=%d go test ./sim -run '^%s$'", seed, t.Name())
}

// Issue 6: random first boots of 3, 5 and 7 nodes, with start offsets of 0 to
// 30 s, a backend that answers late, partially, staly or not at all, nodes that
// are killed and cut off: exactly one cluster each time.
func TestFirstBoots(t *testing.T) {
	for _, nodes := range []int{3, 5, 7} {
		t.Run(strconv.Itoa(nodes), func(t *testing.T) {
			first, count := seeds(50, 1000)
			var settled []time.Duration
			events, founded := 0, 0
			for seed := first; seed < first+count; seed++ {
				r, err := newBoot(seed, nodes).run()
				if err != nil {
					t.Errorf("seed %d: %v\n%s", seed, err, repeat(t, seed))
				}
				settled = append(settled, r.settled)
				events, founded = events+r.events, founded+r.founded
			}
			slices.Sort(settled)
			t.Logf("%d boots of %d nodes, %d events, %d foundings; from the last disturbance to one cluster: median %s, 99 of 100 within %s, at most %s",
				count, nodes, events, founded, settled[count/2], settled[count*99/100], settled[count-1])
		})
	}
}

package load

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// buckets is the number of buckets that durations up to 2^63 ns fall into.
const buckets = 58*32 + 64

// Histogram counts durations in buckets that are at most 1/32 wide: a quantile
// is at most that much too high. The zero value is empty. It is a large value:
// pass pointers. In JSON it is the list of its filled buckets, [index, count].
type Histogram struct {
	counts [buckets]uint64
	total  uint64
}

var (
	_ json.Marshaler   = (*Histogram)(nil)
	_ json.Unmarshaler = (*Histogram)(nil)
)

// Add counts a duration; a negative one, from clocks that disagree, as 0.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.total++
}

// Merge adds what another histogram counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// Count is the number of durations added.
func (h *Histogram) Count() uint64 { return h.total }

// Quantile returns the duration that the part q, 0 to 1, of all does not
// exceed; 0 when there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(h.total))), 1)
	var sum uint64
	for i, n := range h.counts {
		if sum += n; sum >= rank {
			return time.Duration(upper(i))
		}
	}
	return time.Duration(upper(buckets - 1))
}

// bucket numbers durations: 0 to 63 ns one by one, then 32 for each doubling.
func bucket(ns uint64) int {
	exp := max(bits.Len64(ns)-6, 0)
	return exp*32 + int(ns>>exp)
}

// upper is the longest duration of a bucket, in nanoseconds.
func upper(i int) uint64 {
	if i < 64 {
		return uint64(i)
	}
	exp := i/32 - 1
	return uint64(i-exp*32+1)<<exp - 1
}

// MarshalJSON writes the filled buckets.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	filled := [][2]uint64{}
	for i, n := range h.counts {
		if n > 0 {
			filled = append(filled, [2]uint64{uint64(i), n})
		}
	}
	return json.Marshal(filled)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *Histogram) UnmarshalJSON(text []byte) error {
	var filled [][2]uint64
	if err := json.Unmarshal(text, &filled); err != nil {
		return err
	}
	*h = Histogram{}
	for _, f := range filled {
		if f[0] >= buckets {
			return fmt.Errorf("histogram: bucket %d, there are %d", f[0], buckets)
		}
		h.counts[f[0]] += f[1]
		h.total += f[1]
	}
	return nil
}

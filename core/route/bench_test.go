package route

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// BenchmarkMatch measures a table of mixed filters: bytes a route, the time of
// a full collection, and a match that goes to one node.
func BenchmarkMatch(b *testing.B) {
	for _, size := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			before := heap()
			table := filled(b, 3)
			for n := range size {
				_ = table.Apply(n%3, mixed(n), true)
			}
			perRoute := float64(heap()-before) / float64(size)
			start := time.Now()
			runtime.GC()
			collection := time.Since(start)
			topics := make([]core.Topic, 4096)
			for i := range topics {
				topics[i] = topicOf(i * 7919 % size)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if table.Match(topics[i%len(topics)]) == 0 {
					b.Fatal("no match", topics[i%len(topics)])
				}
				i++
			}
			b.ReportMetric(perRoute, "B/route")
			b.ReportMetric(float64(collection.Milliseconds()), "ms/GC")
		})
	}
}

func topicOf(n int) core.Topic {
	switch n % 3 {
	case 0:
		return core.Topic(fmt.Sprintf("cmd/%d", n))
	case 1:
		return core.Topic(fmt.Sprintf("tele/%d/up/a", n))
	}
	return core.Topic(fmt.Sprintf("site/%d/dev/%d/t", n%100, n))
}

// BenchmarkApply adds routes, and deletes them again after a million, rebuilds
// included; one op is one.
func BenchmarkApply(b *testing.B) {
	filters := make([]core.Filter, 1_000_000)
	for n := range filters {
		filters[n] = mixed(n)
	}
	table := filled(b, 3)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		n := i % len(filters)
		_ = table.Apply(n%3, filters[n], i/len(filters)%2 == 0)
		i++
	}
}

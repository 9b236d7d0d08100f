package journal

import (
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
)

type counters struct {
	batches, bytes, records          atomic.Uint64
	waits, blocked, crowded, dropped atomic.Uint64
	cut, recovered                   atomic.Uint64
	compactions, failures            atomic.Uint64
}

// Counters returns everything that the journal counts, always in one order.
func (j *Journal) Counters() []core.Count {
	c := &j.count
	failing := uint64(0)
	if j.Health() != nil {
		failing = 1
	}
	return []core.Count{
		{Name: "journal_batches_total", Value: c.batches.Load()},
		{Name: "journal_written_bytes_total", Value: c.bytes.Load()},
		{Name: "journal_records_total", Value: c.records.Load()},
		{Name: "journal_recovered_records_total", Value: c.recovered.Load()},
		{Name: "journal_cut_bytes_total", Value: c.cut.Load()},
		{Name: "journal_waits_total", Reason: "memory_full", Value: c.waits.Load()},
		{Name: "journal_waits_total", Reason: "memory_overfull", Value: c.blocked.Load()},
		{Name: "journal_waits_total", Reason: "holds_overlap", Value: c.crowded.Load()},
		{Name: "journal_records_dropped_total", Reason: "closed", Value: c.dropped.Load()},
		{Name: "journal_failures_total", Value: c.failures.Load()},
		{Name: "journal_compactions_total", Value: c.compactions.Load()},
		{Name: "journal_failing", Value: failing},
		{Name: "journal_size_bytes", Value: uint64(j.sizes.since(0))},
	}
}

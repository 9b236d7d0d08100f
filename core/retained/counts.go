package retained

import "github.com/muster-mqtt/muster/core"

// counts are what a store counts.
type counts struct {
	repairs, repaired, abandoned uint64
	full, late, outdated         uint64
	expired, tombstonesDropped   uint64
}

func (s *Store) count(w Way) {
	if w == Repaired {
		s.counts.repaired++
	}
}

// Counts returns the counters and the present sizes.
func (s *Store) Counts() []core.Count {
	c := &s.counts
	return []core.Count{
		{Name: "retained_messages", Value: uint64(s.live)},
		{Name: "retained_bytes", Value: uint64(s.bytes)},
		{Name: "retained_tombstones", Value: uint64(s.stream.alive)},
		{Name: "retained_expired_total", Value: c.expired},
		{Name: "retained_repairs_total", Value: c.repairs},
		{Name: "retained_repairs_abandoned_total", Value: c.abandoned},
		{Name: "retained_repaired_total", Value: c.repaired},
		{Name: "retained_dropped_total", Reason: "full", Value: c.full},
		{Name: "retained_dropped_total", Reason: "late", Value: c.late},
		{Name: "retained_dropped_total", Reason: "deleted_while_away", Value: c.outdated},
		{Name: "retained_tombstones_dropped_total", Reason: "too_many", Value: c.tombstonesDropped},
	}
}

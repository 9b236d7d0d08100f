package replica

import "github.com/muster-mqtt/muster/core"

// feedCounts are the counters of the feeds of one table.
type feedCounts struct {
	snapNew, snapLog, snapPull, snapLayout uint64
	resends                                uint64
	badIncarnation, badFuture              uint64
}

func (c *feedCounts) list() []core.Count {
	return []core.Count{
		{Name: "table_snapshots_total", Reason: "incomplete_at_link_up", Value: c.snapNew},
		{Name: "table_snapshots_total", Reason: "log_too_short", Value: c.snapLog},
		{Name: "table_snapshots_total", Reason: "pulled", Value: c.snapPull},
		{Name: "table_snapshots_total", Reason: "rows_moved", Value: c.snapLayout},
		{Name: "table_resends_total", Value: c.resends},
		{Name: "table_answers_refused_total", Reason: "incarnation", Value: c.badIncarnation},
		{Name: "table_answers_refused_total", Reason: "future", Value: c.badFuture},
	}
}

// copyCounts are the counters of one copy.
type copyCounts struct {
	gaps, stale, badIncarnation, malformed uint64
	overRows, overBytes                    uint64
}

func (c *copyCounts) list() []core.Count {
	return []core.Count{
		{Name: "table_gaps_total", Value: c.gaps},
		{Name: "table_messages_ignored_total", Reason: "stale", Value: c.stale},
		{Name: "table_messages_ignored_total", Reason: "incarnation", Value: c.badIncarnation},
		{Name: "table_messages_ignored_total", Reason: "malformed", Value: c.malformed},
		{Name: "table_rows_refused_total", Reason: "row_limit", Value: c.overRows},
		{Name: "table_rows_refused_total", Reason: "byte_limit", Value: c.overBytes},
	}
}

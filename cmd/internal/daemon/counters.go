package daemon

import (
	"slices"

	"github.com/muster-mqtt/muster/core"
)

// counters is everything that this process counts, always in one order.
func (d *daemon) counters() []core.Count {
	return slices.Concat(d.node.Counters(), d.broker.Counters(), d.access.Counters(), d.handshakes.Counts(), d.portCounters(),
		d.natsCounters(), d.journalCounters(), d.pluginCounters())
}

// pluginCounters has one row for each strategy.
func (d *daemon) pluginCounters() (out []core.Count) {
	for _, h := range d.hosts {
		s := h.Status()
		out = append(out, core.Count{Name: "plugin_log_lines_dropped_total", Reason: s.Strategy, Value: s.LogDropped})
	}
	return out
}

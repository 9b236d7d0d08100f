package announce

import (
	"fmt"
	"strings"

	"github.com/muster-mqtt/muster/plugins/mcast/roster"
)

// counts are the frames since the start of the plugin, by what became of them.
type counts struct {
	sent, unsent                                 uint64
	own, limited                                 uint64
	strange, version, cluster, forged, malformed uint64
	heard, repeated, stale, skewed, full         uint64
	stray, faint                                 uint64
}

// outcome counts a frame that was authentic.
func (c *counts) outcome(o roster.Outcome) {
	switch o {
	case roster.Repeated:
		c.repeated++
	case roster.Stale:
		c.stale++
	case roster.Skewed:
		c.skewed++
	case roster.Full:
		c.full++
	default:
		c.heard++
	}
}

// String lists those that are not 0.
func (c *counts) String() string {
	var out []string
	for _, one := range []struct {
		n    uint64
		what string
	}{
		{c.sent, "sent"}, {c.unsent, "could not be sent"}, {c.heard, "heard"}, {c.own, "our own"},
		{c.repeated, "repeated"}, {c.stale, "older than one heard before"}, {c.skewed, "by a clock that differs too much"},
		{c.full, "of nodes for which there is no room"}, {c.forged, "under another key"}, {c.malformed, "malformed"},
		{c.cluster, "of other clusters"}, {c.version, "of other versions"}, {c.strange, "not frames of muster"},
		{c.limited, "over the limit"}, {c.stray, "to another group or by another interface"}, {c.faint, "failed reads"},
	} {
		if one.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", one.n, one.what))
		}
	}
	return "frames: " + strings.Join(out, ", ")
}

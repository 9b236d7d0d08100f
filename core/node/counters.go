package node

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// counters are what this room counts; every bound has one.
type counters struct {
	published, delivered atomic.Uint64
	routed               atomic.Uint64 // a message for each node that it matches: forwarded or dropped
	forwarded, received  atomic.Uint64
	droppedLane          atomic.Uint64 // QoS 0, no room on the lane of a peer
	droppedCredit        atomic.Uint64 // QoS 0, the peer takes no more for now
	droppedLong          atomic.Uint64 // too long for a peer of protocol 1
	paused               atomic.Uint64 // publishes that had to wait for room
	holds, holdTimeouts  atomic.Uint64 // frames that waited for routes, and in vain
	dataLost             atomic.Uint64 // data connections that fell silent
	linksRelayed         atomic.Uint64 // links of ours that go through another node
	relaysOpened         atomic.Uint64 // connections passed on between two others
	relaysEnded          atomic.Uint64 // closed by one of the two
	relaysSilent         atomic.Uint64 // closed since nothing passed
	relaysCrowded        atomic.Uint64 // not opened: too many
	relaysNoWay          atomic.Uint64 // not opened: no such peer, or no answer
	framesRelayed        atomic.Uint64
	bytesRelayed         atomic.Uint64
	changersFull         atomic.Uint64
	refusedPublish       atomic.Uint64 // QoS 1, no room for too long
	tooLarge             atomic.Uint64
	droppedFailed        atomic.Uint64 // matched a peer that had failed by then
	droppedLeft          atomic.Uint64 // matched a peer that had left by then
	incomplete           atomic.Uint64 // acknowledged though a matching peer failed
	droppedSpool         atomic.Uint64 // kept for a peer that is gone for good
	droppedExpired       atomic.Uint64 // had expired when it came out of a lane
	retainedLarge        atomic.Uint64 // too large for a repair, so not retained
	retainedAhead        atomic.Uint64 // with a stamp too far ahead, not retained
	journalCrowded       atomic.Uint64 // frames passed over while the journal took nothing in
	laneGaps, badFrames  atomic.Uint64
	controlOverflow      atomic.Uint64
	hellosRefused        atomic.Uint64 // for no other reason than these
	hellosCluster        atomic.Uint64
	hellosVersion        atomic.Uint64
	hellosCookie         atomic.Uint64
	hellosCertificate    atomic.Uint64
	hellosMalformed      atomic.Uint64
	hellosCrowded        atomic.Uint64 // too many at a time of one address
	waitersRefused       atomic.Uint64
	saveErrors           atomic.Uint64
	stampsAhead          atomic.Uint64
	candidatesDropped    atomic.Uint64
	clusterMerges        atomic.Uint64
}

func (c *counters) counts() []core.Count {
	return []core.Count{
		{Name: "messages_published_total", Value: c.published.Load()},
		{Name: "messages_routed_total", Value: c.routed.Load()},
		{Name: "messages_forwarded_total", Value: c.forwarded.Load()},
		{Name: "messages_received_total", Value: c.received.Load()},
		{Name: "messages_delivered_total", Value: c.delivered.Load()},
		{Name: "messages_dropped_total", Reason: "lane_full", Value: c.droppedLane.Load()},
		{Name: "messages_dropped_total", Reason: "no_credit", Value: c.droppedCredit.Load()},
		{Name: "messages_dropped_total", Reason: "too_long_for_peer", Value: c.droppedLong.Load()},
		{Name: "messages_dropped_total", Reason: "publish_refused", Value: c.refusedPublish.Load()},
		{Name: "messages_dropped_total", Reason: "peer_failed", Value: c.droppedFailed.Load()},
		{Name: "messages_dropped_total", Reason: "peer_left", Value: c.droppedLeft.Load()},
		{Name: "messages_dropped_total", Reason: "too_large", Value: c.tooLarge.Load()},
		{Name: "messages_dropped_total", Reason: "peer_gone", Value: c.droppedSpool.Load()},
		{Name: "messages_dropped_total", Reason: "expired_in_lane", Value: c.droppedExpired.Load()},
		{Name: "retained_dropped_total", Reason: "too_large", Value: c.retainedLarge.Load()},
		{Name: "retained_dropped_total", Reason: "stamp_ahead", Value: c.retainedAhead.Load()},
		{Name: "publish_incomplete_total", Reason: "peer_failed", Value: c.incomplete.Load()},
		{Name: "subscribe_visibility_timeouts_total", Reason: "too_many_waiting", Value: c.waitersRefused.Load()},
		{Name: "frames_passed_over_total", Reason: "journal_full", Value: c.journalCrowded.Load()},
		{Name: "lane_gaps_total", Value: c.laneGaps.Load()},
		{Name: "publishes_paused_total", Value: c.paused.Load()},
		{Name: "lane_frames_held_total", Value: c.holds.Load()},
		{Name: "lane_frames_held_total", Reason: "in_vain", Value: c.holdTimeouts.Load()},
		{Name: "route_changes_untracked_total", Reason: "too_many", Value: c.changersFull.Load()},
		{Name: "links_closed_total", Reason: "data_silent", Value: c.dataLost.Load()},
		{Name: "links_relayed_total", Value: c.linksRelayed.Load()},
		{Name: "relays_opened_total", Value: c.relaysOpened.Load()},
		{Name: "relays_closed_total", Reason: "ended", Value: c.relaysEnded.Load()},
		{Name: "relays_closed_total", Reason: "silent", Value: c.relaysSilent.Load()},
		{Name: "relays_refused_total", Reason: "too_many", Value: c.relaysCrowded.Load()},
		{Name: "relays_refused_total", Reason: "no_way", Value: c.relaysNoWay.Load()},
		{Name: "frames_relayed_total", Value: c.framesRelayed.Load()},
		{Name: "bytes_relayed_total", Value: c.bytesRelayed.Load()},
		{Name: "frames_refused_total", Value: c.badFrames.Load()},
		{Name: "links_closed_total", Reason: "control_queue_full", Value: c.controlOverflow.Load()},
		{Name: "hellos_refused_total", Reason: "too_many_of_one_address", Value: c.hellosCrowded.Load()},
		{Name: "hellos_refused_total", Reason: "not_proved", Value: c.hellosRefused.Load()},
		{Name: "hellos_refused_total", Reason: "other_cluster", Value: c.hellosCluster.Load()},
		{Name: "hellos_refused_total", Reason: "other_protocol", Value: c.hellosVersion.Load()},
		{Name: "hellos_refused_total", Reason: "other_cookie", Value: c.hellosCookie.Load()},
		{Name: "hellos_refused_total", Reason: "certificate_of_another_host", Value: c.hellosCertificate.Load()},
		{Name: "hellos_refused_total", Reason: "malformed", Value: c.hellosMalformed.Load()},
		{Name: "stamps_refused_total", Reason: "ahead", Value: c.stampsAhead.Load()},
		{Name: "candidates_dropped_total", Reason: "too_many", Value: c.candidatesDropped.Load()},
		{Name: "cluster_merges_total", Value: c.clusterMerges.Load()},
		{Name: "data_dir_save_errors_total", Value: c.saveErrors.Load()},
	}
}

// helloRefused counts an inbound hello that came to nothing, by its reason.
func (c *counters) helloRefused(err error) {
	by := &c.hellosRefused
	switch refusalCode(err) {
	case wire.RefuseCluster:
		by = &c.hellosCluster
	case wire.RefuseVersion:
		by = &c.hellosVersion
	case wire.RefuseProof:
		by = &c.hellosCookie
	case wire.RefuseCertificate:
		by = &c.hellosCertificate
	case 0:
		if errors.Is(err, wire.ErrMalformed) || errors.Is(err, transport.ErrFrameTooLong) {
			by = &c.hellosMalformed
		}
	}
	by.Add(1)
}

// Counters returns what this node counts.
func (n *Node) Counters() []core.Count {
	kept := n.retainedCounts()
	n.mu.Lock()
	defer n.mu.Unlock()
	out := append(n.count.counts(), kept...)
	out = append(out, n.members.Counts()...)
	out = append(out, n.table.Counts()...)
	out = append(out, core.Count{Name: "subscribe_visibility_timeouts_total", Reason: "slow_peer", Value: n.visible.timeouts})
	return append(out, n.copyCounts()...)
}

// copyCounts adds up the counters of the copies of all peers, those of peers
// that are gone included: a counter never falls.
func (n *Node) copyCounts() (out []core.Count) {
	sum := maps.Clone(n.retired)
	for _, p := range n.peers {
		sum.add(p.copy.Counts())
	}
	for _, key := range slices.SortedFunc(maps.Keys(sum), compareCounts) {
		out = append(out, core.Count{Name: key.Name, Reason: key.Reason, Value: sum[key]})
	}
	return out
}

// counted sums counters by name and reason; its keys have no value.
type counted map[core.Count]uint64

func (s counted) add(counts []core.Count) {
	for _, c := range counts {
		s[core.Count{Name: c.Name, Reason: c.Reason}] += c.Value
	}
}

func compareCounts(a, b core.Count) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Reason, b.Reason))
}

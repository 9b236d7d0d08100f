package mqtt

import (
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// count names one counter; it is an index of countNames.
type count int

// The counters. Those from endDisconnect to endInternal are also the reasons
// for which a connection ends.
const (
	none count = iota // of a connection: still open

	connectionsOpened
	endDisconnect
	endLost
	endKeepAlive
	endConnectTimeout
	endRefused
	endMalformed
	endProtocol
	endTooLarge
	endTakenOver
	endQuota
	endReceiveMax
	endReauth
	endPublish
	endWrite
	endShutdown
	endInternal

	refusedConnections
	refusedVersion
	refusedClientID
	refusedSessions
	refusedCredentials
	refusedUnauthorized
	refusedBusy
	refusedMethod
	refusedWill
	refusedTooSmall
	acceptErrors
	acceptsDelayed

	publishesReceived
	publishesAgain
	publishesDenied
	publishesRefused
	readsPaused
	readsThrottled
	readsAhead
	acksUnknown
	willsPublished
	willsDenied
	willsRefused
	subscriptionsRefused
	subscriptionsDenied
	subscriptionsUnsupported
	retainedOmitted
	retainedUnseen

	deliveries
	dropSlowConsumer
	dropSessionEnded
	dropOffline
	dropQueueFull
	dropTooLarge
	dropPacketTooLarge
	dropExpired
	dropRefused

	panics
	sessionsExpired
	sessionsDiscarded
	sessionsRecovered

	numCounts
)

var countNames = [numCounts]struct{ name, reason string }{
	connectionsOpened:        {"mqtt_connections_opened_total", ""},
	endDisconnect:            {"mqtt_connections_closed_total", "disconnect"},
	endLost:                  {"mqtt_connections_closed_total", "connection_lost"},
	endKeepAlive:             {"mqtt_connections_closed_total", "keep_alive"},
	endConnectTimeout:        {"mqtt_connections_closed_total", "connect_timeout"},
	endRefused:               {"mqtt_connections_closed_total", "refused"},
	endMalformed:             {"mqtt_connections_closed_total", "malformed_packet"},
	endProtocol:              {"mqtt_connections_closed_total", "protocol_violation"},
	endTooLarge:              {"mqtt_connections_closed_total", "packet_too_large"},
	endTakenOver:             {"mqtt_connections_closed_total", "taken_over"},
	endQuota:                 {"mqtt_connections_closed_total", "quota_exceeded"},
	endReceiveMax:            {"mqtt_connections_closed_total", "receive_maximum_exceeded"},
	endReauth:                {"mqtt_connections_closed_total", "reauthentication_failed"},
	endPublish:               {"mqtt_connections_closed_total", "publish_refused"},
	endWrite:                 {"mqtt_connections_closed_total", "write_failed"},
	endShutdown:              {"mqtt_connections_closed_total", "shutdown"},
	endInternal:              {"mqtt_connections_closed_total", "internal_error"},
	refusedConnections:       {"mqtt_connections_refused_total", "max_connections"},
	refusedVersion:           {"mqtt_connections_refused_total", "protocol_version"},
	refusedClientID:          {"mqtt_connections_refused_total", "client_id"},
	refusedSessions:          {"mqtt_connections_refused_total", "max_sessions"},
	refusedCredentials:       {"mqtt_connections_refused_total", "credentials"},
	refusedUnauthorized:      {"mqtt_connections_refused_total", "not_authorized"},
	refusedBusy:              {"mqtt_connections_refused_total", "busy"},
	refusedMethod:            {"mqtt_connections_refused_total", "authentication_method"},
	refusedWill:              {"mqtt_connections_refused_total", "will"},
	refusedTooSmall:          {"mqtt_connections_refused_total", "maximum_packet_size"},
	acceptErrors:             {"mqtt_accept_errors_total", ""},
	acceptsDelayed:           {"mqtt_accepts_delayed_total", ""},
	publishesReceived:        {"mqtt_publishes_received_total", ""},
	publishesAgain:           {"mqtt_publishes_duplicate_total", ""},
	publishesDenied:          {"mqtt_publishes_dropped_total", "not_authorized"},
	publishesRefused:         {"mqtt_publishes_dropped_total", "refused"},
	readsPaused:              {"mqtt_reads_paused_total", "unanswered"},
	readsThrottled:           {"mqtt_reads_paused_total", "rate"},
	readsAhead:               {"mqtt_reads_ahead_total", ""},
	acksUnknown:              {"mqtt_acks_unknown_total", ""},
	willsPublished:           {"mqtt_wills_published_total", ""},
	willsDenied:              {"mqtt_wills_dropped_total", "not_authorized"},
	willsRefused:             {"mqtt_wills_dropped_total", "refused"},
	subscriptionsRefused:     {"mqtt_subscriptions_refused_total", "max_subscriptions"},
	subscriptionsDenied:      {"mqtt_subscriptions_refused_total", "not_authorized"},
	subscriptionsUnsupported: {"mqtt_subscriptions_refused_total", "unsupported"},
	retainedOmitted:          {"mqtt_retained_omitted_total", ""},
	retainedUnseen:           {"mqtt_retained_unordered_total", ""},
	deliveries:               {"mqtt_deliveries_total", ""},
	dropOffline:              {"mqtt_deliveries_dropped_total", session.Offline.String()},
	dropQueueFull:            {"mqtt_deliveries_dropped_total", session.QueueFull.String()},
	dropTooLarge:             {"mqtt_deliveries_dropped_total", session.TooLarge.String()},
	dropPacketTooLarge:       {"mqtt_deliveries_dropped_total", session.PacketTooLarge.String()},
	dropExpired:              {"mqtt_deliveries_dropped_total", session.Expired.String()},
	dropRefused:              {"mqtt_deliveries_dropped_total", session.Refused.String()},
	dropSlowConsumer:         {"mqtt_deliveries_dropped_total", "slow_consumer"},
	dropSessionEnded:         {"mqtt_deliveries_dropped_total", "session_ended"},
	panics:                   {"mqtt_panics_total", ""},
	sessionsExpired:          {"mqtt_sessions_ended_total", "expired"},
	sessionsDiscarded:        {"mqtt_sessions_ended_total", "discarded"},
	sessionsRecovered:        {"mqtt_sessions_recovered_total", ""},
}

// stripes spreads each counter over cache lines, so that deliveries to
// different clients on different cores do not contend. A power of two.
const stripes = 8

type counters [numCounts][stripes]struct {
	atomic.Uint64
	_ [56]byte // the rest of a cache line
}

// add counts n; stripe is any number, such as the client's.
func (c *counters) add(what count, stripe uint64, n int) {
	c[what][stripe%stripes].Add(uint64(n))
}

var dropCounts = [session.Reasons]count{
	session.Offline: dropOffline, session.QueueFull: dropQueueFull, session.TooLarge: dropTooLarge,
	session.PacketTooLarge: dropPacketTooLarge, session.Expired: dropExpired, session.Refused: dropRefused,
}

// drops counts what a session has given up.
func (c *counters) drops(d session.Drops, stripe uint64) {
	for reason, n := range d {
		if n > 0 {
			c.add(dropCounts[reason], stripe, int(n))
		}
	}
}

func (c *counters) value(what count) (sum uint64) {
	for i := range c[what] {
		sum += c[what][i].Load()
	}
	return sum
}

// Counters returns the value of every counter, always the same ones in the
// same order. mqtt_deliveries_total less all of mqtt_deliveries_dropped_total
// is what was handed to connections or still waits in sessions.
func (b *Broker) Counters() []core.Count {
	all := make([]core.Count, 0, numCounts)
	for what := none + 1; what < numCounts; what++ {
		n := countNames[what]
		all = append(all, core.Count{Name: n.name, Reason: n.reason, Value: b.counters.value(what)})
	}
	return all
}

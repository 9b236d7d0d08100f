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
	endQoS2
	endTakenOver
	endPublish
	endWrite
	endShutdown
	endInternal

	refusedConnections
	refusedVersion
	refusedClientID
	refusedSessions
	acceptErrors

	publishesReceived
	readsPaused
	pubacksUnknown
	willsIgnored
	retainIgnored
	subscriptionsRefused

	deliveries
	dropOffline
	dropQueueFull
	dropTooLarge
	dropSlowConsumer
	dropSessionEnded

	panics
	sessionsExpired
	sessionsDiscarded

	numCounts
)

var countNames = [numCounts]struct{ name, reason string }{
	connectionsOpened:    {"mqtt_connections_opened_total", ""},
	endDisconnect:        {"mqtt_connections_closed_total", "disconnect"},
	endLost:              {"mqtt_connections_closed_total", "connection_lost"},
	endKeepAlive:         {"mqtt_connections_closed_total", "keep_alive"},
	endConnectTimeout:    {"mqtt_connections_closed_total", "connect_timeout"},
	endRefused:           {"mqtt_connections_closed_total", "refused"},
	endMalformed:         {"mqtt_connections_closed_total", "malformed_packet"},
	endProtocol:          {"mqtt_connections_closed_total", "protocol_violation"},
	endTooLarge:          {"mqtt_connections_closed_total", "packet_too_large"},
	endQoS2:              {"mqtt_connections_closed_total", "qos2_unsupported"},
	endTakenOver:         {"mqtt_connections_closed_total", "taken_over"},
	endPublish:           {"mqtt_connections_closed_total", "publish_refused"},
	endWrite:             {"mqtt_connections_closed_total", "write_failed"},
	endShutdown:          {"mqtt_connections_closed_total", "shutdown"},
	endInternal:          {"mqtt_connections_closed_total", "internal_error"},
	refusedConnections:   {"mqtt_connections_refused_total", "max_connections"},
	refusedVersion:       {"mqtt_connections_refused_total", "protocol_version"},
	refusedClientID:      {"mqtt_connections_refused_total", "client_id"},
	refusedSessions:      {"mqtt_connections_refused_total", "max_sessions"},
	acceptErrors:         {"mqtt_accept_errors_total", ""},
	publishesReceived:    {"mqtt_publishes_received_total", ""},
	readsPaused:          {"mqtt_reads_paused_total", ""},
	pubacksUnknown:       {"mqtt_pubacks_unknown_total", ""},
	willsIgnored:         {"mqtt_wills_ignored_total", ""},
	retainIgnored:        {"mqtt_retain_ignored_total", ""},
	subscriptionsRefused: {"mqtt_subscriptions_refused_total", "max_subscriptions"},
	deliveries:           {"mqtt_deliveries_total", ""},
	dropOffline:          {"mqtt_deliveries_dropped_total", string(session.Offline)},
	dropQueueFull:        {"mqtt_deliveries_dropped_total", string(session.QueueFull)},
	dropTooLarge:         {"mqtt_deliveries_dropped_total", string(session.TooLarge)},
	dropSlowConsumer:     {"mqtt_deliveries_dropped_total", "slow_consumer"},
	dropSessionEnded:     {"mqtt_deliveries_dropped_total", "session_ended"},
	panics:               {"mqtt_panics_total", ""},
	sessionsExpired:      {"mqtt_sessions_ended_total", "expired"},
	sessionsDiscarded:    {"mqtt_sessions_ended_total", "discarded"},
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

// drop counts what a session has given up.
func (c *counters) drop(d session.Drop, stripe uint64) {
	if d.Count == 0 {
		return
	}
	what := dropQueueFull
	switch d.Reason {
	case session.Offline:
		what = dropOffline
	case session.TooLarge:
		what = dropTooLarge
	}
	c.add(what, stripe, d.Count)
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

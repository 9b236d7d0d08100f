package listen

import (
	"errors"
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
)

// The handshake in which a connection failed.
var (
	errTLS  = errors.New("TLS handshake")
	errHTTP = errors.New("WebSocket handshake")
)

// Counters count the handshakes of listeners; several may share one.
type Counters struct {
	done, tls, http, late, evicted atomic.Uint64
}

func (c *Counters) count(err error) {
	switch {
	case err == nil:
		c.done.Add(1)
	case timedOut(err):
		c.late.Add(1)
	case errors.Is(err, errHTTP):
		c.http.Add(1)
	default:
		c.tls.Add(1)
	}
}

// Counts returns the value of every counter, always the same ones in the same
// order. Those that were evicted are counted as failed too.
func (c *Counters) Counts() []core.Count {
	return []core.Count{
		{Name: "mqtt_handshakes_total", Value: c.done.Load()},
		{Name: "mqtt_handshakes_failed_total", Reason: "tls", Value: c.tls.Load()},
		{Name: "mqtt_handshakes_failed_total", Reason: "websocket", Value: c.http.Load()},
		{Name: "mqtt_handshakes_failed_total", Reason: "timeout", Value: c.late.Load()},
		{Name: "mqtt_handshakes_evicted_total", Value: c.evicted.Load()},
	}
}

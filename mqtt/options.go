package mqtt

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/muster-mqtt/muster/mqtt/session"
)

// Options are what a Broker needs.
type Options struct {
	Cluster Cluster      // required
	Logger  *slog.Logger // nil: nothing is logged
	Limits  Limits
}

// Limits bound what clients may use. Of each field 0 means the default.
type Limits struct {
	MaxPacket        int           // bytes from a client, fixed header included; 1 MiB
	MaxClientID      int           // bytes; 256
	MaxSessions      int           // sessions of this node, connected or not; 262144
	MaxSubscriptions int           // of one session; 10000
	MaxFilterBytes   int           // of the filters of those; 1 MiB
	MaxInflight      int           // QoS 1 messages sent and not acknowledged, 1 to 65535; 64
	MaxQueue         int           // messages that wait for one session; 1000
	MaxQueueBytes    int           // topics and payloads of those; 8 MiB, at least MaxPacket
	MaxPending       int           // publishes and subscribes of a connection not yet answered; 1024
	OutBuffer        int           // bytes waiting for one connection before deliveries stop; 1 MiB
	SessionExpiry    time.Duration // of a persistent session whose client is away; 2 h
	ConnectTimeout   time.Duration // from the opening of a connection to its CONNECT; 5 s
	WriteTimeout     time.Duration // for 64 KiB to leave; 30 s
}

// ListenerOptions belong to one listener.
type ListenerOptions struct {
	ID             string // for logs and lists, such as tcp.default
	MaxConnections int    // at a time; more are closed at once; 0 is 100000
}

const defaultMaxConnections = 100_000

// ErrOptions is wrapped by every error of New.
var ErrOptions = errors.New("mqtt options")

// withDefaults fills in the defaults and checks the rest.
func (l Limits) withDefaults() (Limits, error) {
	for _, f := range []struct {
		name    string
		value   *int
		std, hi int
	}{
		{"MaxPacket", &l.MaxPacket, 1 << 20, 268_435_460},
		{"MaxClientID", &l.MaxClientID, 256, 65535},
		{"MaxSessions", &l.MaxSessions, 1 << 18, 1 << 30},
		{"MaxSubscriptions", &l.MaxSubscriptions, 10_000, 1 << 30},
		{"MaxFilterBytes", &l.MaxFilterBytes, 1 << 20, 1 << 30},
		{"MaxInflight", &l.MaxInflight, 64, 65535},
		{"MaxQueue", &l.MaxQueue, 1000, 1 << 30},
		{"MaxQueueBytes", &l.MaxQueueBytes, 8 << 20, 1 << 30},
		{"MaxPending", &l.MaxPending, 1024, 65535},
		{"OutBuffer", &l.OutBuffer, 1 << 20, 1 << 30},
	} {
		*f.value = cmp.Or(*f.value, f.std)
		if *f.value < 1 || *f.value > f.hi {
			return l, fmt.Errorf("%s = %d is not in 1..%d: %w", f.name, *f.value, f.hi, ErrOptions)
		}
	}
	if l.MaxQueueBytes < l.MaxPacket {
		return l, fmt.Errorf("MaxQueueBytes = %d is below MaxPacket = %d: %w", l.MaxQueueBytes, l.MaxPacket, ErrOptions)
	}
	return l.withDurations()
}

func (l Limits) withDurations() (Limits, error) {
	for _, f := range []struct {
		name  string
		value *time.Duration
		std   time.Duration
	}{
		{"SessionExpiry", &l.SessionExpiry, 2 * time.Hour},
		{"ConnectTimeout", &l.ConnectTimeout, 5 * time.Second},
		{"WriteTimeout", &l.WriteTimeout, 30 * time.Second},
	} {
		*f.value = cmp.Or(*f.value, f.std)
		if *f.value < 0 {
			return l, fmt.Errorf("%s = %v is negative: %w", f.name, *f.value, ErrOptions)
		}
	}
	return l, nil
}

func (l Limits) session() session.Limits {
	return session.Limits{
		Inflight: l.MaxInflight, Queue: l.MaxQueue,
		QueueBytes: l.MaxQueueBytes, Subscriptions: l.MaxSubscriptions, FilterBytes: l.MaxFilterBytes,
	}
}

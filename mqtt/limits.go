package mqtt

import (
	"cmp"
	"fmt"
	"runtime"
	"time"

	"github.com/muster-mqtt/muster/mqtt/session"
)

// Limits bound what clients may use. Of each field 0 means the default.
type Limits struct {
	MaxPacket        int // bytes from a client, fixed header included; 1 MiB
	MaxClientID      int // bytes; 256
	MaxSessions      int // sessions of this node, connected or not; 262144
	MaxSubscriptions int // of one session; 10000
	MaxFilterBytes   int // of the filters of those; 1 MiB
	MaxInflight      int // messages sent and not acknowledged, 1 to 65535; 64
	MaxQueue         int // messages that wait for one session; 1000
	MaxQueueBytes    int // topics and payloads of those; 8 MiB, at least MaxPacket
	// ReceiveMaximum is how many messages of QoS 1 and 2 a client may send
	// before one of them is acknowledged, 1 to 65535; 1024. One of 5.0 that
	// sends more is disconnected, from one of 3.1.1 no more is read meanwhile.
	ReceiveMaximum int
	MaxTopicAlias  int // topic aliases that a client may set, up to 65535; 64; below 0: none
	MaxRetained    int // retained messages that one SUBSCRIBE may bring; 100000
	MaxLogins      int // checks of passwords at a time; twice the processors
	OutBuffer      int // bytes waiting for one connection before deliveries stop; 1 MiB
	// SessionExpiry is how long the session of a client of 3.1.1 without
	// CleanSession outlives its connection, and how long one of 5.0 may; 2 h.
	SessionExpiry  time.Duration
	KeepAlive      time.Duration // the longest keep-alive of a client of 5.0, up to 65535 s; 0: any
	ConnectTimeout time.Duration // from the opening of a connection to its CONNECT; 5 s
	LoginTimeout   time.Duration // of a login, its turn included; 10 s
	WriteTimeout   time.Duration // for 64 KiB to leave; 30 s

	MaxQoS      int  // 1 refuses messages of QoS 2, below 0 those of QoS 1 as well
	NoRetain    bool // refuse retained messages
	NoWildcards bool // refuse filters with wildcards
	NoShared    bool // refuse shared subscriptions
	// ResponseInformation is what a client of 5.0 gets that asks for it: the
	// beginning of topics for its responses [MQTT-3.1.2-28].
	ResponseInformation string
}

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
		{"ReceiveMaximum", &l.ReceiveMaximum, 1024, 65535},
		{"MaxRetained", &l.MaxRetained, 100_000, 1 << 30},
		{"MaxLogins", &l.MaxLogins, 2 * runtime.GOMAXPROCS(0), 1 << 16},
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
	return l.withFeatures()
}

// withFeatures does those of which 0 or less has a meaning.
func (l Limits) withFeatures() (Limits, error) {
	l.MaxTopicAlias = max(cmp.Or(l.MaxTopicAlias, 64), 0)
	l.MaxQoS = max(cmp.Or(l.MaxQoS, 2), 0)
	switch {
	case l.MaxTopicAlias > 65535:
		return l, fmt.Errorf("MaxTopicAlias = %d is above 65535: %w", l.MaxTopicAlias, ErrOptions)
	case l.MaxQoS > 2:
		return l, fmt.Errorf("MaxQoS = %d is above 2: %w", l.MaxQoS, ErrOptions)
	case len(l.ResponseInformation) > 1024:
		return l, fmt.Errorf("ResponseInformation has %d bytes, more than 1024: %w", len(l.ResponseInformation), ErrOptions)
	case l.KeepAlive < 0 || l.KeepAlive > 65535*time.Second || l.KeepAlive%time.Second != 0:
		return l, fmt.Errorf("KeepAlive = %v is not in 0..65535 whole seconds: %w", l.KeepAlive, ErrOptions)
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
		{"LoginTimeout", &l.LoginTimeout, 10 * time.Second},
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
		Inflight: l.MaxInflight, Queue: l.MaxQueue, QueueBytes: l.MaxQueueBytes, Receive: l.ReceiveMaximum,
		Subscriptions: l.MaxSubscriptions, FilterBytes: l.MaxFilterBytes,
	}
}

// expiry caps the session expiry that a client asks for, in seconds.
func (l Limits) expiry(asked uint32) uint32 {
	longest := uint64(l.SessionExpiry / time.Second)
	if longest >= uint64(session.Never) {
		return asked
	}
	return uint32(min(uint64(asked), longest))
}

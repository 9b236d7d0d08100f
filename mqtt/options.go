package mqtt

import (
	"errors"
	"log/slog"

	"github.com/muster-mqtt/muster/core"
)

// Options are what a Broker needs.
type Options struct {
	Cluster Cluster      // required
	Logger  *slog.Logger // nil: nothing is logged
	Limits  Limits

	Authenticator Authenticator // nil: everybody may connect
	Authorizer    Authorizer    // nil: everything is allowed
	// AuthMethods are the methods of enhanced authentication, by name. A
	// client that asks for another one is refused with 0x8C [MQTT-4.12.0-1].
	AuthMethods map[string]AuthMethod

	// Journal keeps the sessions that outlive their connections, and all
	// wills, over a restart; nil: they are in memory only, and end with the
	// Broker. One that has a method Ready(ctx) error is asked by publishers of
	// QoS 1 and 2 whether it takes more in; 10 s, then they are refused.
	Journal core.Journal
}

// ListenerOptions belong to one listener. Rates count by second; a second's
// worth may come at once.
type ListenerOptions struct {
	ID             string // for logs and lists, such as tcp.default
	MaxConnections int    // at a time; more are closed at once; 0 is 100000
	// ConnectRate bounds how many connections are taken a second; the others
	// wait in the system's queue. 0: no limit.
	ConnectRate int
	// MessageRate and ByteRate bound the messages, each SUBSCRIBE and
	// UNSUBSCRIBE among them, and the bytes that one client sends a second:
	// more are not read until their time has come. 0: no limit.
	MessageRate int
	ByteRate    int
}

const defaultMaxConnections = 100_000

// ErrOptions is wrapped by every error of New.
var ErrOptions = errors.New("mqtt options")

package mqtt

import (
	"context"
	"net/netip"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// Login is what a client says of itself when it connects.
type Login struct {
	// ClientID is as the client sent it; "" when the broker is to choose one.
	ClientID string
	Username *string // nil: none
	Password []byte  // nil: none
	Listener string  // ListenerOptions.ID
	Remote   netip.AddrPort
	// CertName is the name in the client certificate that the listener has
	// verified, "" when there is none. See Certified.
	CertName string
}

// Verdict is the answer to a Login. The zero Verdict refuses.
type Verdict struct {
	Allow bool
	// Reason is that of a refusal, such as packet.BadUserNameOrPassword; 0 is
	// packet.NotAuthorized. Clients of 3.1.1 get the return code nearest to it.
	Reason packet.Reason
	// Username is by what name the client goes from now on; "" keeps that of
	// the Login.
	Username string
	// Superuser may publish and subscribe to everything without Authorizer
	// being asked.
	Superuser bool
}

// Authenticator decides who may connect. Authenticate may take its time, as
// checking a password does: Limits.MaxLogins bounds how many run at once, and
// ctx ends after Limits.LoginTimeout or when the client is gone. It may be
// called from many goroutines.
type Authenticator interface {
	Authenticate(ctx context.Context, l Login) Verdict
}

// Identity is who a connected client is. Neither it nor what it points to is
// changed after the login.
type Identity struct {
	ClientID  string
	Username  string // "": none
	Listener  string
	Remote    netip.AddrPort
	CertName  string
	Superuser bool
}

// Access is something that a client wants to do.
type Access struct {
	// Publish is to publish to a topic, else to subscribe with a filter, which
	// for a shared subscription is that behind the share name.
	Publish bool
	Topic   string // or filter
	QoS     byte   // asked for
	Retain  bool   // of a publish
}

// Authorizer decides what a client may do. It is asked for every publish,
// every filter of a SUBSCRIBE, and for a will both at CONNECT and when it is
// published, so it must be quick, must not block, and must be safe for
// concurrent use. It must not keep who.
type Authorizer interface {
	Authorize(who *Identity, a Access) bool
}

// Certified is what a net.Conn may implement that a listener hands over after
// it has verified a certificate of the client.
type Certified interface {
	// CertName is the name in the certificate, "" when there is none.
	CertName() string
}

// AuthMethod begins exchanges of one method of enhanced authentication
// [MQTT 5.0, 4.12]: at CONNECT, and again when the client re-authenticates.
type AuthMethod interface {
	Begin(l Login) AuthExchange
}

// AuthExchange is one exchange; it is used by one goroutine.
type AuthExchange interface {
	// Next takes in the authentication data of the client, nil for none, which
	// is overwritten later, and answers. ctx is as for Authenticator.
	Next(ctx context.Context, data []byte) AuthStep
}

// AuthStep is what an exchange answers.
type AuthStep struct {
	// More says that the exchange goes on: Data is sent in an AUTH, and the
	// client answers. Otherwise it is over: Data, nil for none, goes with the
	// CONNACK or the last AUTH, and Verdict counts.
	More    bool
	Data    []byte
	Verdict Verdict
}

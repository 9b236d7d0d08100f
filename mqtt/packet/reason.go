package packet

import "fmt"

// Reason is a reason code of 5.0: 0x80 and above are failures [5.0 MQTT 2.4].
type Reason byte

// The reason codes [5.0 MQTT 2.4, table 2-6]. Success is also the normal
// disconnection, and QoS 0 granted.
const (
	Success                         Reason = 0x00
	GrantedQoS1                     Reason = 0x01
	GrantedQoS2                     Reason = 0x02
	DisconnectWithWill              Reason = 0x04
	NoMatchingSubscribers           Reason = 0x10
	NoSubscriptionExisted           Reason = 0x11
	ContinueAuthentication          Reason = 0x18
	ReAuthenticate                  Reason = 0x19
	UnspecifiedError                Reason = 0x80
	MalformedPacket                 Reason = 0x81
	ProtocolError                   Reason = 0x82
	ImplementationSpecificError     Reason = 0x83
	UnsupportedProtocolVersion      Reason = 0x84
	ClientIdentifierNotValid        Reason = 0x85
	BadUserNameOrPassword           Reason = 0x86
	NotAuthorized                   Reason = 0x87
	ServerUnavailable               Reason = 0x88
	ServerBusy                      Reason = 0x89
	Banned                          Reason = 0x8A
	ServerShuttingDown              Reason = 0x8B
	BadAuthenticationMethod         Reason = 0x8C
	KeepAliveTimeout                Reason = 0x8D
	SessionTakenOver                Reason = 0x8E
	TopicFilterInvalid              Reason = 0x8F
	TopicNameInvalid                Reason = 0x90
	PacketIdentifierInUse           Reason = 0x91
	PacketIdentifierNotFound        Reason = 0x92
	ReceiveMaximumExceeded          Reason = 0x93
	TopicAliasInvalid               Reason = 0x94
	PacketTooLarge                  Reason = 0x95
	MessageRateTooHigh              Reason = 0x96
	QuotaExceeded                   Reason = 0x97
	AdministrativeAction            Reason = 0x98
	PayloadFormatInvalid            Reason = 0x99
	RetainNotSupported              Reason = 0x9A
	QoSNotSupported                 Reason = 0x9B
	UseAnotherServer                Reason = 0x9C
	ServerMoved                     Reason = 0x9D
	SharedSubscriptionsNotSupported Reason = 0x9E
	ConnectionRateExceeded          Reason = 0x9F
	MaximumConnectTime              Reason = 0xA0
	SubscriptionIDsNotSupported     Reason = 0xA1
	WildcardsNotSupported           Reason = 0xA2
)

// Failed reports whether the code says that something was not done.
func (r Reason) Failed() bool { return r >= 0x80 }

// String returns the name that the standard gives the code, in lower case.
func (r Reason) String() string {
	if i := reasonIndex(r); i >= 0 {
		return reasons[i].name
	}
	return fmt.Sprintf("reason 0x%02x", byte(r))
}

// For returns the code that a server says for r in a CONNACK, PUBACK, PUBREC,
// SUBACK, UNSUBACK or DISCONNECT: r, or UnspecifiedError where that packet may
// not have r.
func (r Reason) For(t Type) Reason {
	if r.allowed(t, true) {
		return r
	}
	return UnspecifiedError
}

// The return codes of a 3.1.1 CONNACK [3.1.1 MQTT 3.2.2.3].
const (
	Accepted            = 0x00
	RefusedVersion      = 0x01
	RefusedClientID     = 0x02
	RefusedUnavailable  = 0x03
	RefusedCredentials  = 0x04
	RefusedUnauthorized = 0x05
)

// ConnackCode returns what a CONNACK to a client of version v says for r. ok
// is false when there is no such answer: 3.1.1 closes the connection without a
// word on what it has no return code for [3.1.1 MQTT-3.1.4-1, MQTT-3.2.2-6].
// In 5.0 a code that a CONNACK may not have becomes UnspecifiedError.
func (r Reason) ConnackCode(v Version) (code byte, ok bool) {
	if v.five() {
		return byte(r.For(TypeConnack)), true
	}
	switch r {
	case Success:
		return Accepted, true
	case UnsupportedProtocolVersion:
		return RefusedVersion, true
	case ClientIdentifierNotValid:
		return RefusedClientID, true
	case UnspecifiedError, ImplementationSpecificError, ServerUnavailable, ServerBusy, ServerShuttingDown,
		QuotaExceeded, UseAnotherServer, ServerMoved, ConnectionRateExceeded:
		return RefusedUnavailable, true
	case BadUserNameOrPassword:
		return RefusedCredentials, true
	case NotAuthorized, Banned, BadAuthenticationMethod:
		return RefusedUnauthorized, true
	}
	return 0, false
}

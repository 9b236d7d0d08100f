package packet

import (
	"cmp"
	"slices"
)

// way says which packets may carry a reason code, a bit for each Type.
type way uint16

func ways(types ...Type) way {
	var w way
	for _, t := range types {
		w |= 1 << t
	}
	return w
}

// What follows is table 2-6 of 5.0, narrowed by the tables of the packets
// (3-1, 3-4 to 3-9, 3-11, 3-13): who may send a code in which packet.
var (
	inConnack  = ways(TypeConnack)
	inAck      = ways(TypePuback, TypePubrec)
	inRelease  = ways(TypePubrel, TypePubcomp)
	inSuback   = ways(TypeSuback)
	inUnsuback = ways(TypeUnsuback)
	inBye      = ways(TypeDisconnect)
	inAuth     = ways(TypeAuth)
)

type reason struct {
	code   Reason
	name   string
	client way // packets of a client that may say it
	server way // packets of a server that may say it
}

// reasons are all codes, in order.
var reasons = []reason{
	{Success, "success", inAck | inRelease | inBye, inConnack | inAck | inRelease | inSuback | inUnsuback | inBye | inAuth},
	{GrantedQoS1, "granted QoS 1", 0, inSuback},
	{GrantedQoS2, "granted QoS 2", 0, inSuback},
	{DisconnectWithWill, "disconnect with will message", inBye, 0},
	{NoMatchingSubscribers, "no matching subscribers", inAck, inAck},
	{NoSubscriptionExisted, "no subscription existed", 0, inUnsuback},
	{ContinueAuthentication, "continue authentication", inAuth, inAuth},
	{ReAuthenticate, "re-authenticate", inAuth, 0},
	{UnspecifiedError, "unspecified error", inAck | inBye, inConnack | inAck | inSuback | inUnsuback | inBye},
	{MalformedPacket, "malformed packet", inBye, inConnack | inBye},
	{ProtocolError, "protocol error", inBye, inConnack | inBye},
	{ImplementationSpecificError, "implementation specific error", inAck | inBye, inConnack | inAck | inSuback | inUnsuback | inBye},
	{UnsupportedProtocolVersion, "unsupported protocol version", 0, inConnack},
	{ClientIdentifierNotValid, "client identifier not valid", 0, inConnack},
	{BadUserNameOrPassword, "bad user name or password", 0, inConnack},
	{NotAuthorized, "not authorized", inAck, inConnack | inAck | inSuback | inUnsuback | inBye},
	{ServerUnavailable, "server unavailable", 0, inConnack},
	{ServerBusy, "server busy", 0, inConnack | inBye},
	{Banned, "banned", 0, inConnack},
	{ServerShuttingDown, "server shutting down", 0, inBye},
	{BadAuthenticationMethod, "bad authentication method", 0, inConnack | inBye},
	{KeepAliveTimeout, "keep alive timeout", 0, inBye},
	{SessionTakenOver, "session taken over", 0, inBye},
	{TopicFilterInvalid, "topic filter invalid", 0, inSuback | inUnsuback | inBye},
	{TopicNameInvalid, "topic name invalid", inAck | inBye, inConnack | inAck | inBye},
	{PacketIdentifierInUse, "packet identifier in use", inAck, inAck | inSuback | inUnsuback},
	{PacketIdentifierNotFound, "packet identifier not found", inRelease, inRelease},
	{ReceiveMaximumExceeded, "receive maximum exceeded", inBye, inBye},
	{TopicAliasInvalid, "topic alias invalid", inBye, inBye},
	{PacketTooLarge, "packet too large", inBye, inConnack | inBye},
	{MessageRateTooHigh, "message rate too high", inBye, inBye},
	{QuotaExceeded, "quota exceeded", inAck | inBye, inConnack | inAck | inSuback | inBye},
	{AdministrativeAction, "administrative action", inBye, inBye},
	{PayloadFormatInvalid, "payload format invalid", inAck | inBye, inConnack | inAck | inBye},
	{RetainNotSupported, "retain not supported", 0, inConnack | inBye},
	{QoSNotSupported, "QoS not supported", 0, inConnack | inBye},
	{UseAnotherServer, "use another server", 0, inConnack | inBye},
	{ServerMoved, "server moved", 0, inConnack | inBye},
	{SharedSubscriptionsNotSupported, "shared subscriptions not supported", 0, inSuback | inBye},
	{ConnectionRateExceeded, "connection rate exceeded", 0, inConnack | inBye},
	{MaximumConnectTime, "maximum connect time", 0, inBye},
	{SubscriptionIDsNotSupported, "subscription identifiers not supported", 0, inSuback | inBye},
	{WildcardsNotSupported, "wildcard subscriptions not supported", 0, inSuback | inBye},
}

// reasonIndex returns the position of a code in reasons, -1 for none.
func reasonIndex(r Reason) int {
	i, found := slices.BinarySearchFunc(reasons, r, func(x reason, r Reason) int { return cmp.Compare(x.code, r) })
	if !found {
		return -1
	}
	return i
}

// allowed reports whether a packet of type t may say r.
func (r Reason) allowed(t Type, fromServer bool) bool {
	if r == Success && t != TypeAuth {
		return true // the one of every acknowledgement
	}
	i := reasonIndex(r)
	if i < 0 {
		return false
	}
	from := reasons[i].client
	if fromServer {
		from = reasons[i].server
	}
	return from&(1<<t) != 0
}

// reasonClauses are the statements that each packet has one of its own codes.
var reasonClauses = [16]string{
	TypeConnack: "MQTT-3.2.2-8", TypePuback: "MQTT-3.4.2-1", TypePubrec: "MQTT-3.5.2-1",
	TypePubrel: "MQTT-3.6.2-1", TypePubcomp: "MQTT-3.7.2-1", TypeSuback: "MQTT-3.9.3-2",
	TypeUnsuback: "MQTT-3.11.3-2", TypeDisconnect: "MQTT-3.14.2-1", TypeAuth: "MQTT-3.15.2-1",
}

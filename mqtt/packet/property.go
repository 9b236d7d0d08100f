package packet

// property is the identifier of a property [5.0 MQTT 2.2.2.2, table 2-4].
type property byte

const (
	propPayloadFormat   property = 0x01
	propMessageExpiry   property = 0x02
	propContentType     property = 0x03
	propResponseTopic   property = 0x08
	propCorrelationData property = 0x09
	propSubscriptionID  property = 0x0B
	propSessionExpiry   property = 0x11
	propAssignedID      property = 0x12
	propServerKeepAlive property = 0x13
	propAuthMethod      property = 0x15
	propAuthData        property = 0x16
	propRequestProblem  property = 0x17
	propWillDelay       property = 0x18
	propRequestResponse property = 0x19
	propResponseInfo    property = 0x1A
	propServerReference property = 0x1C
	propReasonString    property = 0x1F
	propReceiveMaximum  property = 0x21
	propAliasMaximum    property = 0x22
	propTopicAlias      property = 0x23
	propMaximumQoS      property = 0x24
	propRetainAvailable property = 0x25
	propUser            property = 0x26
	propMaximumPacket   property = 0x27
	propWildcards       property = 0x28
	propSubscriptionIDs property = 0x29
	propShared          property = 0x2A
	propEnd             property = 0x2B
)

// typeWill stands for the properties of a will, which have a table row of
// their own; 0 is no packet type.
const typeWill Type = 0

var (
	inMessage = ways(TypePublish, typeWill)
	inAnswer  = ways(TypeConnack, TypePuback, TypePubrec, TypePubrel, TypePubcomp, TypeSuback,
		TypeUnsuback, TypeDisconnect, TypeAuth)
	inLogin    = ways(TypeConnect, TypeConnack)
	everywhere = inMessage | inAnswer | ways(TypeConnect, TypeSubscribe, TypeUnsubscribe)
)

// properties are the rows of table 2-4: name, and the packets that may have
// the property.
var properties = [propEnd]struct {
	name string
	in   way
}{
	propPayloadFormat:   {"payload format indicator", inMessage},
	propMessageExpiry:   {"message expiry interval", inMessage},
	propContentType:     {"content type", inMessage},
	propResponseTopic:   {fieldResponseTopic, inMessage},
	propCorrelationData: {"correlation data", inMessage},
	propSubscriptionID:  {"subscription identifier", ways(TypePublish, TypeSubscribe)},
	propSessionExpiry:   {"session expiry interval", inLogin | inBye},
	propAssignedID:      {"assigned client identifier", inConnack},
	propServerKeepAlive: {"server keep alive", inConnack},
	propAuthMethod:      {"authentication method", inLogin | inAuth},
	propAuthData:        {"authentication data", inLogin | inAuth},
	propRequestProblem:  {"request problem information", ways(TypeConnect)},
	propWillDelay:       {"will delay interval", ways(typeWill)},
	propRequestResponse: {"request response information", ways(TypeConnect)},
	propResponseInfo:    {"response information", inConnack},
	propServerReference: {"server reference", inConnack | inBye},
	propReasonString:    {"reason string", inAnswer},
	propReceiveMaximum:  {"receive maximum", inLogin},
	propAliasMaximum:    {"topic alias maximum", inLogin},
	propTopicAlias:      {"topic alias", ways(TypePublish)},
	propMaximumQoS:      {"maximum QoS", inConnack},
	propRetainAvailable: {"retain available", inConnack},
	propUser:            {"user property", everywhere},
	propMaximumPacket:   {"maximum packet size", inLogin},
	propWildcards:       {"wildcard subscription available", inConnack},
	propSubscriptionIDs: {"subscription identifiers available", inConnack},
	propShared:          {"shared subscription available", inConnack},
}

// propertySections are the sections of 5.0 on the properties of each packet;
// that a property comes once at most is said there for each.
var propertySections = [16]string{
	typeWill: "MQTT 3.1.3.2", TypeConnect: "MQTT 3.1.2.11", TypeConnack: "MQTT 3.2.2.3", TypePublish: "MQTT 3.3.2.3",
	TypePuback: "MQTT 3.4.2.2", TypePubrec: "MQTT 3.5.2.2", TypePubrel: "MQTT 3.6.2.2", TypePubcomp: "MQTT 3.7.2.2",
	TypeSubscribe: "MQTT 3.8.2.1", TypeSuback: "MQTT 3.9.2.1", TypeUnsubscribe: "MQTT 3.10.2.1", TypeUnsuback: "MQTT 3.11.2.1",
	TypeDisconnect: "MQTT 3.14.2.2", TypeAuth: "MQTT 3.15.2.2",
}

// name is the field by which errors call the property.
func (id property) name() string { return properties[id].name }

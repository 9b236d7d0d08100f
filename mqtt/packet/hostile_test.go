package packet

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// hostile is a packet that is refused: the kind of error, the code to answer
// with, and its text from the packet type on, with place and clause.
type hostile struct {
	from side
	wire string
	kind error
	code Reason
	says string
}

func hostiles() []hostile {
	return slices.Concat(hostileHeader, hostileConnect, hostileWill, hostileLogin, hostileConnack, hostilePublish, hostileMessage,
		hostileAck, hostileSubscribe, hostileFilter, hostileSuback, hostileEnd)
}

// TestHostile decodes each packet of the tables.
func TestHostile(t *testing.T) {
	for _, h := range hostiles() {
		_, err := h.from.decode(bytesOf(t, h.wire))
		var e *Error
		switch {
		case !errors.Is(err, h.kind) || !errors.As(err, &e):
			t.Errorf("%v %s: %v", h.from.version, h.wire, err)
		case err.Error() != fmt.Sprintf("%v: %s", h.kind, h.says):
			t.Errorf("%v %s:\ngot  %v\nwant %s", h.from.version, h.wire, err, h.says)
		case ReasonOf(fmt.Errorf("wrapped: %w", err)) != h.code:
			t.Errorf("%v %s: %v, to be answered by %v", h.from.version, h.wire, err, ReasonOf(err))
		}
	}
}

var hostileHeader = []hostile{
	{client311, "00 00", ErrMalformed, 0x81, "packet type 0: fixed header: reserved packet type [MQTT 2.2.1]"},
	{client5, "00 00", ErrMalformed, 0x81, "packet type 0: fixed header: reserved packet type [5.0 MQTT 2.1.2]"},
	{client311, "f0 00", ErrMalformed, 0x81, "AUTH: fixed header: reserved packet type [MQTT 2.2.1]"},
	{side{}, "f0 00", ErrMalformed, 0x81, "AUTH: fixed header: reserved packet type [MQTT 2.2.1]"},
	{client311, "11 00", ErrMalformed, 0x81, "CONNECT: fixed header: reserved flags [MQTT-2.2.2-2]"},
	{client311, "80 00", ErrMalformed, 0x81, "SUBSCRIBE: fixed header: reserved flags [MQTT-2.2.2-2]"},
	{client311, "60 00", ErrMalformed, 0x81, "PUBREL: fixed header: reserved flags [MQTT-2.2.2-2]"},
	{client5, "c1 00", ErrMalformed, 0x81, "PINGREQ: fixed header: reserved flags [5.0 MQTT-2.1.3-1]"},
	{client5, "60 00", ErrMalformed, 0x81, "PUBREL: fixed header: reserved flags [5.0 MQTT-3.6.1-1]"},
	{client5, "80 00", ErrMalformed, 0x81, "SUBSCRIBE: fixed header: reserved flags [5.0 MQTT-3.8.1-1]"},
	{client5, "a0 00", ErrMalformed, 0x81, "UNSUBSCRIBE: fixed header: reserved flags [5.0 MQTT-3.10.1-1]"},
	{client5, "e1 00", ErrMalformed, 0x81, "DISCONNECT: fixed header: reserved flags [5.0 MQTT-3.14.1-1]"},
	{client5, "f2 00", ErrMalformed, 0x81, "AUTH: fixed header: reserved flags [5.0 MQTT-3.15.1-1]"},
	{client311, "30 ff ff ff ff 01", ErrMalformed, 0x81, "PUBLISH: fixed header: remaining length of more than four bytes [MQTT 2.2.3]"},
	{client5, "30 80 80 80 80", ErrMalformed, 0x81, "PUBLISH: fixed header: remaining length of more than four bytes [5.0 MQTT 1.5.5]"},
	{client5, "c0 80 00", ErrMalformed, 0x81, "PINGREQ: fixed header: remaining length with more bytes than it needs [5.0 MQTT-1.5.5-1]"},
	{side{}, "10 8d00 0004'MQTT' 05 02 003c 00 0000", ErrMalformed, 0x81,
		"CONNECT: fixed header: remaining length has more bytes than it needs [5.0 MQTT-1.5.5-1]"},
	{client311, "30 ff ff ff 7f", ErrTooLarge, 0x95, "PUBLISH: fixed header: longer than the limit"},
	{client5, "30 80 08", ErrTooLarge, 0x95, "PUBLISH: fixed header: longer than the limit [5.0 MQTT-3.2.2-15]"},
}

var hostileConnect = []hostile{
	{side{}, "10 0c 0004'MQTX' 04 02 003c 0000", ErrProtocol, 0x82, "CONNECT: protocol name at byte 0: is not MQTT [MQTT-3.1.2-1]"},
	{side{}, "10 0c 0004'mqtt' 05 02 003c 0000", ErrProtocol, 0x82, "CONNECT: protocol name at byte 0: is not MQTT [MQTT-3.1.2-1]"},
	{side{}, "10 02 0000", ErrProtocol, 0x82, "CONNECT: protocol name at byte 0: is not MQTT [MQTT-3.1.2-1]"},
	{side{}, "10 00", ErrMalformed, 0x81, "CONNECT: protocol name at byte 0: packet ends too early"},
	{side{}, "10 06 0004'MQTT'", ErrMalformed, 0x81, "CONNECT: protocol level at byte 6: packet ends too early"},
	{side{}, "10 07 0004'MQTT' 06", ErrVersion, 0x84, "CONNECT: protocol level at byte 6: is neither 4 nor 5 [5.0 MQTT-3.1.2-2]"},
	{side{}, "10 0e 0006'MQIsdp' 03 02 003c 0000", ErrVersion, 0x84, "CONNECT: protocol level at byte 8: is neither 4 nor 5 [MQTT-3.1.2-2]"},
	{side{}, "10 0c 0004'MQTT' 03 02 003c 0000", ErrVersion, 0x84, "CONNECT: protocol level at byte 6: is neither 4 nor 5 [MQTT-3.1.2-2]"},
	{side{}, "10 0c 0004'MQTT' 84 02 003c 0000", ErrVersion, 0x84, "CONNECT: protocol level at byte 6: is neither 4 nor 5 [MQTT-3.1.2-2]"},
	{side{}, "10 0c 0004'MQTT' 04 03 003c 0000", ErrMalformed, 0x81, "CONNECT: connect flags at byte 7: the reserved bit is set [MQTT-3.1.2-3]"},
	{side{}, "10 0c 0004'MQTT' 04 1e 003c 0000", ErrMalformed, 0x81, "CONNECT: connect flags at byte 7: will QoS is 3 [MQTT-3.1.2-14]"},
	{side{}, "10 0c 0004'MQTT' 04 0a 003c 0000", ErrMalformed, 0x81, "CONNECT: connect flags at byte 7: will QoS without a will [MQTT-3.1.2-13]"},
	{side{}, "10 0c 0004'MQTT' 04 22 003c 0000", ErrMalformed, 0x81, "CONNECT: connect flags at byte 7: will retain without a will [MQTT-3.1.2-15]"},
	{side{}, "10 0c 0004'MQTT' 04 42 003c 0000", ErrMalformed, 0x81, "CONNECT: connect flags at byte 7: a password without a user name [MQTT-3.1.2-22]"},
	{side{}, "10 0d 0004'MQTT' 04 02 003c 0000 00", ErrMalformed, 0x81, "CONNECT: end at byte 12: bytes left over"},
	{side{}, "10 0c 0004'MQTT' 04 02 003c 0001", ErrMalformed, 0x81, "CONNECT: client ID at byte 10: packet ends too early"},
	{side{}, "10 0d 0004'MQTT' 04 02 003c 0001 ff", ErrMalformed, 0x81, "CONNECT: client ID at byte 10: is not UTF-8 [MQTT-1.5.3-1]"},
	{side{}, "10 0d 0004'MQTT' 04 02 003c 0001 00", ErrMalformed, 0x81, "CONNECT: client ID at byte 10: holds U+0000 [MQTT-1.5.3-2]"},
	{side{}, "10 0f 0004'MQTT' 04 02 003c 0003 eda080", ErrMalformed, 0x81, "CONNECT: client ID at byte 10: is not UTF-8 [MQTT-1.5.3-1]"}, // a surrogate
	{side{}, "10 0e 0004'MQTT' 04 02 003c 0002 c080", ErrMalformed, 0x81, "CONNECT: client ID at byte 10: is not UTF-8 [MQTT-1.5.3-1]"},   // U+0000 in two bytes
	{side{}, "10 0e 0004'MQTT' 04 c2 003c 0000 0000", ErrMalformed, 0x81, "CONNECT: password at byte 14: packet ends too early"},
	{side{}, "10 0f 0004'MQTT' 04 82 003c 0000 0001 00", ErrMalformed, 0x81, "CONNECT: user name at byte 12: holds U+0000 [MQTT-1.5.3-2]"},
	{side{}, "10 0c 0004'MQTT' 04 00 003c 0000", ErrClientID, 0x85,
		"CONNECT: client ID at byte 10: is empty, and the session is to outlive the connection [MQTT-3.1.3-8]"},
	// What is malformed besides is said first.
	{side{}, "10 0d 0004'MQTT' 04 00 003c 0000 00", ErrMalformed, 0x81, "CONNECT: end at byte 12: bytes left over"},

	{side{}, "10 0d 0004'MQTT' 05 03 003c 00 0000", ErrMalformed, 0x81, "CONNECT: connect flags at byte 7: the reserved bit is set [5.0 MQTT-3.1.2-3]"},
	{side{}, "10 0d 0004'MQTT' 05 1e 003c 00 0000", ErrMalformed, 0x81, "CONNECT: connect flags at byte 7: will QoS is 3 [5.0 MQTT-3.1.2-12]"},
	{side{}, "10 0d 0004'MQTT' 05 0a 003c 00 0000", ErrMalformed, 0x81, "CONNECT: connect flags at byte 7: will QoS without a will [5.0 MQTT-3.1.2-11]"},
	{side{}, "10 0d 0004'MQTT' 05 22 003c 00 0000", ErrMalformed, 0x81, "CONNECT: connect flags at byte 7: will retain without a will [5.0 MQTT-3.1.2-13]"},
	{side{}, "10 0e 0004'MQTT' 05 02 003c 00 0001 ff", ErrMalformed, 0x81, "CONNECT: client ID at byte 11: is not UTF-8 [5.0 MQTT-1.5.4-1]"},
	{side{}, "10 0e 0004'MQTT' 05 02 003c 00 0001 00", ErrMalformed, 0x81, "CONNECT: client ID at byte 11: holds U+0000 [5.0 MQTT-1.5.4-2]"},
	{side{}, "10 0a 0004'MQTT' 05 02 003c", ErrMalformed, 0x81, "CONNECT: property length at byte 10: packet ends too early"},
	{side{}, "10 0b 0004'MQTT' 05 02 003c 00", ErrMalformed, 0x81, "CONNECT: client ID at byte 11: packet ends too early"},
}

var hostileWill = []hostile{
	{side{}, "10 11 0004'MQTT' 04 06 003c 0000 0001'#' 0000", ErrProtocol, 0x90, "CONNECT: will topic at byte 12: holds a wildcard [MQTT-4.7.1-1]"},
	{side{}, "10 10 0004'MQTT' 04 06 003c 0000 0000 0000", ErrProtocol, 0x82, "CONNECT: will topic at byte 12: is empty [MQTT-4.7.3-1]"},
	{side{}, "10 13 0004'MQTT' 05 06 003c 00 0000 00 0001'+' 0000", ErrProtocol, 0x90, "CONNECT: will topic at byte 14: holds a wildcard [5.0 MQTT-4.7.0-1]"},
	{side{}, "10 13 0004'MQTT' 05 06 003c 00 0000 00 0001'a' 0001", ErrMalformed, 0x81, "CONNECT: will message at byte 17: packet ends too early"},
	{side{}, "10 15 0004'MQTT' 05 06 003c 00 0000 02 01 02 0001'a' 0000", ErrProtocol, 0x82,
		"CONNECT: payload format indicator at byte 14: is neither 0 nor 1 [5.0 MQTT 3.1.3.2]"},
	{side{}, "10 1d 0004'MQTT' 05 06 003c 00 0000 0a 18 00000001 18 00000001 0001'a' 0000", ErrProtocol, 0x82,
		"CONNECT: will delay interval at byte 19: is there twice [5.0 MQTT 3.1.3.2]"},
	{side{}, "10 16 0004'MQTT' 05 06 003c 00 0000 03 23 0001 0001'a' 0000", ErrMalformed, 0x81,
		"CONNECT: topic alias at byte 14: is not a property of this packet [5.0 MQTT 2.2.2.2]"},
	{side{}, "10 17 0004'MQTT' 05 06 003c 00 0000 04 08 0001'#' 0001'a' 0000", ErrProtocol, 0x82,
		"CONNECT: response topic at byte 15: holds a wildcard [5.0 MQTT-3.3.2-14]"},
	{side{}, "10 15 0004'MQTT' 05 02 003c 05 18 00000001 0000 0001'a'", ErrMalformed, 0x81,
		"CONNECT: will delay interval at byte 11: is not a property of this packet [5.0 MQTT 2.2.2.2]"},
}

// connect5 is a 5.0 CONNECT of less than 128 bytes with properties, in the
// notation of the tables, and no client ID.
func connect5(length, props string) string {
	return "10 " + length + " 0004'MQTT' 05 02 003c " + props + " 0000"
}

var hostileLogin = []hostile{
	{side{}, connect5("10", "03 21 0000"), ErrProtocol, 0x82, "CONNECT: receive maximum at byte 11: is 0 [5.0 MQTT 3.1.2.11]"},
	{side{}, connect5("12", "05 27 00000000"), ErrProtocol, 0x82, "CONNECT: maximum packet size at byte 11: is 0 [5.0 MQTT 3.1.2.11]"},
	{side{}, connect5("0f", "02 17 02"), ErrProtocol, 0x82, "CONNECT: request problem information at byte 11: is neither 0 nor 1 [5.0 MQTT 3.1.2.11]"},
	{side{}, connect5("0f", "02 19 ff"), ErrProtocol, 0x82, "CONNECT: request response information at byte 11: is neither 0 nor 1 [5.0 MQTT 3.1.2.11]"},
	{side{}, connect5("11", "04 19 01 19 01"), ErrProtocol, 0x82, "CONNECT: request response information at byte 13: is there twice [5.0 MQTT 3.1.2.11]"},
	{side{}, connect5("17", "0a 11 00000000 11 00000000"), ErrProtocol, 0x82, "CONNECT: session expiry interval at byte 16: is there twice [5.0 MQTT 3.1.2.11]"},
	{side{}, connect5("11", "04 16 0001'x'"), ErrProtocol, 0x82, "CONNECT: authentication data at byte 15: without a method [5.0 MQTT 3.1.2.11.10]"},
	{side{}, connect5("11", "04 15 0001 00"), ErrMalformed, 0x81, "CONNECT: authentication method at byte 12: holds U+0000 [5.0 MQTT-1.5.4-2]"},
	{side{}, connect5("14", "07 26 0001'a' 0001 ff"), ErrMalformed, 0x81, "CONNECT: user property at byte 15: is not UTF-8 [5.0 MQTT-1.5.4-1]"},
	{side{}, connect5("0f", "02 24 01"), ErrMalformed, 0x81, "CONNECT: maximum QoS at byte 11: is not a property of this packet [5.0 MQTT 2.2.2.2]"},
	{side{}, connect5("0f", "02 04 01"), ErrMalformed, 0x81, "CONNECT: property identifier at byte 11: is unknown [5.0 MQTT 2.2.2.2]"},
	{side{}, connect5("0f", "02 ff 01"), ErrMalformed, 0x81, "CONNECT: property identifier at byte 11: is unknown [5.0 MQTT 2.2.2.2]"},
	{side{}, connect5("0f", "02 91 00"), ErrMalformed, 0x81, "CONNECT: property identifier at byte 11: has more bytes than it needs [5.0 MQTT-1.5.5-1]"},
	{side{}, connect5("11", "04 11 000000"), ErrMalformed, 0x81, "CONNECT: session expiry interval at byte 12: properties end too early"},
	{side{}, connect5("0f", "02 15 00"), ErrMalformed, 0x81, "CONNECT: authentication method at byte 12: properties end too early"},
	{side{}, connect5("10", "03 15 0002"), ErrMalformed, 0x81, "CONNECT: authentication method at byte 12: properties end too early"},
	{side{}, connect5("0d", "7f"), ErrMalformed, 0x81, "CONNECT: property length at byte 10: is more than the packet holds [5.0 MQTT 2.2.2.1]"},
	{side{}, connect5("0e", "8000"), ErrMalformed, 0x81, "CONNECT: property length at byte 10: has more bytes than it needs [5.0 MQTT-1.5.5-1]"},
	{side{}, connect5("10", "80808080"), ErrMalformed, 0x81, "CONNECT: property length at byte 10: has more than four bytes [5.0 MQTT 1.5.5]"},
}

var hostileConnack = []hostile{
	{server311, "20 02 02 00", ErrMalformed, 0x81, "CONNACK: acknowledge flags at byte 0: a reserved bit is set [MQTT-3.2.2-1]"},
	{server311, "20 02 00 06", ErrMalformed, 0x81, "CONNACK: return code at byte 1: is reserved [MQTT-3.2.2-6]"},
	{server311, "20 02 01 05", ErrProtocol, 0x82, "CONNACK: acknowledge flags at byte 0: session present in a refusal [MQTT-3.2.2-4]"},
	{server311, "20 03 00 00 00", ErrMalformed, 0x81, "CONNACK: end at byte 2: bytes left over"},
	{server5, "20 02 00 00", ErrMalformed, 0x81, "CONNACK: property length at byte 2: packet ends too early"},
	{server5, "20 03 80 00 00", ErrMalformed, 0x81, "CONNACK: acknowledge flags at byte 0: a reserved bit is set [5.0 MQTT-3.2.2-1]"},
	{server5, "20 03 01 87 00", ErrProtocol, 0x82, "CONNACK: acknowledge flags at byte 0: session present in a refusal [5.0 MQTT-3.2.2-6]"},
	{server5, "20 03 00 01 00", ErrProtocol, 0x82, "CONNACK: reason code at byte 1: granted QoS 1 is not for this packet [5.0 MQTT-3.2.2-8]"},
	{server5, "20 03 00 8e 00", ErrProtocol, 0x82, "CONNACK: reason code at byte 1: session taken over is not for this packet [5.0 MQTT-3.2.2-8]"},
	{server5, "20 05 00 00 02 24 02", ErrProtocol, 0x82, "CONNACK: maximum QoS at byte 3: is neither 0 nor 1 [5.0 MQTT 3.2.2.3]"},
	{server5, "20 05 00 00 02 2a 03", ErrProtocol, 0x82, "CONNACK: shared subscription available at byte 3: is neither 0 nor 1 [5.0 MQTT 3.2.2.3]"},
	{server5, "20 06 00 00 03 21 0000", ErrProtocol, 0x82, "CONNACK: receive maximum at byte 3: is 0 [5.0 MQTT 3.2.2.3]"},
	{server5, "20 08 00 00 05 27 00000000", ErrProtocol, 0x82, "CONNACK: maximum packet size at byte 3: is 0 [5.0 MQTT 3.2.2.3]"},
	{server5, "20 09 00 00 06 12 0000 12 0000", ErrProtocol, 0x82, "CONNACK: assigned client identifier at byte 6: is there twice [5.0 MQTT 3.2.2.3]"},
	{server5, "20 05 00 00 02 17 01", ErrMalformed, 0x81, "CONNACK: request problem information at byte 3: is not a property of this packet [5.0 MQTT 2.2.2.2]"},
}

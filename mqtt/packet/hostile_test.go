package packet

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// hostile packets, the kind of error, and what its text must hold.
var hostile = []struct {
	wire string
	kind error
	says string
}{
	{"00 00", ErrMalformed, "packet type 0: fixed header: reserved packet type"},
	{"f0 00", ErrMalformed, "packet type 15"},
	{"11 00", ErrMalformed, "CONNECT: fixed header: reserved flags [MQTT-2.2.2-2]"},
	{"80 00", ErrMalformed, "MQTT-2.2.2-2"},
	{"a0 00", ErrMalformed, "MQTT-2.2.2-2"},
	{"60 00", ErrMalformed, "MQTT-2.2.2-2"},
	{"c1 00", ErrMalformed, "MQTT-2.2.2-2"},
	{"30 ff ff ff ff 01", ErrMalformed, "MQTT-2.2.3"},
	{"30 ff ff ff 7f", ErrTooLarge, "longer than the limit"},
	{"30 80 08", ErrTooLarge, "PUBLISH"},

	{"10 0c 0004'MQTX' 04 02 003c 0000", ErrProtocol, "protocol name at byte 0: is not MQTT [MQTT-3.1.2-1]"},
	{"10 0c 0004'MQTT' 05 02 003c 0000", ErrVersion, "protocol level at byte 6: is not 4 [MQTT-3.1.2-2]"},
	{"10 07 0004'MQTT' 05", ErrVersion, "MQTT-3.1.2-2"},
	{"10 0e 0006'MQIsdp' 03 02 003c 0000", ErrVersion, "MQTT-3.1.2-2"},
	{"10 0c 0004'MQTT' 03 02 003c 0000", ErrVersion, "MQTT-3.1.2-2"},
	{"10 0c 0004'MQTT' 04 03 003c 0000", ErrMalformed, "connect flags at byte 7: the reserved bit is set [MQTT-3.1.2-3]"},
	{"10 0c 0004'MQTT' 04 1e 003c 0000", ErrMalformed, "MQTT-3.1.2-14"},
	{"10 0c 0004'MQTT' 04 0a 003c 0000", ErrMalformed, "MQTT-3.1.2-13"},
	{"10 0c 0004'MQTT' 04 22 003c 0000", ErrMalformed, "MQTT-3.1.2-15"},
	{"10 0c 0004'MQTT' 04 42 003c 0000", ErrMalformed, "MQTT-3.1.2-22"},
	{"10 0d 0004'MQTT' 04 02 003c 0000 00", ErrMalformed, "end at byte 12: bytes left over"},
	{"10 0c 0004'MQTT' 04 02 003c 0001", ErrMalformed, "client ID at byte 12: packet ends too early"},
	{"10 0d 0004'MQTT' 04 02 003c 0001 ff", ErrMalformed, "client ID at byte 10: is not UTF-8 [MQTT-1.5.3-1]"},
	{"10 0d 0004'MQTT' 04 02 003c 0001 00", ErrMalformed, "MQTT-1.5.3-2"},
	{"10 0f 0004'MQTT' 04 02 003c 0003 eda080", ErrMalformed, "MQTT-1.5.3-1"}, // a surrogate
	{"10 11 0004'MQTT' 04 06 003c 0000 0001'#' 0000", ErrProtocol, "will topic at byte 12: holds a wildcard"},
	{"10 0e 0004'MQTT' 04 c2 003c 0000 0000", ErrMalformed, "password"},

	{"36 05 0001'a' 0001", ErrMalformed, "PUBLISH: fixed header: QoS is 3 [MQTT-3.3.1-4]"},
	{"38 03 0001'a'", ErrProtocol, "DUP with QoS 0 [MQTT-3.3.1-2]"},
	{"30 02 0000", ErrProtocol, "MQTT-4.7.3-1"},
	{"30 05 0003'a/#'", ErrProtocol, "MQTT-3.3.2-2"},
	{"30 05 0003'+/a'", ErrProtocol, "MQTT-3.3.2-2"},
	{"30 04 0002'a' 00", ErrMalformed, "MQTT-1.5.3-2"},
	{"32 05 0001'a' 0000", ErrProtocol, "packet identifier at byte 3: must not be 0 [MQTT-2.3.1-1]"},
	{"32 04 0001'a' 00", ErrMalformed, "packet identifier at byte 3: packet ends too early"},

	{"40 02 0000", ErrProtocol, "MQTT-2.3.1-1"},
	{"40 03 0001 00", ErrMalformed, "left over"},
	{"82 02 0001", ErrProtocol, "MQTT-3.8.3-3"},
	{"82 06 0000 0001'a' 00", ErrProtocol, "MQTT-2.3.1-1"},
	{"82 06 0001 0001'a' 03", ErrMalformed, "requested QoS at byte 5: is not 0, 1 or 2 [MQTT-3.8.3-4]"},
	{"82 05 0001 0001'a'", ErrMalformed, "requested QoS"},
	{"82 08 0001 0003'a#b' 00", ErrProtocol, "MQTT-4.7.1"},
	{"82 05 0001 0000 00", ErrProtocol, "empty topic or filter"},
	{"a2 02 0001", ErrProtocol, "MQTT-3.10.3-2"},
	{"a2 07 0001 0003'#/a'", ErrProtocol, "MQTT-4.7.1"},

	{"20 02 02 00", ErrMalformed, "MQTT-3.2.2-1"},
	{"20 02 00 06", ErrMalformed, "MQTT-3.2.2-6"},
	{"20 02 01 05", ErrProtocol, "MQTT-3.2.2-4"},
	{"90 02 0001", ErrMalformed, "there is none"},
	{"90 03 0001 03", ErrMalformed, "MQTT-3.9.3-2"},
	{"c0 01 00", ErrMalformed, "left over"},
	{"e0 01 00", ErrMalformed, "left over"},
}

func TestHostile(t *testing.T) {
	for _, h := range hostile {
		p, err := NewReader(bytes.NewReader(bytesOf(t, h.wire)), make([]byte, 64), 1024).Next()
		if err == nil {
			_, err = decode(p)
		}
		var e *Error
		switch {
		case !errors.Is(err, h.kind) || !errors.As(err, &e):
			t.Errorf("%s: %v", h.wire, err)
		case !strings.Contains(err.Error(), h.says):
			t.Errorf("%s: %v, which does not say %q", h.wire, err, h.says)
		}
	}
}

package packet

import "strconv"

// Type is the control packet type of the fixed header, 1 to 14 [MQTT 2.2.1].
type Type byte

// The control packet types.
const (
	TypeConnect Type = iota + 1
	TypeConnack
	TypePublish
	TypePuback
	TypePubrec
	TypePubrel
	TypePubcomp
	TypeSubscribe
	TypeSuback
	TypeUnsubscribe
	TypeUnsuback
	TypePingreq
	TypePingresp
	TypeDisconnect
)

var typeNames = [...]string{
	"", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT",
}

// String returns the name that the standard uses.
func (t Type) String() string {
	if t.valid() {
		return typeNames[t]
	}
	return "packet type " + strconv.Itoa(int(t))
}

func (t Type) valid() bool { return t >= TypeConnect && t <= TypeDisconnect }

// flags returns the low four bits that the fixed header of t must have; those
// of a PUBLISH carry information instead.
func (t Type) flags() byte {
	switch t {
	case TypePubrel, TypeSubscribe, TypeUnsubscribe:
		return 0x02
	}
	return 0
}

// checkFirst checks the first byte of a packet.
func checkFirst(first byte) error {
	t := Type(first >> 4)
	switch {
	case !t.valid():
		return &Error{Kind: ErrMalformed, Type: t, Offset: -1, Reason: "reserved packet type", Clause: "MQTT-2.2.1"}
	case t != TypePublish && first&0x0f != t.flags():
		return &Error{Kind: ErrMalformed, Type: t, Offset: -1, Reason: "reserved flags", Clause: "MQTT-2.2.2-2"}
	}
	return nil
}

// Packet is one control packet as it came, not yet decoded. Each of its
// decoding methods must only be called for the type that it is named after.
type Packet struct {
	Type  Type
	Flags byte   // low four bits of the first byte
	Body  []byte // what follows the fixed header
	// Kept says that Body was allocated for this packet alone, so that the
	// receiver may keep it. Otherwise it is overwritten by the next packet.
	Kept bool
}

// Empty checks a PINGREQ, a PINGRESP or a DISCONNECT: they have no body.
func (p Packet) Empty() error {
	c := p.cursor()
	return c.done()
}

// AppendEmpty appends a PINGREQ, a PINGRESP or a DISCONNECT.
func AppendEmpty(dst []byte, t Type) []byte { return append(dst, byte(t)<<4, 0) }

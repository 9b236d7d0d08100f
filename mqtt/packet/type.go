package packet

import "strconv"

// Type is the control packet type of the fixed header, 1 to 15 [MQTT 2.2.1;
// 5.0 2.1.2].
type Type byte

// The control packet types; TypeAuth is one of 5.0 only.
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
	TypeAuth
)

var typeNames = [16]string{
	"", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

// String returns the name that the standards use.
func (t Type) String() string {
	if t >= TypeConnect && t <= TypeAuth {
		return typeNames[t]
	}
	return "packet type " + strconv.Itoa(int(t))
}

// flags returns the low four bits that the fixed header of t must have; those
// of a PUBLISH carry information instead.
func (t Type) flags() byte {
	switch t {
	case TypePubrel, TypeSubscribe, TypeUnsubscribe:
		return 0x02
	}
	return 0
}

// flagClause is the statement that fixes the flags of t in 5.0.
func (t Type) flagClause() string {
	switch t {
	case TypePubrel:
		return "MQTT-3.6.1-1"
	case TypeSubscribe:
		return "MQTT-3.8.1-1"
	case TypeUnsubscribe:
		return "MQTT-3.10.1-1"
	case TypeDisconnect:
		return "MQTT-3.14.1-1"
	case TypeAuth:
		return "MQTT-3.15.1-1"
	}
	return "MQTT-2.1.3-1"
}

// checkFirst checks the first byte of a packet.
func checkFirst(first byte, v Version) error {
	t := Type(first >> 4)
	switch {
	case t == 0 || t == TypeAuth && !v.five():
		return &Error{Kind: ErrMalformed, Version: v, Type: t, Offset: -1,
			Reason: "reserved packet type", Clause: v.either("MQTT 2.2.1", "MQTT 2.1.2")}
	case t != TypePublish && first&0x0f != t.flags():
		return &Error{Kind: ErrMalformed, Version: v, Type: t, Offset: -1,
			Reason: "reserved flags", Clause: v.either("MQTT-2.2.2-2", t.flagClause())}
	}
	return nil
}

// Packet is one control packet as it came, not yet decoded. Each of its
// decoding methods must only be called for the type that it is named after.
type Packet struct {
	Type  Type
	Flags byte   // low four bits of the first byte
	Body  []byte // what follows the fixed header
	// Version is that of the connection; a CONNECT brings its own.
	Version Version
	// FromServer says that a server sent it: some properties and reason codes
	// may go one way only.
	FromServer bool
	// Kept says that Body was allocated for this packet alone, so that the
	// receiver may keep it. Otherwise it is overwritten by the next packet.
	Kept bool
	// padded says that the remaining length has more bytes than it needs,
	// which 3.1.1 does not forbid and 5.0 does.
	padded bool
}

// Empty checks a PINGREQ, a PINGRESP or, of 3.1.1, a DISCONNECT: they have no
// body [MQTT 3.12, 3.13, 3.14].
func (p Packet) Empty() error {
	c := p.cursor()
	return c.done()
}

// AppendEmpty appends a PINGREQ, a PINGRESP or, in both versions, the
// DISCONNECT of a client that leaves in order.
func AppendEmpty(dst []byte, t Type) []byte { return append(dst, byte(t)<<4, 0) }

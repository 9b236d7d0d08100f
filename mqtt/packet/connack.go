package packet

// The return codes of a CONNACK [MQTT 3.2.2.3].
const (
	Accepted            = 0x00
	RefusedVersion      = 0x01
	RefusedClientID     = 0x02
	RefusedUnavailable  = 0x03
	RefusedCredentials  = 0x04
	RefusedUnauthorized = 0x05
)

// Connack answers a CONNECT.
type Connack struct {
	SessionPresent bool
	Code           byte // Accepted or one of Refused*
}

// Connack decodes a CONNACK.
func (p Packet) Connack() (Connack, error) {
	c := p.cursor()
	flags, code := c.byte("acknowledge flags"), c.byte("return code")
	switch {
	case flags > 1:
		c.fail(Error{Field: "acknowledge flags", Reason: "a reserved bit is set", Clause: "MQTT-3.2.2-1"})
	case code > RefusedUnauthorized:
		c.fail(Error{Field: "return code", Offset: 1, Reason: "is reserved", Clause: "MQTT-3.2.2-6"})
	case code != Accepted && flags != 0:
		c.fail(Error{Kind: ErrProtocol, Field: "acknowledge flags", Reason: "session present in a refusal", Clause: "MQTT-3.2.2-4"})
	}
	return Connack{SessionPresent: flags == 1, Code: code}, c.done()
}

// Append appends the packet to dst.
func (a Connack) Append(dst []byte) []byte {
	var flags byte
	if a.SessionPresent {
		flags = 1
	}
	return append(dst, byte(TypeConnack)<<4, 2, flags, a.Code)
}

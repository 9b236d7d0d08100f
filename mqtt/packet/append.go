package packet

import "encoding/binary"

// maxRemaining is the longest body that the fixed header can announce, in
// bytes [MQTT 2.2.3; 5.0 1.5.5].
const maxRemaining = 268_435_455

// maxText is the longest text or binary in bytes [MQTT 1.5.3; 5.0 1.5.4].
const maxText = 1<<16 - 1

// first is the first byte of a packet.
func first(t Type, flags byte) byte { return byte(t)<<4 | flags }

// appendHeader appends a fixed header; length is at most maxRemaining.
func appendHeader(dst []byte, first byte, length int) []byte {
	return appendVarint(append(dst, first), length)
}

// appendPacket appends a packet of a body.
func appendPacket(dst []byte, t Type, body []byte) []byte {
	return append(appendHeader(dst, first(t, t.flags()), len(body)), body...)
}

// appendVarint appends a variable byte integer in as few bytes as it needs
// [5.0 MQTT-1.5.5-1].
func appendVarint(dst []byte, n int) []byte {
	for n > 0x7f {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

// varintSize is how many bytes appendVarint appends.
func varintSize(n int) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<14:
		return 2
	case n < 1<<21:
		return 3
	}
	return 4
}

// appendBinary appends b after its length. What is beyond 65535 bytes is cut
// off: a wrong length would spoil all that follows on the connection.
func appendBinary[T ~string | ~[]byte](dst []byte, b T) []byte {
	b = b[:min(len(b), maxText)]
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(b))), b...)
}

// encoder collects the properties of a packet that is written.
type encoder []byte

func (e *encoder) byte(id property, b byte) { *e = append(*e, byte(id), b) }

func (e *encoder) uint16(id property, n uint16) {
	*e = binary.BigEndian.AppendUint16(append(*e, byte(id)), n)
}

func (e *encoder) uint32(id property, n uint32) {
	*e = binary.BigEndian.AppendUint32(append(*e, byte(id)), n)
}

// someUint32 leaves out 0, which says the same.
func (e *encoder) someUint32(id property, n uint32) {
	if n != 0 {
		e.uint32(id, n)
	}
}

// text leaves out "": no property makes a difference between the two.
func (e *encoder) text(id property, s string) {
	if s != "" {
		*e = appendBinary(append(*e, byte(id)), s)
	}
}

// flag is for a property that has a default.
func (e *encoder) flag(id property, on, byDefault bool) {
	if on == byDefault {
		return
	}
	var b byte
	if on {
		b = 1
	}
	e.byte(id, b)
}

// window appends a receive maximum; 65535 is what counts without it
// [5.0 MQTT 3.1.2.11.3], and 0 is not allowed.
func (e *encoder) window(n uint16) {
	if n != 0 && n != maxText {
		e.uint16(propReceiveMaximum, n)
	}
}

func (e *encoder) auth(method *string, data []byte) {
	if method != nil {
		*e = appendBinary(append(*e, byte(propAuthMethod)), *method)
	}
	if data != nil {
		*e = appendBinary(append(*e, byte(propAuthData)), data)
	}
}

// appendTo appends the properties after their length, with the encoded ones
// behind them.
func (e encoder) appendTo(dst, encoded []byte) []byte {
	dst = appendVarint(dst, len(e)+len(encoded))
	return append(append(dst, e...), encoded...)
}

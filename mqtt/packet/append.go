package packet

import "encoding/binary"

// maxRemaining is the longest body that the fixed header can announce, in
// bytes [MQTT 2.2.3].
const maxRemaining = 268_435_455

// first is the first byte of a packet.
func first(t Type, flags byte) byte { return byte(t)<<4 | flags }

// appendHeader appends a fixed header; length is at most maxRemaining.
func appendHeader(dst []byte, first byte, length int) []byte {
	dst = append(dst, first)
	for length > 0x7f {
		dst = append(dst, byte(length)|0x80)
		length >>= 7
	}
	return append(dst, byte(length))
}

// appendBinary appends b, at most 65535 bytes, after its length.
func appendBinary[T ~string | ~[]byte](dst []byte, b T) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(b))), b...)
}

// headerSize is the length of the fixed header of a body of length bytes.
func headerSize(length int) int {
	switch {
	case length < 1<<7:
		return 2
	case length < 1<<14:
		return 3
	case length < 1<<21:
		return 4
	}
	return 5
}

package listen

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// The opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// Status codes of a close frame, RFC 6455 section 7.4.1.
const (
	statusNormal   = 1000
	statusProtocol = 1002
	statusData     = 1003 // not binary [MQTT-6.0.0-1]
	statusTooBig   = 1009
)

// maxControl is the longest payload of a control frame.
const maxControl = 125

// frameError is what a client did wrong, with the status that tells it so.
type frameError struct {
	status uint16
	why    string
}

// Error implements error.
func (e *frameError) Error() string { return fmt.Sprintf("WebSocket: %s (status %d)", e.why, e.status) }

var _ error = (*frameError)(nil)

// unframer takes the frames off a stream of bytes as it comes. It holds on to
// a part of a header at most, and to control frames.
type unframer struct {
	max uint64 // bytes of the payload of a frame
	// control is called at the end of each control frame.
	control func(op byte, payload []byte) error

	header [14]byte
	have   int  // bytes of it
	inside bool // a frame, behind its header
	op     byte
	final  bool
	open   bool // a message that goes on in the next frame
	left   uint64
	mask   [4]byte
	words  []byte // payload of a control frame so far
}

// strip moves the bytes of messages in b to its beginning, and returns how many
// they are. It uses b up, unless there is an error: then the stream is over.
func (u *unframer) strip(b []byte) (n int, err error) {
	for at := 0; at < len(b); {
		if !u.inside {
			used, err := u.takeHeader(b[at:])
			if at += used; err != nil {
				return n, err
			}
			continue
		}
		part := b[at : at+int(min(uint64(len(b)-at), u.left))]
		at += len(part)
		u.unmask(part)
		if u.op < opClose {
			n += copy(b[n:], part)
		} else {
			u.words = append(u.words, part...)
		}
		u.left -= uint64(len(part))
		if err := u.endFrame(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// takeHeader takes bytes of a header, which may come in pieces.
func (u *unframer) takeHeader(b []byte) (used int, err error) {
	for used < len(b) {
		u.header[u.have] = b[used]
		used++
		u.have++
		switch {
		case u.have == 2:
			err = u.checkHeader()
		case u.have > 2 && u.have == u.headerSize():
			err = u.beginFrame()
		}
		if err != nil || u.inside || u.have == 0 {
			return used, err
		}
	}
	return used, nil
}

// headerSize is known from the second byte on.
func (u *unframer) headerSize() int {
	switch u.header[1] & 0x7f {
	case 127:
		return 2 + 8 + 4
	case 126:
		return 2 + 2 + 4
	}
	return 2 + 4
}

// checkHeader looks at the first two bytes.
func (u *unframer) checkHeader() error {
	final, op, length := u.header[0]&0x80 != 0, u.header[0]&0x0f, u.header[1]&0x7f
	bad := func(why string) error { return &frameError{statusProtocol, why} }
	switch {
	case u.header[0]&0x70 != 0:
		return bad("a reserved bit is set, and no extension was agreed on")
	case u.header[1]&0x80 == 0:
		return bad("a frame of a client is not masked")
	case op == opText:
		return &frameError{statusData, "a text frame [MQTT-6.0.0-1]"}
	case op == opContinuation && !u.open:
		return bad("a continuation of nothing")
	case op == opBinary && u.open:
		return bad("a new message before the end of the last one")
	case op >= opClose && op <= opPong && (!final || length > maxControl):
		return bad("a control frame that is long or in parts")
	case op > opBinary && op < opClose, op > opPong:
		return bad("an unknown opcode")
	}
	return nil
}

// beginFrame reads a header that is complete.
func (u *unframer) beginFrame() error {
	u.final, u.op = u.header[0]&0x80 != 0, u.header[0]&0x0f
	rest := u.header[2:]
	least := uint64(0) // RFC 6455 section 5.2: the shortest form
	switch u.left = uint64(u.header[1] & 0x7f); u.left {
	case 126:
		u.left, rest, least = uint64(binary.BigEndian.Uint16(rest)), rest[2:], 126
	case 127:
		u.left, rest, least = binary.BigEndian.Uint64(rest), rest[8:], 1<<16
	}
	copy(u.mask[:], rest)
	u.have, u.inside = 0, true
	switch {
	case u.left < least:
		return &frameError{statusProtocol, "a length that is written longer than need be"}
	case u.left > u.max:
		return &frameError{statusTooBig, fmt.Sprintf("a frame of %d bytes, over %d", u.left, u.max)}
	}
	return u.endFrame()
}

// endFrame ends the frame if all of it has come.
func (u *unframer) endFrame() error {
	if u.left > 0 {
		return nil
	}
	u.inside = false
	if u.op < opClose {
		u.open = !u.final
		return nil
	}
	words := u.words
	u.words = u.words[:0]
	return u.control(u.op, words)
}

// unmask takes the mask off a part of a payload (RFC 6455 section 5.3), and
// turns the mask to where the next part begins.
func (u *unframer) unmask(b []byte) {
	var wide [64]byte
	for i := range wide {
		wide[i] = u.mask[i&3]
	}
	turn := len(b) & 3
	for len(b) >= len(wide) {
		subtle.XORBytes(b, b[:len(wide)], wide[:])
		b = b[len(wide):]
	}
	subtle.XORBytes(b, b, wide[:len(b)])
	m := u.mask
	for i := range m {
		u.mask[i] = m[(i+turn)&3]
	}
}

// appendHeader appends the header of a frame of the server, which has no mask.
func appendHeader(b []byte, op byte, size int) []byte {
	b = append(b, 0x80|op)
	switch {
	case size < 126:
		return append(b, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(size))
}

package nats

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// kind says what a packet is for. A number is never used again.
type kind byte

const (
	kindDial   kind = 1 // opens a link
	kindAccept kind = 2 // answers: it is open
	kindRefuse kind = 3 // answers: too many links
	kindData   kind = 4 // number: of this packet, from 1; body: a part of the stream
	kindCredit kind = 5 // number: bytes of the stream that may have been sent in all
	kindAsk    kind = 6 // number: of the last data packet sent; asks for the credit again
	kindClose  kind = 7 // the sender has closed the link
	kindReset  kind = 8 // the sender has no such link, or it has lost a packet
	kindHello  kind = 9 // number 1: asks for an answer; link: this run of the sender
)

// version is the first byte of every packet.
const version = 1

// headerBytes is the length of a packet without its body: version, kind,
// flags, sender, link and number, little-endian.
const headerBytes = 3 + 16 + 8 + 8

// flagDialler says that the sender has dialled the link.
const flagDialler = 1

// packet is one message of NATS.
type packet struct {
	kind    kind
	dialler bool // the sender has dialled the link
	from    uid
	link    uint64 // chosen by the dialler at random
	number  uint64
	body    []byte
}

// putHeader writes the header over the first bytes of dst.
func (p packet) putHeader(dst []byte) {
	dst[0], dst[1], dst[2] = version, byte(p.kind), 0
	if p.dialler {
		dst[2] = flagDialler
	}
	copy(dst[3:], p.from[:])
	binary.LittleEndian.PutUint64(dst[19:], p.link)
	binary.LittleEndian.PutUint64(dst[27:], p.number)
}

// control encodes a packet that has no body.
func (p packet) control() []byte {
	b := make([]byte, headerBytes)
	p.putHeader(b)
	return b
}

var errPacket = errors.New("malformed packet")

// decodePacket reads a packet; body is part of b.
func decodePacket(b []byte) (p packet, err error) {
	if len(b) < headerBytes {
		return p, fmt.Errorf("%w: %d bytes", errPacket, len(b))
	}
	if b[0] != version || b[2]&^flagDialler != 0 {
		return p, fmt.Errorf("%w: version %d, flags %#x", errPacket, b[0], b[2])
	}
	p = packet{
		kind: kind(b[1]), dialler: b[2]&flagDialler != 0, from: uid(b[3:19]),
		link: binary.LittleEndian.Uint64(b[19:]), number: binary.LittleEndian.Uint64(b[27:]),
		body: b[headerBytes:],
	}
	if p.kind < kindDial || p.kind > kindHello || (p.kind == kindData) != (len(p.body) > 0) {
		return packet{}, fmt.Errorf("%w: kind %d with %d bytes", errPacket, b[1], len(b))
	}
	return p, nil
}

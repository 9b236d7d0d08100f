package wire

import (
	"bytes"
	"encoding/binary"

	"github.com/muster-mqtt/muster/core"
)

// Protocol is the highest protocol version between nodes that this build
// speaks; protocolMin is the lowest. Version 2 has data connections, lane
// grants, parts and route versions.
const (
	Protocol    = 2
	protocolMin = 1
)

// FeatureRelay is the bit of Identity.Features of a node that relays between its
// peers, and lets others relay to it.
const FeatureRelay = 1 << 0

// MaxHello is the longest frame, in bytes, that is read before the proof: the
// limit to set on a link until its Handshake is done.
const MaxHello = 1024

// magic is how a frame that begins a link says what it is.
const magic = "muster"

// nonceLen makes a repeated nonce a matter of never.
const nonceLen = 32

// Identity is what a node says of itself in its hello.
type Identity struct {
	Cluster     string // name of the cluster, 1 to 255 bytes
	UID         core.UID
	Incarnation core.Incarnation // at least 1
	Name        core.NodeID
	Features    uint64 // bits; unknown ones are ignored
}

// hello is the first frame of each side. Its form never changes; fields are
// added at its end.
type hello struct {
	role     Role
	min, max uint16
	who      Identity
	nonce    [nonceLen]byte
}

func appendHello(dst []byte, h hello) []byte {
	dst = append(append(dst, typeHello), magic...)
	dst = append(dst, byte(h.role))
	dst = binary.LittleEndian.AppendUint16(dst, h.min)
	dst = binary.LittleEndian.AppendUint16(dst, h.max)
	dst = putBytes(dst, h.who.Cluster)
	dst = putUID(dst, h.who.UID)
	dst = putUvarint(dst, h.who.Incarnation)
	dst = putBytes(dst, h.who.Name)
	dst = append(dst, h.nonce[:]...)
	return putUvarint(dst, h.who.Features)
}

func decodeHello(frame []byte) (h hello, err error) {
	r := &reader{what: "hello", b: frame}
	if r.u8() != typeHello || !bytes.Equal(r.take(len(magic)), []byte(magic)) {
		r.fail("not a node of ours")
	}
	h.role = Role(r.u8())
	h.min, h.max = r.u16(), r.u16()
	h.who.Cluster = r.text(maxText)
	h.who.UID = r.uid()
	h.who.Incarnation = r.incarnation()
	h.who.Name = r.node(false)
	copy(h.nonce[:], r.take(nonceLen))
	h.who.Features = r.uvarint()
	if h.who.Cluster == "" || h.who.UID.IsZero() || h.who.Incarnation == 0 || h.min == 0 || h.max < h.min {
		r.fail("a field is missing")
	}
	return h, r.err
}

package wire

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport"
)

// Role is a side of a link.
type Role uint8

// The two roles: who opened the link, and who accepted it.
const (
	Dialler Role = iota + 1
	Accepter
)

// Options of a Handshake.
type Options struct {
	Key  Key            // of the cluster, from StretchKey
	Info transport.Info // of the link
	Rand io.Reader      // source of the nonce; crypto/rand when nil
	// Protocol is the highest version to speak, when it is to be lower than
	// this build's; 0 is Protocol.
	Protocol uint16
}

// Peer is the outcome of a handshake.
type Peer struct {
	Identity
	Protocol   uint16 // the highest version that both speak
	Send, Recv Key    // for this link alone: of a Sealer, of an Opener
}

// phase is what a Handshake waits for.
type phase uint8

const (
	wantHello phase = iota
	wantProof
	finished
	broken
)

// Handshake proves to each of two nodes that the other knows the cookie,
// without showing it. The dialler sends its hello, the accepter its own; the
// dialler sends its proof, and only after it has verified that does the
// accepter send its own. The proofs cover both hellos, the role and the TLS
// exporter, so neither a replay nor a reflection passes.
type Handshake struct {
	role   Role
	opts   Options
	own    hello
	mine   []byte // own, as sent
	phase  phase
	digest [sha256.Size]byte
	peer   Peer
}

// NewHandshake returns the state of one side of one link. It fails when the
// identity or the key is not complete, or when no nonce can be read.
func NewHandshake(role Role, self Identity, o Options) (*Handshake, error) {
	if o.Key == (Key{}) || role != Dialler && role != Accepter {
		return nil, errors.New("handshake without a key or a role")
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Protocol == 0 || o.Protocol > Protocol {
		o.Protocol = Protocol
	}
	h := &Handshake{role: role, opts: o, own: hello{role: role, min: protocolMin, max: o.Protocol, who: self}}
	if _, err := io.ReadFull(o.Rand, h.own.nonce[:]); err != nil {
		return nil, fmt.Errorf("nonce: %w", err)
	}
	h.mine = appendHello(nil, h.own)
	if _, err := decodeHello(h.mine); err != nil {
		return nil, fmt.Errorf("own identity: %w", err)
	}
	return h, nil
}

// Start returns the first frame of the dialler, nil for the accepter.
func (h *Handshake) Start() []byte {
	if h.role == Dialler {
		return h.mine
	}
	return nil
}

// Step takes the next frame of the peer. A reply, if any, must be sent, even
// with an error: it tells the peer why. After an error the link must be
// closed; it is a *Refusal or wraps ErrMalformed. With done the reply is the
// last unsealed frame, and Result tells who the peer is.
func (h *Handshake) Step(frame []byte) (reply []byte, done bool, err error) {
	reply, err = h.step(frame)
	if err != nil {
		h.phase, h.peer = broken, Peer{}
	}
	return reply, h.phase == finished, err
}

// Result returns the peer, the zero Peer before the handshake is done.
func (h *Handshake) Result() Peer {
	if h.phase != finished {
		return Peer{}
	}
	return h.peer
}

func (h *Handshake) step(frame []byte) (reply []byte, err error) {
	switch {
	case len(frame) > MaxHello:
		return nil, fmt.Errorf("frame of %d bytes before the proof: %w", len(frame), ErrMalformed)
	case h.phase == finished || h.phase == broken:
		return nil, fmt.Errorf("handshake is over: %w", ErrMalformed)
	case len(frame) > 0 && frame[0] == typeRefuse:
		return nil, refusedByPeer(frame)
	case h.phase == wantHello:
		return h.takeHello(frame)
	}
	return h.takeProof(frame)
}

func refusedByPeer(frame []byte) error {
	f, err := Decode(frame)
	if err != nil {
		return err
	}
	return &Refusal{Refuse: f.(Refuse), ByPeer: true}
}

func (h *Handshake) takeHello(frame []byte) ([]byte, error) {
	theirs, err := decodeHello(frame)
	if err != nil {
		return nil, err
	}
	if theirs.role != 3-h.role && theirs.who.UID != h.own.who.UID {
		return nil, fmt.Errorf("hello of %s in the wrong role: %w", theirs.who.Name, ErrMalformed)
	}
	if r := h.judge(theirs); r != nil {
		return Append(nil, r.Refuse), r
	}
	h.phase = wantProof
	h.agree(theirs, frame)
	if h.role == Accepter {
		return h.mine, nil
	}
	return h.proof(Dialler), nil
}

// judge refuses a hello that cannot lead anywhere. What it says goes to the
// peer as well, so it repeats only what the peer has said or will learn.
func (h *Handshake) judge(theirs hello) *Refusal {
	switch {
	case theirs.who.UID == h.own.who.UID || theirs.nonce == h.own.nonce:
		return refusal(RefuseSelf, "the node has reached itself")
	case theirs.who.Cluster != h.own.who.Cluster:
		return refusal(RefuseCluster, "the cluster name differs: %s is of %q, the node at the other end is not", theirs.who.Name, theirs.who.Cluster)
	case theirs.min > h.own.max || theirs.max < h.own.min:
		return refusal(RefuseVersion, "no protocol version in common: %s speaks %d to %d, the node at the other end %d to %d",
			theirs.who.Name, theirs.min, theirs.max, h.own.min, h.own.max)
	case !certified(h.opts.Info.CertNames, theirs.who.Name):
		return refusal(RefuseCertificate, "the certificate of %s does not name its host: it needs %s among its alternative names",
			theirs.who.Name, theirs.who.Name.Host())
	}
	return nil
}

// certified reports whether the names of a verified certificate cover the host
// part of a node name; nil means that the transport has verified none. An
// address is covered by the same address alone, a host name by itself or by a
// "*" in place of its first label (RFC 9525, sections 6.3 and 6.4).
func certified(names []string, id core.NodeID) bool {
	if names == nil {
		return true
	}
	host := strings.TrimSuffix(id.Host(), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return slices.ContainsFunc(names, func(n string) bool {
			other, err := netip.ParseAddr(n)
			return err == nil && other.Unmap() == ip.Unmap().WithZone("")
		})
	}
	_, parent, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(names, func(n string) bool {
		n = strings.TrimSuffix(n, ".")
		return n != "" && strings.EqualFold(n, host) || parent != "" && strings.EqualFold(n, "*."+parent)
	})
}

// agree computes what both sides must have in common.
func (h *Handshake) agree(theirs hello, frame []byte) {
	h.peer.Identity = theirs.who
	h.peer.Protocol = min(h.own.max, theirs.max)
	first, second := h.mine, frame
	if h.role == Accepter {
		first, second = frame, h.mine
	}
	d := sha256.New()
	for _, part := range [][]byte{first, second, h.opts.Info.Exporter} {
		_, _ = d.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(part))))
		_, _ = d.Write(part)
	}
	d.Sum(h.digest[:0])
}

// proof returns the proof frame of one role.
func (h *Handshake) proof(of Role) []byte {
	sum := mac(h.opts.Key.Derive("muster/1 proof"), []byte{byte(of)}, h.digest[:])
	return append([]byte{typeProof}, sum[:]...)
}

func (h *Handshake) takeProof(frame []byte) ([]byte, error) {
	if len(frame) == 0 || frame[0] != typeProof {
		return nil, fmt.Errorf("proof expected: %w", ErrMalformed)
	}
	if !hmac.Equal(frame, h.proof(3-h.role)) {
		return h.badProof()
	}
	toAccepter := h.opts.Key.Derive("muster/1 frames to the accepter" + string(h.digest[:]))
	toDialler := h.opts.Key.Derive("muster/1 frames to the dialler" + string(h.digest[:]))
	h.phase = finished
	if h.role == Dialler {
		h.peer.Send, h.peer.Recv = toAccepter, toDialler
		return nil, nil
	}
	h.peer.Send, h.peer.Recv = toDialler, toAccepter
	return h.proof(Accepter), nil
}

// badProof refuses. The accepter tells the dialler; it has nothing to hear
// from a dialler any more, whose proof it has taken.
func (h *Handshake) badProof() ([]byte, error) {
	r := refusal(RefuseProof, "the cookie differs, or something between the nodes has changed the hello")
	if h.role == Dialler {
		return nil, r
	}
	return Append(nil, r.Refuse), r
}

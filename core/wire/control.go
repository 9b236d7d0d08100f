package wire

import (
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
)

// Bounds of the lists of one frame, in items.
const (
	maxEntries = 1 << 14
	maxClaims  = 1 << 15
	maxMerged  = 1 << 8
)

type (
	// Probe asks for an Echo with the same ID on the same link. ViewHash is
	// that of the sender's view.
	Probe struct{ ID, ViewHash uint64 }

	// Echo answers a Probe, with the view hash of its own sender.
	Echo struct{ ID, ViewHash uint64 }

	// Bye is the last frame of a node that stops or leaves in order.
	Bye struct {
		Incarnation core.Incarnation
		Kind        membership.ByeKind
	}

	// Entries are decisions about nodes, for everyone to keep; at most 16,384
	// in a frame.
	Entries struct{ Entries []membership.Entry }

	// Moved says that the sender's cluster has another identity now: it has
	// joined or merged. Merged are the uids of the clusters that were merged
	// into it, at most 256.
	Moved struct {
		Cluster core.Cluster
		Merged  []core.UID
	}

	// Claim says that a client ID is connected at the sender by the right of
	// a token. With Discard its session elsewhere is to be forgotten.
	Claim struct {
		ClientID string // at most 65,535 bytes
		Token    core.Token
		Discard  bool
	}

	// Claims are claims on client IDs, at most 32,768 in a frame.
	Claims struct{ Claims []Claim }

	// LaneAck says that every message of a lane up to Seq is accepted.
	// Incarnation is that of the lane's sender, who is the receiver of this.
	LaneAck struct {
		Lane        uint8
		Incarnation core.Incarnation
		Seq         uint64
	}

	// LaneNak says that the messages of a lane from From on are missing.
	LaneNak struct {
		Lane        uint8
		Incarnation core.Incarnation
		From        uint64
	}

	// LaneGrant says how many bytes of messages of a lane may be without an
	// acknowledgement. By 0 nothing is taken in for now: the bound stays, and
	// nothing is to be sent. Before the first one on a link the sender goes by
	// its own bound.
	LaneGrant struct {
		Lane        uint8
		Incarnation core.Incarnation
		Window      uint64
	}
)

func decodeProbe(r *reader) Frame { return Probe{ID: r.uvarint(), ViewHash: r.uvarint()} }

func decodeEcho(r *reader) Frame { return Echo{ID: r.uvarint(), ViewHash: r.uvarint()} }

func decodeBye(r *reader) Frame {
	b := Bye{Incarnation: r.incarnation(), Kind: membership.ByeKind(r.u8())}
	if b.Kind < membership.ByeStop || b.Kind > membership.ByeLeave {
		r.fail("unknown kind of bye")
	}
	return b
}

// entryBytes is the least that an entry takes.
const entryBytes = 16 + 4

func appendEntries(dst []byte, f Entries) []byte {
	dst = putUvarint(dst, uint64(len(f.Entries)))
	for _, e := range f.Entries {
		dst = putBytes(putUID(dst, e.UID), e.Name)
		dst = putUvarint(append(dst, byte(e.Decision)), e.Stamp)
		dst = putUvarint(dst, e.Incarnation)
	}
	return dst
}

func decodeEntries(r *reader) Frame {
	return Entries{Entries: list(r, r.count(entryBytes, maxEntries), r.entry)}
}

func (r *reader) entry() membership.Entry {
	e := membership.Entry{
		UID: r.uid(), Name: r.node(true), Decision: membership.Decision(r.u8()),
		Stamp: r.stamp(), Incarnation: r.incarnation(),
	}
	if e.Decision < membership.Removed || e.Decision > membership.Admitted {
		r.fail("unknown decision")
	}
	return e
}

func decodeMoved(r *reader) Frame {
	return Moved{Cluster: r.cluster(), Merged: r.uids(maxMerged)}
}

// claimBytes is the least that a claim takes.
const claimBytes = 1 + 1 + 16 + 1

func appendClaims(dst []byte, f Claims) []byte {
	dst = putUvarint(dst, uint64(len(f.Claims)))
	for _, c := range f.Claims {
		dst = putToken(putBytes(dst, c.ClientID), c.Token)
		dst = append(dst, bit(c.Discard, 0))
	}
	return dst
}

func decodeClaims(r *reader) Frame {
	return Claims{Claims: list(r, r.count(claimBytes, maxClaims), r.claim)}
}

func (r *reader) claim() Claim {
	return Claim{ClientID: r.raw(maxID), Token: r.token(), Discard: r.u8()&1 != 0}
}

func appendPosition(dst []byte, inc core.Incarnation, seq uint64) []byte {
	return putUvarint(putUvarint(dst, inc), seq)
}

func decodeLaneAck(r *reader) Frame {
	return LaneAck{Lane: r.u8(), Incarnation: r.incarnation(), Seq: r.uvarint()}
}

func decodeLaneNak(r *reader) Frame {
	return LaneNak{Lane: r.u8(), Incarnation: r.incarnation(), From: r.uvarint()}
}

func decodeLaneGrant(r *reader) Frame {
	return LaneGrant{Lane: r.u8(), Incarnation: r.incarnation(), Window: r.uvarint()}
}

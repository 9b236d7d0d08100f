package wire

import (
	"bytes"

	"github.com/muster-mqtt/muster/core/replica"
)

// maxOps bounds the rows of one frame; opBytes is the least that a row takes.
const (
	maxOps  = 1 << 16
	opBytes = 4
)

const bitDeleted = 0

func appendOps(dst []byte, ops []replica.Op) []byte {
	dst = putUvarint(dst, uint64(len(ops)))
	for _, op := range ops {
		dst = putBytes(append(dst, bit(op.Deleted, bitDeleted)), op.Key)
		dst = putUvarint(dst, op.Version)
		if !op.Deleted {
			dst = putBytes(dst, op.Value)
		}
	}
	return dst
}

// ops reads rows; keys and values are copies, so that a row that is kept for
// long does not keep its frame.
func (r *reader) ops() []replica.Op { return list(r, r.count(opBytes, maxOps), r.op) }

func (r *reader) op() replica.Op {
	op := replica.Op{Deleted: r.u8()&(1<<bitDeleted) != 0}
	op.Key = string(r.bytes())
	if op.Key == "" {
		r.fail("row without a key")
	}
	op.Version = r.uvarint()
	if op.Deleted {
		return op
	}
	if v := r.bytes(); len(v) > 0 {
		op.Value = bytes.Clone(v)
	}
	return op
}

func appendDelta(dst []byte, d replica.Delta) []byte {
	dst = putUvarint(putUvarint(dst, d.Incarnation), d.From)
	return appendOps(putUvarint(dst, d.To), d.Ops)
}

func decodeDelta(r *reader) Frame {
	return replica.Delta{Incarnation: r.incarnation(), From: r.uvarint(), To: r.uvarint(), Ops: r.ops()}
}

func appendAck(dst []byte, a replica.Ack) []byte {
	dst = putUvarint(putUvarint(dst, a.Incarnation), a.Version)
	return putUvarint(putUvarint(dst, a.Snapshot), a.Position)
}

func decodeAck(r *reader) Frame {
	return replica.Ack{Incarnation: r.incarnation(), Version: r.uvarint(), Snapshot: r.uvarint(), Position: r.uvarint()}
}

func decodePull(r *reader) Frame {
	return replica.Pull{Incarnation: r.incarnation(), Have: r.uvarint()}
}

func appendSnapshot(dst []byte, s replica.Snapshot) []byte {
	dst = putUvarint(putUvarint(dst, s.Incarnation), s.Version)
	dst = putUvarint(append(dst, byte(s.Part)), s.Count)
	return appendOps(putUvarint(putUvarint(dst, s.From), s.To), s.Rows)
}

func decodeSnapshot(r *reader) Frame {
	s := replica.Snapshot{Incarnation: r.incarnation(), Version: r.uvarint(), Part: replica.Part(r.u8())}
	if s.Part < replica.Begin || s.Part > replica.End {
		r.fail("unknown part of a snapshot")
	}
	s.Count, s.From, s.To, s.Rows = r.uvarint(), r.uvarint(), r.uvarint(), r.ops()
	return s
}

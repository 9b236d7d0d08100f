package wire

import (
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/replica"
)

// Welcome is the first sealed frame of each side of a link: where the sender
// stands, so that both can decide what the link is for, and how far the lanes
// and tables between the two have got.
type Welcome struct {
	Cluster  core.Cluster
	Merged   []core.UID // of the clusters that were merged into it, at most 256
	Left     bool       // the sender has left by an operator's word and stays out
	Operator bool       // an operator asked for this link, to join
	Merge    bool       // the dialler may merge two clusters
	Probe    bool       // only asking: the dialler will close the link
	Now      core.Stamp // cluster time of the sender
	Addr     string     // host:port where the sender can be dialled
	// Record is the sender's member record; the zero Record when it is in no
	// cluster. Its uid and name must be those of the hello: the caller checks.
	Record membership.Record
	Lanes  []LanePosition // at most one for each lane
	Have   replica.Have   // what the sender holds of the receiver's table
	// Data is the lane that this connection is for, when it is a data
	// connection beside a link that there is; 0: it is not.
	Data uint8
	// Count is how many data lanes the sender has, at most MaxLanes; 0: not
	// said, by protocol 1, which has one and no connection for it.
	Count uint8
	// Relay says that the connection is to be, or is, part of a link between
	// two other nodes that goes through one of the two ends.
	Relay Relay
}

// Relay is what a connection is for that a node passes on to another. The zero
// value is an ordinary connection. Only nodes whose hello has FeatureRelay
// understand it.
type Relay struct {
	Kind RelayKind
	UID  core.UID    // of the node at the other end of the relayed link
	Name core.NodeID // as its hello to the node between said; empty in RelayTo
}

// RelayKind is a step in opening a relayed link.
type RelayKind uint8

// The dialler asks the node between (RelayTo), which asks the other end
// (RelayFrom); that answers with its welcome, and then the node between does
// (RelayStands). What follows on the connection are the frames of a new link,
// from its hello on, without a seal of the connection.
const (
	RelayTo RelayKind = iota + 1
	RelayFrom
	RelayStands
)

// MaxLanes is the highest number of a data lane.
const MaxLanes = 4

// LanePosition is how far one lane has got, in both directions.
type LanePosition struct {
	Lane uint8
	// Incarnation is that of the receiver of this Welcome, as the sender last
	// met it at the other end of the lane; 0 when it never did.
	Incarnation core.Incarnation
	Received    uint64 // accepted from that incarnation, up to this sequence
	Base        uint64 // the sender's own first unacknowledged sequence
}

// maxLanes is how many lanes a number of one byte can name; positionBytes is
// the least that a position takes.
const (
	maxLanes      = 256
	positionBytes = 4
)

// The bits of the flags of a Welcome; others are ignored.
const (
	bitLeft = iota
	bitOperator
	bitMerge
	bitProbe
	bitLanes // Data and Count follow at the end
	bitRelay // Relay follows at the end
)

func appendWelcome(dst []byte, w Welcome) []byte {
	dst = putUIDs(putCluster(dst, w.Cluster), w.Merged)
	dst = append(dst, bit(w.Left, bitLeft)|bit(w.Operator, bitOperator)|bit(w.Merge, bitMerge)|bit(w.Probe, bitProbe)|bit(w.laned(), bitLanes)|bit(w.Relay.Kind != 0, bitRelay))
	dst = putBytes(putUvarint(dst, w.Now), w.Addr)
	var record []byte
	if w.Record != (membership.Record{}) {
		record = AppendRecord(nil, w.Record)
	}
	dst = putUvarint(putBytes(dst, record), uint64(len(w.Lanes)))
	for _, l := range w.Lanes {
		dst = appendPosition(append(dst, l.Lane), l.Incarnation, l.Received)
		dst = putUvarint(dst, l.Base)
	}
	dst = putUvarint(putUvarint(dst, w.Have.Incarnation), w.Have.Version)
	dst = append(dst, bit(w.Have.Complete, 0))
	if w.laned() {
		dst = append(dst, w.Data, w.Count)
	}
	if r := w.Relay; r.Kind != 0 {
		dst = putBytes(putUID(append(dst, byte(r.Kind)), r.UID), r.Name)
	}
	return dst
}

// laned reports whether there is more than protocol 1 has.
func (w Welcome) laned() bool { return w.Data != 0 || w.Count != 0 }

func decodeWelcome(r *reader) Frame {
	w := Welcome{Cluster: r.cluster(), Merged: r.uids(maxMerged)}
	flags := r.u8()
	w.Left, w.Operator = flags&(1<<bitLeft) != 0, flags&(1<<bitOperator) != 0
	w.Merge, w.Probe = flags&(1<<bitMerge) != 0, flags&(1<<bitProbe) != 0
	w.Now = r.stamp()
	w.Addr = r.text(maxAddr)
	w.Record = r.record()
	w.Lanes = r.lanes()
	w.Have = replica.Have{Incarnation: r.incarnation(), Version: r.uvarint(), Complete: r.u8()&1 != 0}
	if flags&(1<<bitLanes) != 0 {
		if w.Data, w.Count = r.u8(), r.u8(); w.Data > MaxLanes || w.Count > MaxLanes {
			r.fail("lane out of range")
		}
	}
	if flags&(1<<bitRelay) != 0 {
		w.Relay = Relay{Kind: RelayKind(r.u8()), UID: r.uid(), Name: r.node(true)}
		if k := w.Relay.Kind; k < RelayTo || k > RelayStands || w.Relay.UID.IsZero() {
			r.fail("relay to nobody")
		}
	}
	return w
}

// record reads a record with its length, the zero Record when that is 0.
func (r *reader) record() membership.Record {
	b := r.bytes()
	if len(b) == 0 {
		return membership.Record{}
	}
	rec, err := DecodeRecord(b)
	if err != nil && r.err == nil {
		r.err = err
	}
	return rec
}

// lanes reads the positions; a lane that comes twice is an error.
func (r *reader) lanes() []LanePosition {
	var seen [maxLanes]bool
	return list(r, r.count(positionBytes, maxLanes), func() LanePosition {
		l := LanePosition{Lane: r.u8(), Incarnation: r.incarnation(), Received: r.uvarint(), Base: r.uvarint()}
		if seen[l.Lane] {
			r.fail("lane twice")
		}
		seen[l.Lane] = true
		return l
	})
}

package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/retained"
	"github.com/muster-mqtt/muster/core/wire"
)

// The kinds of records that a node writes, 0x40 to 0x5f. A number is never
// used again.
const (
	recordRetained  = 0x40 + iota // when learnt, expiry, message
	recordTombstone               // topic, token
	recordForgot                  // topic, token
	recordSwept                   // topic, token
	recordContact                 // uid, stamp
	recordLane                    // uid, incarnation, lane, sequence
)

// ErrRecord refuses a record that no node has written.
var ErrRecord = errors.New("record of a node is not readable")

// written calls done when everything appended to the journal so far is in the
// log; at once without one.
func (n *Node) written(done func()) {
	if n.opts.Journal == nil {
		done()
		return
	}
	n.opts.Journal.Written(done)
}

// pacer is what a Journal may be besides: Ready waits while it takes nothing
// more in, until ctx ends.
type pacer interface {
	Ready(ctx context.Context) error
}

// past is a context that has ended: who asks with it does not wait.
var past = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// crowded reports whether the journal takes nothing in for now. What a peer
// sends then is passed over, not waited with: its link must go on echoing. The
// peer sends it again.
func (n *Node) crowded() bool {
	if !n.full() {
		return false
	}
	n.count.journalCrowded.Add(1)
	return true
}

// full reports whether the journal takes nothing in for now.
func (n *Node) full() bool {
	p, ok := n.opts.Journal.(pacer)
	return ok && p.Ready(past) != nil
}

// recordRetained appends a change of the retained messages to the journal.
func (n *Node) recordRetained(c retained.Change) {
	if n.opts.Journal != nil && !n.keeper.recovering {
		n.opts.Journal.Append(n.changeRecord(c))
	}
}

func (n *Node) changeRecord(c retained.Change) (kind byte, record []byte) {
	switch c.What {
	case retained.Wrote:
		return recordRetained, n.messageRecord(c)
	case retained.Touched:
		return recordContact, binary.AppendUvarint(append([]byte(nil), c.Peer[:]...), uint64(c.Stamp))
	case retained.Buried:
		kind = recordTombstone
	case retained.Forgot:
		kind = recordForgot
	default:
		kind = recordSwept
	}
	record = append(binary.AppendUvarint(nil, uint64(len(c.Key.Topic))), c.Key.Topic...)
	record = binary.AppendUvarint(record, uint64(c.Key.Token.Stamp))
	return kind, append(record, c.Key.Token.UID[:]...)
}

// messageRecord has the expiry in cluster time, which goes on while the node
// is down.
func (n *Node) messageRecord(c retained.Change) []byte {
	m, expires := c.Message, core.Stamp(0)
	if at := m.Extra.Expires; !at.IsZero() {
		left := max(at.Sub(n.now()).Milliseconds(), 1)
		expires = min(n.stamp()+core.Stamp(left)<<16, core.MaxStamp)
		plain, extra := *m, *m.Extra
		extra.Expires, plain.Extra = time.Time{}, &extra
		m = &plain
	}
	record := binary.AppendUvarint(nil, uint64(c.Stamp))
	record = binary.AppendUvarint(record, uint64(expires))
	return wire.AppendMessage(record, m, wire.MessageOptions{Publisher: true})
}

// Recover takes in a record of an earlier run, in the order of the log; before
// Run. Errors wrap ErrRecord.
func (n *Node) Recover(kind byte, record []byte) error {
	r := &recordReader{b: record}
	if kind == recordLane {
		at := core.LaneSeq{Node: r.uid(), Incarnation: core.Incarnation(r.number()), Lane: uint8(min(r.number(), 255)), Seq: r.number()}
		if err := r.end(kind); err != nil {
			return err
		}
		n.RecoveredLane(at)
		return nil
	}
	c, err := n.changeOf(kind, r)
	if err != nil {
		return err
	}
	now := n.now()
	n.clock.Adopt(max(c.Key.Token.Stamp, c.Stamp), now) // a later start must not write below its own stamps
	n.keeper.mu.Lock()
	defer n.keeper.mu.Unlock()
	n.keeper.recovering = true
	n.keeper.store.Restore(n.moment(), c)
	n.keeper.recovering = false
	return nil
}

// changeOf reads a record about retained messages.
func (n *Node) changeOf(kind byte, r *recordReader) (c retained.Change, err error) {
	switch kind {
	case recordRetained:
		return n.recoveredMessage(r)
	case recordContact:
		c = retained.Change{What: retained.Touched, Peer: r.uid(), Stamp: core.Stamp(r.number())}
		return c, r.end(kind)
	case recordTombstone:
		c.What = retained.Buried
	case recordForgot:
		c.What = retained.Forgot
	case recordSwept:
		c.What = retained.Swept
	default:
		return c, fmt.Errorf("unknown kind %#x: %w", kind, ErrRecord)
	}
	c.Key = retained.Key{Topic: core.Topic(r.bytes()), Token: core.Token{Stamp: core.Stamp(r.number()), UID: r.uid()}}
	if c.Key.Token.Stamp > core.MaxStamp || c.What == retained.Buried && c.Key.Topic == "" {
		r.bad = true
	}
	return c, r.end(kind)
}

func (n *Node) recoveredMessage(r *recordReader) (retained.Change, error) {
	since, expires := core.Stamp(r.number()), core.Stamp(r.number())
	if r.bad {
		return retained.Change{}, r.end(recordRetained)
	}
	v, rest, err := wire.NextMessage(r.b)
	switch {
	case err != nil:
		return retained.Change{}, fmt.Errorf("retained message: %w: %w", err, ErrRecord)
	case len(rest) > 0 || v.Stamp == 0 || v.Expires != 0:
		return retained.Change{}, fmt.Errorf("retained message of %.80q: %w", v.Topic, ErrRecord)
	}
	m := messageOf(v, true)
	if expires != 0 {
		left := (int64(expires) - int64(n.stamp())) >> 16
		m.Extra.Expires = n.now().Add(time.Duration(left) * time.Millisecond)
	}
	n.clock.Adopt(v.Stamp, n.now())
	return retained.Change{What: retained.Wrote, Message: m, Stamp: since}, nil
}

// RecoveredLane says that a message that the log of an earlier run knows came
// from this place of a lane; before Run. The node that sent it is told so, and
// does not send it again.
func (n *Node) RecoveredLane(at core.LaneSeq) {
	if at.Lane < firstLane || at.Lane >= firstLane+wire.MaxLanes || at.Incarnation == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	key := laneKey{at.Node, at.Lane}
	old, known := n.recovered[key]
	if !known && len(n.recovered) >= maxBases {
		return
	}
	if at.Incarnation > old.Incarnation || at.Incarnation == old.Incarnation && at.Seq > old.Seq {
		n.recovered[key] = at
	}
}

// checkpointPiece is how many retained messages are written while the store is
// locked.
const checkpointPiece = 256

// Checkpoint appends records of everything that this node would want to find
// again, for a log that forgets what is before them. The retained messages and
// the lanes go on meanwhile.
func (n *Node) Checkpoint(write func(kind byte, record []byte)) {
	for cursor, more := core.Topic(""), true; more; {
		n.keeper.mu.Lock()
		cursor, more = n.keeper.store.Dump(cursor, checkpointPiece, func(c retained.Change) { write(n.changeRecord(c)) })
		n.keeper.mu.Unlock()
	}
	lanes, recovered := n.laneEnds()
	for _, at := range recovered {
		write(recordLane, laneRecord(at))
	}
	for key, in := range lanes {
		in.mu.Lock() // what is before the record in the log is what was accepted
		at := core.LaneSeq{Node: key.uid, Incarnation: in.inc, Lane: key.number, Seq: in.receiver.Accepted()}
		if at.Incarnation != 0 {
			write(recordLane, laneRecord(at))
		}
		in.mu.Unlock()
	}
}

func (n *Node) laneEnds() (lanes map[laneKey]*inLane, recovered []core.LaneSeq) {
	n.mu.Lock()
	defer n.mu.Unlock()
	lanes = map[laneKey]*inLane{}
	for uid, p := range n.peers {
		for _, pair := range p.lanes {
			lanes[laneKey{uid, pair.number}] = pair.in
		}
	}
	for _, at := range n.recovered {
		recovered = append(recovered, at)
	}
	return lanes, recovered
}

func laneRecord(at core.LaneSeq) []byte {
	record := binary.AppendUvarint(append([]byte(nil), at.Node[:]...), uint64(at.Incarnation))
	return binary.AppendUvarint(binary.AppendUvarint(record, uint64(at.Lane)), at.Seq)
}

// recordReader takes a record apart; after the first failure it is bad.
type recordReader struct {
	b   []byte
	bad bool
}

func (r *recordReader) number() uint64 {
	v, k := binary.Uvarint(r.b)
	if r.bad = r.bad || k <= 0; r.bad {
		return 0
	}
	r.b = r.b[k:]
	return v
}

func (r *recordReader) take(n uint64) []byte {
	if r.bad = r.bad || n > uint64(len(r.b)); r.bad {
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *recordReader) bytes() []byte { return r.take(r.number()) }

func (r *recordReader) uid() (u core.UID) {
	copy(u[:], r.take(uint64(len(u))))
	return u
}

func (r *recordReader) end(kind byte) error {
	if r.bad || len(r.b) > 0 {
		return fmt.Errorf("kind %#x, %d bytes left: %w", kind, len(r.b), ErrRecord)
	}
	return nil
}

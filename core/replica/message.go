package replica

import (
	"math"

	"github.com/muster-mqtt/muster/core"
)

// Message is one of Delta, Snapshot, Ack and Pull.
type Message interface{ message() }

// Op is the state of one row: its value or, when Deleted, that it is gone.
// Version is that of the row's last write, within the incarnation.
type Op struct {
	Key     string
	Value   []byte
	Deleted bool
	Version uint64
}

// Have says what a node holds of another node's table. It is sent at link-up.
type Have struct {
	Incarnation core.Incarnation
	Version     uint64
	Complete    bool // false: only a snapshot can help
}

// Delta brings a copy that holds version From or later to version To. It has
// at most one Op for each key.
type Delta struct {
	Incarnation core.Incarnation
	From, To    uint64
	Ops         []Op
}

// Part says which part of a snapshot a message is.
type Part uint8

// The parts of a snapshot: one Begin, any number of Rows, one End.
const (
	Begin Part = iota + 1
	Rows
	End
)

// Snapshot is one part of a full copy. Version is that of the table when the
// snapshot began and identifies it; rows written later are in it, or in the
// deltas from Version on, or in both. The parts cover the positions 0 to an
// end that the End part names, without gaps: Begin is [0, 1).
type Snapshot struct {
	Incarnation core.Incarnation
	Version     uint64
	Part        Part
	Count       uint64 // Begin: rows that the table held then; for reports
	From, To    uint64 // the positions that this part covers: [From, To)
	Rows        []Op
}

// Done is the Position of a copy that has received a snapshot to its end.
const Done = math.MaxUint64

// Ack says how far a copy has got. Position is 0 outside a snapshot, Done
// after one, else the next position wanted of the snapshot that began at
// Snapshot. Version is what the copy holds once that snapshot has ended.
type Ack struct {
	Incarnation core.Incarnation
	Version     uint64
	Snapshot    uint64
	Position    uint64
}

// Pull asks for what follows version Have; 0 asks for a snapshot.
type Pull struct {
	Incarnation core.Incarnation
	Have        uint64
}

func (Delta) message()    {}
func (Snapshot) message() {}
func (Ack) message()      {}
func (Pull) message()     {}

var _ = [...]Message{Delta{}, Snapshot{}, Ack{}, Pull{}}

// opOverhead is what an Op takes in a message beyond its key and value, in
// bytes, at most.
const opOverhead = 16

func opSize(key, value string) int { return len(key) + len(value) + opOverhead }

package retained

import (
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Options are the identity and the bounds of a Store. A number that is zero or
// less takes its default.
type Options struct {
	// Self is the node's own uid.
	Self core.UID
	// Seed is the same at every node of a cluster and known to nobody else,
	// so that no client can choose topics of one bucket.
	Seed [32]byte

	MaxMessages   int           // messages; 1,000,000
	MaxBytes      int           // of them, with some overhead for each; 512 MiB
	MaxTombstones int           // deletions not yet acknowledged by all; 1,000,000
	TombstoneAge  time.Duration // that one is kept in any case; 1 min
	RepairEvery   time.Duration // between comparisons with a peer; 10 s
	ChunkBytes    int           // of one message to a peer, a longer item goes alone; 64 KiB

	// Record is told of every change that is to survive a restart; nil for
	// none. It must not call back.
	Record func(Change)
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.MaxMessages, 1_000_000)
	def(&o.MaxBytes, 512<<20)
	def(&o.MaxTombstones, 1_000_000)
	def(&o.ChunkBytes, 64<<10)
	if o.TombstoneAge <= 0 {
		o.TombstoneAge = time.Minute
	}
	if o.RepairEvery <= 0 {
		o.RepairEvery = 10 * time.Second
	}
	if o.Record == nil {
		o.Record = func(Change) {}
	}
	return o
}

// Key is a topic with the token of its last write.
type Key struct {
	Topic core.Topic
	Token core.Token
}

// What says what a Change is.
type What uint8

// The kinds of changes.
const (
	Wrote   What = iota + 1 // Message was stored
	Buried                  // Key was deleted, and its tombstone is kept
	Forgot                  // Key is not known any more, neither message nor tombstone
	Swept                   // Forgot, of a tombstone: everything up to its stamp may have been deleted
	Touched                 // the store was in step with Peer at Stamp
)

// Change is one change of a Store. Only what its What names is set.
type Change struct {
	What    What
	Message *core.Message
	Key     Key
	Peer    core.UID
	Stamp   core.Stamp // cluster time of the change; of Wrote and Touched
}

// Now is the present by both clocks.
type Now struct {
	Time  time.Time  // with its monotonic reading
	Stamp core.Stamp // cluster time
}

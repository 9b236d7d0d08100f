package retained

import "github.com/muster-mqtt/muster/core"

// Message is what one Sync says to the other: one of Digest, List, Wants,
// Items, Done, Synced, Tombstones and TombstonesAck.
type Message interface{ message() }

// Numbered is a message with its number on the link, from 1 and without gaps:
// so that a loss on the way is noticed.
type Numbered struct {
	Number  uint64
	Message Message
}

// Digest begins a comparison, or answers one with Reply.
type Digest struct {
	Reply bool
	Stamp core.Stamp // when the comparison began, by the clock of the sender
	// Floor is the highest stamp of a tombstone that the sender has forgotten.
	Floor core.Stamp
	// Contact is when the sender was last in step with the receiver; zero for
	// never, also when it has lost what it held then.
	Contact core.Stamp
	Sums    Sums
}

// List is what the sender holds of one range of a bucket: the topics behind
// After and not behind Until, in the order of their bytes. Until is "" for the
// rest of the bucket.
type List struct {
	Bucket       uint8
	After, Until core.Topic
	Keys         []Key
}

// Want names a topic of a List of which the sender has nothing as late.
type Want struct {
	Topic  core.Topic
	Absent bool // it has nothing of it, not even a tombstone
}

// Wants asks for the messages of topics of the List under way.
type Wants struct{ Wants []Want }

// Items are messages, and tombstones as messages without a payload, that the
// other side is to have.
type Items struct{ Messages []*core.Message }

// Done says that the List under way is answered.
type Done struct {
	Bucket uint8
	Until  core.Topic
}

// Synced says that the two stores were in step when the comparison of the
// sender with this Stamp began.
type Synced struct{ Stamp core.Stamp }

// Tombstones are the next ones of the sender; To is the number of the last.
type Tombstones struct {
	To   uint64
	Keys []Key
}

// TombstonesAck says that all tombstones up to a number are kept.
type TombstonesAck struct{ To uint64 }

func (Digest) message()        {}
func (List) message()          {}
func (Wants) message()         {}
func (Items) message()         {}
func (Done) message()          {}
func (Synced) message()        {}
func (Tombstones) message()    {}
func (TombstonesAck) message() {}

var _ = [...]Message{Digest{}, List{}, Wants{}, Items{}, Done{}, Synced{}, Tombstones{}, TombstonesAck{}}

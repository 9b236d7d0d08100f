// Package retained keeps the last retained message of each topic and brings
// the stores of two nodes into step. It is pure: time comes in, messages for
// the other node go out, the caller serialises the calls.
//
// A Store is one merged table: of two writes of a topic the later token
// stands, whoever made it, so it does not matter in which order or by which
// way they arrive. A deletion is a write as well, and leaves a tombstone; so
// does a message that expires. A tombstone goes when every member has
// acknowledged it.
//
// A Sync is the exchange over one link. The node with the lower uid compares
// sums of 256 buckets with its peer at once and every ten seconds, and goes
// through what differs, range by range, with one range under way. A bucket
// that differs because a message is under way is left alone: after the first
// comparison only what differs twice is repaired. Beside it each side tells
// the other its tombstones, in order, until they are acknowledged.
//
// A node that was no member for some time may hold what the others have
// deleted, and whose tombstones are gone by now. So what it has written or
// learnt before its last contact with a peer, and that peer has not any more,
// it drops; what is later it hands over (PROTOCOL, "Shared subscriptions and
// retained messages").
package retained

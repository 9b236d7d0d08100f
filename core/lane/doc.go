// Package lane makes an ordered, acknowledged and resumable stream of
// messages out of links that may break at any time: every message that the
// Sender numbered is accepted by the Receiver exactly once and in order, as
// long as both processes live. A Sender holds the unacknowledged messages
// within a bound, its own or a lower one that the Receiver grants; a Receiver
// holds one position. Both are plain values without
// clock, lock or I/O; the caller serialises the calls (PROTOCOL, "Link, hello,
// lanes").
//
// A long message goes ahead of its own place, in parts without a sequence, so
// that the messages of other publishers pass between them; its place is a short
// message that refers to it. A Receiver accepts that when all parts have come,
// and knows nothing of parts after a new start: then they come again, because
// the place is not accepted.
//
// The tests play seeded schedules of drop, duplicate, reorder, cut, stop and
// restart; a failing seed prints the command that repeats it.
package lane

import "errors"

var (
	// ErrSequence refuses a position that cannot be: an acknowledgement of
	// what was never sent, or a base of zero. The link must be closed.
	ErrSequence = errors.New("lane: impossible sequence")
	// ErrIncarnation refuses a sender that is older than the one already seen
	// under the same identity.
	ErrIncarnation = errors.New("lane: older incarnation")
)

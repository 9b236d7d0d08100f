// Package lane makes an ordered, acknowledged and resumable stream of
// messages out of links that may break at any time: every message that the
// Sender numbered is accepted by the Receiver exactly once and in order, as
// long as both processes live. A Sender holds the unacknowledged messages
// within a bound; a Receiver holds one position. Both are plain values without
// clock, lock or I/O; the caller serialises the calls (PROTOCOL, "Link, hello,
// lanes").
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

package lane

import (
	"fmt"

	"github.com/muster-mqtt/muster/core"
)

// maxBase keeps the arithmetic of positions far from overflow.
const maxBase = 1 << 62

// Receiver is the receiving end of one lane from one peer: how far the
// present incarnation of that peer has got. It outlives the links.
type Receiver struct {
	incarnation core.Incarnation
	accepted    uint64
	parts       partial
}

// NewReceiver returns a receiver that has met no sender yet; until Begin every
// frame is a gap. It holds at most maxParts bytes of long messages that are not
// complete.
func NewReceiver(maxParts int) *Receiver {
	return &Receiver{parts: partial{limit: maxParts, whole: map[uint64]*whole{}}}
}

// Begin starts a link with the given incarnation of the sender, whose first
// unacknowledged sequence is base. A higher incarnation than before starts
// anew at base. The same one goes on where it was; or at base, when that is
// further on: the sender has dropped, and counted, what lies between. A lower
// one is ErrIncarnation, a base that cannot be is ErrSequence; both change
// nothing. Parts begin anew with every link.
func (r *Receiver) Begin(sender core.Incarnation, base uint64) error {
	switch {
	case sender < r.incarnation:
		return fmt.Errorf("%w: %d, after %d", ErrIncarnation, sender, r.incarnation)
	case base == 0 || base > maxBase:
		return fmt.Errorf("%w: base %d", ErrSequence, base)
	case sender > r.incarnation:
		r.incarnation, r.accepted = sender, base-1
		r.parts.clear()
	default:
		r.accepted = max(r.accepted, base-1)
		r.parts.clear()
	}
	return nil
}

// Frame takes the run of count messages from the sequence first. skip is how
// many leading ones have been accepted before and must be ignored; the caller
// then accepts the others before anyone reads Accepted. With gap, messages
// before first are missing: nothing of the frame may be accepted, and the
// sender is to be told Nak(Accepted()+1).
func (r *Receiver) Frame(first uint64, count int) (skip int, gap bool) {
	if r.incarnation == 0 || first > r.accepted+1 {
		return 0, true
	}
	if count <= 0 {
		return 0, false
	}
	if have := r.accepted + 1 - first; have < uint64(count) {
		r.accepted = first + uint64(count) - 1
		return int(have), false
	}
	return count, false
}

// Accepted returns the cumulative sequence to acknowledge.
func (r *Receiver) Accepted() uint64 { return r.accepted }

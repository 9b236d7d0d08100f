package replica

import (
	"errors"
	"time"
)

// The errors of Feed.Ack and Feed.Pull. The answer was ignored and counted.
var (
	ErrIncarnation = errors.New("answer for another incarnation of the table")
	ErrFuture      = errors.New("answer about what was never written or sent")
)

// backoffs is how often the wait before a resend doubles.
const backoffs = 3

// Feed brings the copy of one peer up to date. It keeps numbers, not
// messages: a peer that does not answer costs the same as one that does. Make
// one at each link-up.
type Feed struct {
	t *Table
	// acked is what the peer has visibly reached. chain is the same in the
	// snapshot under way: the deltas since its beginning. Deltas up to sent
	// are under way: one at most.
	acked, chain, sent uint64
	snap               scan
	ended              uint64  // snapshots below this version have ended
	want               *uint64 // counter of the reason for a new snapshot, nil if none is wanted
	rewound            bool    // sent again already, with no progress since
	due                time.Time
	wait               time.Duration
}

// NewFeed returns the feed to a peer that says it holds h. What cannot be
// true of this table counts as nothing.
func NewFeed(t *Table, h Have) *Feed {
	f := &Feed{t: t, wait: t.opts.Resend}
	if !h.Complete || h.Incarnation != t.inc || h.Version > t.version {
		f.want = &t.counts.snapNew
		return f
	}
	f.acked, f.chain, f.sent = h.Version, h.Version, h.Version
	return f
}

// Acked returns the version that the peer holds and has made visible; 0 while
// it has nothing complete. A write with a lower or equal version is in effect
// there.
func (f *Feed) Acked() uint64 { return f.acked }

// Deadline says when Next must be called again even if nothing has happened;
// zero means never.
func (f *Feed) Deadline() time.Time { return f.due }

// Next returns the next message to send, a Delta or a Snapshot, and false if
// there is none for now. Call it until then after each write, answer and
// Deadline. The delta's values must not be changed.
func (f *Feed) Next(now time.Time) (Message, bool) {
	if f.outstanding() && !f.due.IsZero() && !now.Before(f.due) {
		f.expire()
	}
	m := f.next()
	switch {
	case !f.outstanding():
		f.due = time.Time{}
	case f.due.IsZero():
		f.due = now.Add(f.wait)
	}
	return m, m != nil
}

func (f *Feed) next() Message {
	if f.broken(); f.want != nil {
		if f.outstanding() {
			return nil // a new snapshot would only pile up behind
		}
		f.begin()
	}
	if f.sent == f.chain && f.chain < f.t.version && !f.snap.fresh() {
		return f.delta()
	}
	if p, ok := f.snap.part(f.t); ok {
		return p
	}
	return nil
}

// outstanding says that an answer is awaited.
func (f *Feed) outstanding() bool { return f.sent > f.chain || f.snap.flying() > 0 }

// broken notices that neither the log nor the snapshot under way can bring
// the peer to the present any more.
func (f *Feed) broken() {
	switch {
	case f.want != nil:
	case f.chain < f.t.floor():
		f.want = &f.t.counts.snapLog
	case f.snap.active && f.snap.layout != f.t.layout:
		f.want = &f.t.counts.snapLayout
	}
}

// begin starts a snapshot of the present.
func (f *Feed) begin() {
	*f.want++
	f.want = nil
	f.snap = newScan(f.t)
	f.chain, f.sent = f.t.version, f.t.version
	f.rewound = false
}

// delta makes the next delta from the log.
func (f *Feed) delta() Message {
	d := f.t.since(f.chain)
	f.sent = d.To
	return d
}

// expire gives up waiting: everything that was not acked goes again.
func (f *Feed) expire() {
	f.t.counts.resends++
	f.rewind()
	f.rewound = false
	f.due = time.Time{}
	f.wait = min(2*f.wait, f.t.opts.Resend<<backoffs)
}

func (f *Feed) rewind() {
	f.sent = f.chain
	f.snap.rewind()
	f.rewound = true
}

// progress takes note that the peer has got further.
func (f *Feed) progress() {
	f.rewound = false
	f.due = time.Time{}
	f.wait = f.t.opts.Resend
}

// Ack takes in an answer. It returns ErrIncarnation or ErrFuture, and changes
// nothing, for one that cannot be true.
func (f *Feed) Ack(a Ack) error {
	receiving := a.Position != 0 && a.Position != Done
	switch {
	case a.Incarnation != f.t.inc:
		f.t.counts.badIncarnation++
		return ErrIncarnation
	case a.Version > f.t.version, a.Position != 0 && a.Snapshot > f.t.version,
		receiving && f.snap.is(a.Snapshot) && a.Position > f.snap.end:
		f.t.counts.badFuture++
		return ErrFuture
	case f.snap.active:
		f.snapAck(a)
	case !receiving:
		f.reach(a.Version)
	case a.Snapshot >= f.ended: // it waits for a snapshot of an earlier feed
		f.want = &f.t.counts.snapPull
		f.nudge()
	}
	return nil
}

// reach moves the acked version up.
func (f *Feed) reach(version uint64) {
	if version > f.chain {
		f.chain, f.sent = version, max(f.sent, version)
		f.progress()
	}
	if !f.snap.active {
		f.acked = max(f.acked, f.chain)
	}
}

func (f *Feed) snapAck(a Ack) {
	switch {
	case !f.snap.is(a.Snapshot) || a.Position == 0:
		f.nudge()
	case a.Position == Done:
		f.ended = f.snap.version + 1
		f.snap = scan{}
		f.progress()
		f.reach(a.Version)
	default:
		if !f.snap.ack(a.Position) && a.Version <= f.chain {
			f.nudge()
			return
		}
		f.progress()
		f.reach(a.Version)
	}
}

// nudge sends again what the peer seems to miss, once until there is progress
// or the timer fires: one late answer must not cause many messages.
func (f *Feed) nudge() {
	if !f.rewound {
		f.t.counts.resends++
		f.rewind()
	}
}

// Pull takes in a request, with the errors of Ack.
func (f *Feed) Pull(p Pull) error {
	switch {
	case p.Incarnation != f.t.inc:
		f.t.counts.badIncarnation++
		return ErrIncarnation
	case p.Have > f.t.version:
		f.t.counts.badFuture++
		return ErrFuture
	case f.snap.active:
		f.nudge()
	case p.Have == 0:
		f.want = &f.t.counts.snapPull
		f.nudge()
	case p.Have < f.chain: // it acked more before: it knows best
		f.chain, f.sent = p.Have, p.Have
	default:
		f.nudge()
	}
	return nil
}

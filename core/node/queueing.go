package node

import (
	"context"
	"time"
)

// publishWait is how long a publisher is paused for want of room on a lane
// before its message is refused.
const publishWait = 10 * time.Second

// holdWait is how long a message may keep the room that it was promised on one
// lane while it waits for another, all in all: long enough for a lane that gets
// on to make room for one that is nearly as large as the lane, so that such a
// message does not miss now the one and now the other; and the most that those
// who need only the former lane can feel of a peer that takes nothing in.
const holdWait = time.Second

// noTicket is the place of who has not waited yet: behind everybody.
const noTicket = ^uint64(0)

// queueing is what one publisher has while it waits for room. It is the
// publisher's goroutine's own.
type queueing struct {
	ticket  uint64  // its place on every lane; 0: it has not waited yet
	places  []*turn // where it stands; it waits at the last and holds the others
	refused *time.Timer
	release *time.Timer // of what it holds; nil: it has held nothing yet
	held    bool        // it has, and may not any more
}

// place is the ticket of the publisher, whether it waits or not.
func (q *queueing) place() uint64 {
	if q.ticket == 0 {
		return noTicket
	}
	return q.ticket
}

// at returns where it stands on a lane, nil for nowhere.
func (q *queueing) at(l *outLane) *turn {
	for _, t := range q.places {
		if t.lane == l {
			return t
		}
	}
	return nil
}

// move makes the publisher wait at a place, and at no other. It holds those
// where it has been called only if it is the next one at the new place: else a
// peer that takes nothing in would have room held for many, and the lanes of
// others would be full of that.
func (q *queueing) move(to *turn) {
	old := q.places
	q.places = nil
	for _, t := range old {
		switch {
		case t == to:
		case to.first && !q.held:
			t.hold()
			q.places = append(q.places, t)
		default:
			t.leave()
		}
	}
	if len(q.places) > 0 && q.release == nil {
		q.release = time.NewTimer(holdWait)
	}
	q.places = append(q.places, to)
}

// letGo gives up what is held.
func (q *queueing) letGo() {
	q.held = true
	q.move(q.places[len(q.places)-1])
}

// end gives up everything.
func (q *queueing) end() {
	for _, t := range q.places {
		t.leave()
	}
	q.places = nil
	for _, t := range []*time.Timer{q.refused, q.release} {
		if t != nil {
			t.Stop()
		}
	}
}

// wait returns when it is worth trying again, or with the reason to refuse the
// message.
func (q *queueing) wait(ctx context.Context) error {
	if q.refused == nil {
		q.refused = time.NewTimer(publishWait)
	}
	ready := q.places[len(q.places)-1].ready
	for {
		var release <-chan time.Time
		if q.release != nil {
			release = q.release.C
		}
		select {
		case <-ready:
			return nil
		case <-release:
			q.letGo()
		case <-ctx.Done():
			return ctx.Err()
		case <-q.refused.C:
			return ErrNoRoom
		}
	}
}

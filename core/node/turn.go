package node

import (
	"cmp"
	"slices"
)

// turn is the place of one publisher of QoS 1 or 2 among those who wait for
// room on a lane. The lane's lock guards it, but for first and ready, which are
// the publisher's.
type turn struct {
	lane   *outLane
	ticket uint64 // its place: the lowest is next
	size   int    // what its message takes of the room
	called bool
	held   bool          // it was called, and waits for another lane
	passed int           // messages of QoS 1 and 2 that have overtaken it here
	first  bool          // nobody was before it when it began to wait
	ready  chan struct{} // closed when it is called: it is worth trying again
}

// turns are those who wait for room on a lane, by ticket. Room is promised to
// those who are called: a number at the front for whom there is room together.
// Who comes later gets only what they leave, nothing while another waits, and
// not more than maxPassed times. So whatever the scheduling, no more messages
// of QoS 1 and 2 than that overtake one that waits for a lane, but for those
// of lower tickets that come back from another lane.
type turns []*turn

// maxCalled is how many publishers are called at once: enough to fill the lane
// without a pause, few enough for each to add up what is promised to the others.
const maxCalled = 64

// maxPassed is how many messages may overtake one that is called and has not
// run yet: so that those who find room do not stand in line for it.
const maxPassed = 64

func (q turns) find(ticket uint64) (int, bool) {
	return slices.BinarySearchFunc(q, ticket, func(t *turn, k uint64) int { return cmp.Compare(t.ticket, k) })
}

// line is what stands before a publisher.
type line struct {
	promised int   // to those before it who are called
	waiting  *turn // the first of them who is not; nil if all are
	passed   int   // how often one of them has been overtaken, at most
}

// ahead returns the line before a ticket.
func (q turns) ahead(ticket uint64) (l line) {
	for _, t := range q {
		switch {
		case t.ticket >= ticket:
			return l
		case !t.called:
			l.waiting = t
			return l
		}
		l.promised += t.size
		if !t.held { // else it does not lose by it
			l.passed = max(l.passed, t.passed)
		}
	}
	return l
}

// pass counts a message that is admitted before those of lower tickets.
func (q turns) pass(ticket uint64) {
	for _, t := range q {
		if t.ticket >= ticket {
			return
		}
		if !t.held {
			t.passed++
		}
	}
}

// roomBehind reports whether n bytes of QoS 1 or 2 have room after those that
// are promised. The caller holds mu.
func (l *outLane) roomBehind(promised, n int) bool {
	// Only who is first may be larger than the whole lane.
	return l.sender.Room(promised+n, 1) && (promised == 0 || l.sender.Spares(promised+n))
}

// blocked reports whether a message of QoS 1 or 2 has to wait for room, or for
// its turn. The caller holds mu.
func (l *outLane) blocked(p *publishing) bool {
	if l.gone || l.failed {
		return false
	}
	before := l.turns.ahead(p.queue.place())
	return before.waiting != nil || before.passed >= maxPassed || !l.roomBehind(before.promised, l.size(p))
}

// spare reports whether n bytes of QoS 0 find room. They may overtake those who
// wait, for they cannot wait themselves; but they take nothing that is
// promised, and never so much that the next one waits for more than what was in
// the lane before it. The caller holds mu.
func (l *outLane) spare(n int) bool {
	if !l.sender.Room(n, 0) {
		return false
	}
	all := l.turns.ahead(noTicket)
	owed := all.promised
	if all.waiting != nil {
		owed += all.waiting.size
	}
	return owed == 0 || l.roomBehind(all.promised, n) && l.sender.Spares(owed+n)
}

// await puts a publisher in its place among those who wait for the lane, if it
// is not there already. The caller holds mu.
func (l *outLane) await(q *queueing, size int) *turn {
	t := q.at(l)
	if t == nil {
		t = &turn{lane: l, ticket: q.ticket}
		i, _ := l.turns.find(t.ticket)
		l.turns = slices.Insert(l.turns, i, t)
	}
	t.size, t.called, t.held, t.ready = size, false, false, make(chan struct{})
	t.first = l.turns[0] == t
	return t
}

// leave gives up a place: the message is admitted or refused, or waits for
// another lane.
func (t *turn) leave() {
	l := t.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := l.turns.find(t.ticket); ok {
		l.turns = slices.Delete(l.turns, i, i+1)
	}
	l.call()
}

// hold keeps a place, and what is promised to it, for now.
func (t *turn) hold() {
	t.lane.mu.Lock()
	defer t.lane.mu.Unlock()
	t.held = true
}

// call calls those whose turn it is. The caller holds mu, and calls it whenever
// there may be more room, or fewer who wait for it.
func (l *outLane) call() {
	promised := 0
	for i, t := range l.turns {
		if i == maxCalled || !l.roomBehind(promised, t.size) {
			return
		}
		t.call()
		promised += t.size
	}
}

// callAll calls everybody: nobody is to wait for the lane any more.
func (l *outLane) callAll() {
	for _, t := range l.turns {
		t.call()
	}
}

func (t *turn) call() {
	if !t.called {
		t.called = true
		close(t.ready)
	}
}

package nats

import (
	"errors"
	"math"
	"time"
)

// asideFor is for how long a process stands aside after it has heard a later
// start of its own node.
const asideFor = 3 * announceEvery

// Two processes with one uid hear each other's subjects, and would end each
// other's links. The later start goes on, as other nodes would have it too, and
// the earlier one says nothing to what may be for the later one as long as it
// hears of it. It ends no link by itself: what says that there is a later one is
// a hello that nobody has verified.
var (
	errTwin  = errors.New("a copy of this node's data directory is in use: another process with its uid, started earlier, runs as well and stands aside")
	errLater = errors.New("a copy of this node's data directory is in use: another process with its uid, started later, talks to the other nodes in its place")
)

// twinAdvice is what an operator is to do about either.
const twinAdvice = "stop the earlier one; docs/operations/nats.md says how to keep it instead; to make a second node, start it with an empty node.data_dir"

// runNumber orders the processes of one node: by their starts of the data
// directory, and where those are the same by chance.
func runNumber(start uint64) uint64 {
	return min(start, math.MaxUint32)<<32 | random()>>32
}

// twin takes in that another process has our uid.
func (t *Transport) twin(p packet) {
	t.mu.Lock()
	t.count.twins++
	t.mu.Unlock()
	if p.number == 1 {
		t.note(t.uid, packet{kind: kindHello, from: t.uid, link: t.run}, "")
	}
	if p.link > t.run {
		t.stepAside()
	} else {
		t.complain(errTwin)
	}
}

func (t *Transport) stepAside() {
	t.mu.Lock()
	t.aside = time.Now()
	t.mu.Unlock()
	t.complain(errLater)
}

// complain tells the operator, once a minute.
func (t *Transport) complain(err error) {
	if t.life.Err() == nil && t.news(err.Error(), time.Now()) {
		t.opts.Logger.Error(err.Error(), "uid", t.opts.UID, "advice", twinAdvice)
	}
}

// isAside reports whether a later start of our node was heard lately.
func (t *Transport) isAside() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.aside.IsZero() && time.Since(t.aside) < asideFor
}

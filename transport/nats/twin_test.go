package nats

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/nats/natstest"
)

// started is one of several processes of node 1, with what it logs.
func started(t *testing.T, s *natstest.Server, start uint64) (*Transport, *log) {
	told := &log{}
	return listen(t, 1, s, told.option, func(o *Options) { o.Start = start }), told
}

func says(t *testing.T, told *log, text string) {
	t.Helper()
	until(t, text, func() bool { return strings.Contains(told.String(), text) })
}

// Of two processes on copies of one data directory the later start talks to
// the other nodes, whichever was there first; the earlier one steps aside, and
// both say what is the matter.
func TestTwin(t *testing.T) {
	for name, starts := range map[string][2]uint64{"the later one comes": {3, 4}, "the earlier one comes": {4, 3}} {
		t.Run(name, func(t *testing.T) {
			s := natstest.Start(t)
			peer := listen(t, 2, s)
			first, told := started(t, s, starts[0])
			second, toldToo := started(t, s, starts[1])
			older, younger := first, second
			if starts[0] > starts[1] {
				older, younger, told, toldToo = second, first, toldToo, told
			}
			says(t, told, "started later, talks to the other nodes in its place")
			says(t, toldToo, "started earlier, runs as well and stands aside")
			if _, err := older.Heard(); !errors.Is(err, errLater) {
				t.Errorf("the earlier one hears: %v", err)
			}
			for range 3 {
				a, b := pair(t, younger, peer)
				pass(t, a, b, "out")
				c, d := pair(t, peer, younger)
				pass(t, c, d, "in")
			}
			if n := older.Stats(); n.Links != 0 || n.Twins == 0 || younger.Stats().Twins == 0 {
				t.Errorf("%+v", n)
			}
		})
	}
}

// Nothing is broken by what comes late of an earlier run of this node, and a
// process that stands aside goes on when the other has not been heard for a
// while.
func TestTwinEnds(t *testing.T) {
	s := natstest.Start(t)
	peer := listen(t, 2, s)
	tr, told := started(t, s, 7)
	a, b := pair(t, tr, peer)
	tr.hear(packet{kind: kindHello, from: tr.uid, link: runNumber(6)})
	pass(t, a, b, "still")
	tr.hear(packet{kind: kindHello, from: tr.uid, link: runNumber(8)})
	pass(t, a, b, "whoever says so")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := peer.Dial(ctx, tr.Addr()); !errors.Is(err, transport.ErrUnreachable) {
		t.Errorf("a node that stands aside is dialled: %v", err)
	}
	if n := strings.Count(told.String(), "advice="); n != 2 {
		t.Errorf("%d errors in\n%s", n, told)
	}
	tr.mu.Lock()
	tr.aside = time.Now().Add(-asideFor)
	tr.mu.Unlock()
	c, d := dialAgain(t, peer, tr) // the dial that was given up may come only now
	pass(t, c, d, "again")
}

// The number of a start decides, however the rest is drawn; one that is out of
// range still counts as late.
func TestRunNumber(t *testing.T) {
	for range 100 {
		if a, b, c := runNumber(1), runNumber(2), runNumber(1<<40); a >= b || b >= c {
			t.Fatalf("%x, %x, %x", a, b, c)
		}
	}
}

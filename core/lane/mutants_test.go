package lane

import (
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/core"
)

// lane is what the model uses of a lane, so that it can be broken.
type lane struct {
	begin    func(r *Receiver, inc core.Incarnation, base uint64) error
	frame    func(r *Receiver, first uint64, count int) (skip int, gap bool)
	resume   func(s *Sender, have uint64) error
	nak      func(s *Sender, from uint64) error
	room     func(s *Sender, n int, qos core.QoS) bool
	accepted func(e *ends) uint64 // what the receiver acknowledges

	recovered func(e *ends) uint64 // and says when a link begins
	partial   bool                 // a message is admitted to the lanes that have room
	noParts   bool                 // a reference is accepted whatever has come
	loseFrom  bool                 // nobody knows who the publisher is
}

// sound is the lane as it is.
var sound = lane{
	begin: (*Receiver).Begin, frame: (*Receiver).Frame, resume: (*Sender).Resume, nak: (*Sender).Nak, room: (*Sender).Room,
	accepted: func(e *ends) uint64 { return e.upTo }, recovered: func(e *ends) uint64 { return e.upTo },
}

// mutants are broken lanes, and the invariant that each must violate.
var mutants = []struct {
	name, violates string
	change         func(*lane)
}{
	{"no check for duplicates", "F1", func(l *lane) {
		l.frame = func(r *Receiver, first uint64, count int) (int, bool) {
			_, gap := r.Frame(first, count)
			return 0, gap
		}
	}},
	{"one duplicate too few", "F1", func(l *lane) {
		l.frame = func(r *Receiver, first uint64, count int) (int, bool) {
			skip, gap := r.Frame(first, count)
			return max(skip-1, 0), gap
		}
	}},
	{"a gap is taken", "F3", func(l *lane) {
		l.frame = func(r *Receiver, first uint64, count int) (int, bool) {
			if _, gap := r.Frame(first, count); gap {
				r.accepted = first - 1
			}
			skip, _ := r.Frame(first, count)
			return skip, false
		}
	}},
	{"acknowledged before it is kept", "F4", func(l *lane) {
		l.accepted = func(e *ends) uint64 { return e.r.Accepted() }
	}},
	{"what precedes a gap counts as kept", "F4", func(l *lane) {
		l.nak = func(s *Sender, from uint64) error {
			if from == 0 || from <= s.acked {
				return nil
			}
			return s.Resume(from - 1)
		}
	}},
	{"a link begins one too far", "F3", func(l *lane) {
		l.recovered = func(e *ends) uint64 { return min(e.upTo+1, e.s.sent) }
	}},
	{"a new link sends nothing again", "F3", func(l *lane) {
		l.resume = func(s *Sender, have uint64) error {
			err := s.Ack(have)
			s.window, s.stopped = 0, false
			for _, c := range s.queue {
				c.take()
				if c.long != nil {
					c.long.sent = len(c.long.body)
				}
			}
			return err
		}
	}},
	{"a link begins where the sender is", "F1", func(l *lane) {
		l.begin = func(r *Receiver, inc core.Incarnation, base uint64) error {
			err := r.Begin(inc, base)
			r.accepted = base - 1
			return err
		}
	}},
	{"admission is not one step", "F3", func(l *lane) { l.partial = true }},
	{"no bound", "F5", func(l *lane) {
		l.room = func(s *Sender, _ int, _ core.QoS) bool { return true }
	}},
	{"QoS 0 has no bound of its own", "F6", func(l *lane) {
		l.room = func(s *Sender, n int, _ core.QoS) bool { return s.Room(n, 1) }
	}},
	{"a long message is overtaken by its publisher", "F1", func(l *lane) { l.loseFrom = true }},
	{"a reference without its parts", "F3", func(l *lane) { l.noParts = true }},
}

func TestMutantsAreCaught(t *testing.T) {
	for _, mutant := range mutants {
		l := sound
		mutant.change(&l)
		if !caught(l, mutant.violates) {
			t.Errorf("%s: 500 seeds do not show that %s is violated", mutant.name, mutant.violates)
		}
	}
}

func caught(l lane, invariant string) bool {
	for seed := range uint64(500) {
		for _, f := range run(l, seed) {
			if strings.Contains(f, invariant+":") {
				return true
			}
		}
	}
	return false
}

package membership

import (
	"testing"
	"time"
)

// dials returns the addresses at which a node wants node 1 dialled by now.
func dials(s *State, now time.Time) (addrs []string) {
	s.Tick(now)
	for _, e := range s.Effects() {
		if d, ok := e.(Dial); ok && d.UID == uid(1) {
			addrs = append(addrs, d.Addr)
		}
	}
	return addrs
}

// A member that was started anew at another address is dialled there as soon
// as anybody says so: a node that has met it, or its own verified hello.
func TestMoved(t *testing.T) {
	met := Hello{UID: uid(1), Name: "n1@h", Addr: "old", Incarnation: 1}
	there := Hello{UID: uid(1), Name: "n1@h", Addr: "new", Incarnation: 2}
	says := func(h Hello) func(s *State, now time.Time) {
		return func(s *State, now time.Time) {
			s.ReachRow(now, uid(2), ReachRow{UID: h.UID, Reach: Reached, Name: h.Name, Addr: h.Addr, Incarnation: h.Incarnation}, false)
		}
	}
	answers := func(h Hello) func(s *State, now time.Time) {
		return func(s *State, now time.Time) { s.Seen(now, h) }
	}
	older := Hello{UID: uid(1), Name: "n1@h", Addr: "older", Incarnation: 0}
	for what, c := range map[string]struct {
		tell func(s *State, now time.Time)
		want string
	}{
		"a row says so":          {says(there), "new"},
		"a row of an older time": {says(older), "old"},
		"it answers there":       {answers(there), "new"},
		"an older start answers": {answers(older), "old"},
		"nobody says anything":   {func(*State, time.Time) {}, "old"},
	} {
		t.Run(what, func(t *testing.T) {
			now := time.Unix(1000, 0)
			s := New(Record{UID: uid(0), Name: "n0@h"}, 1, Options{})
			s.Met(now, 1, met)
			s.Met(now, 2, Hello{UID: uid(2), Name: "n2@h", Addr: "third", Incarnation: 1})
			now = now.Add(time.Minute)
			s.LinkDown(now, uid(1))
			if got := dials(s, now); len(got) != 1 || got[0] != "old" {
				t.Fatal(got)
			}
			s.DialFailed(now, uid(1), false)
			c.tell(s, now)
			if got := dials(s, now.Add(time.Second)); len(got) == 0 || got[len(got)-1] != c.want {
				t.Errorf("dialled %v, want %s", got, c.want)
			}
		})
	}
}

// An answer of a member that has a link, or of nobody that is known, changes
// nothing; a new address is told to all.
func TestSeen(t *testing.T) {
	now := time.Unix(1000, 0)
	s := New(Record{UID: uid(0), Name: "n0@h"}, 1, Options{})
	h := Hello{UID: uid(1), Name: "n1@h", Addr: "old", Incarnation: 1}
	s.Met(now, 1, h)
	s.Effects()
	s.Seen(now, Hello{UID: uid(1), Name: "n1@h", Addr: "new", Incarnation: 1})
	s.Seen(now, Hello{UID: uid(2), Name: "n2@h", Addr: "new", Incarnation: 1})
	if e := s.Effects(); len(e) != 0 {
		t.Fatalf("%+v", e)
	}
	s.LinkDown(now, uid(1))
	s.Effects()
	s.Seen(now, Hello{UID: uid(1), Name: "n1@h", Addr: "new", Incarnation: 1})
	rows := 0
	for _, e := range s.Effects() {
		if r, ok := e.(WriteReach); ok && r.Row.Addr == "new" {
			rows++
		}
	}
	if rows != 1 {
		t.Errorf("%d rows tell of the new address", rows)
	}
}

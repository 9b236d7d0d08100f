package membership

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

func attackState(uid byte) *State {
	s := New(Record{UID: core.UID{0: uid}, Name: "s@s", Addr: "s:1", Joined: core.Stamp(uid)}, 1, Options{Rand: rand.New(rand.NewPCG(1, 2))})
	s.Effects()
	return s
}

// Decisions in any order, told any number of times, leave the same table, and
// what is told on brings another node to it.
func TestEntriesInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entry := rapid.Custom(func(t *rapid.T) Entry {
			return Entry{
				UID: core.UID{0: rapid.Byte().Draw(t, "uid")%6 + 10}, Name: "a@b", Incarnation: 1,
				Decision: Decision(rapid.IntRange(1, 4).Draw(t, "decision")), Stamp: core.Stamp(rapid.IntRange(1, 5).Draw(t, "stamp")),
			}
		})
		entries := rapid.SliceOfN(entry, 0, 20).Draw(t, "entries")
		now := time.Unix(1000, 0)
		one, two, told := attackState(1), attackState(2), attackState(3)
		for _, e := range entries {
			one.Merge(now, []Entry{e})
		}
		for _, e := range one.Effects() {
			if tell, ok := e.(Tell); ok {
				told.Merge(now, tell.Entries)
			}
		}
		shuffled := rapid.Permutation(entries).Draw(t, "shuffled")
		two.Merge(now, append(shuffled, entries...))
		if d := cmp.Diff(one.Entries(), two.Entries()); d != "" {
			t.Errorf("another order:\n%s", d)
		}
		if d := cmp.Diff(one.Entries(), told.Entries()); d != "" {
			t.Errorf("by what was told on:\n%s", d)
		}
	})
}

// Full tables that differ come to rest when they tell each other everything,
// and fences are never pushed out.
func TestFullTablesComeToRest(t *testing.T) {
	now := time.Unix(1000, 0)
	states := []*State{attackState(1), attackState(2)}
	for i, s := range states {
		var entries []Entry
		for k := range MaxEntries + 50 {
			decision := Forgotten
			if k%100 == 0 {
				decision = Removed
			}
			entries = append(entries, Entry{UID: core.UID{0: byte(10 + i), 1: byte(k), 2: byte(k >> 8)}, Name: "a@b", Decision: decision, Stamp: core.Stamp(k + 1)})
		}
		s.Merge(now, entries)
		s.Effects()
	}
	for round := range 4 {
		news := 0
		for i, s := range states {
			for j, to := range states {
				if i != j {
					to.Merge(now, s.Entries())
					news += len(to.Effects())
				}
			}
		}
		if news == 0 {
			break
		}
		if round == 3 {
			t.Errorf("after 4 rounds there is still news: %d effects", news)
		}
	}
	if d := cmp.Diff(states[0].Entries(), states[1].Entries()); d != "" {
		t.Error("full tables differ for ever")
	}
	fences := 0
	for _, e := range states[0].Entries() {
		if e.Decision == Removed {
			fences++
		}
	}
	if fences != 2*((MaxEntries+50+99)/100) {
		t.Errorf("%d fences are left", fences)
	}
}

// The deadlines of Next always lie ahead after Tick, unless there is something
// that only the owner can end: else the timer would spin.
func TestNextLiesAhead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := attackState(1), time.Unix(1000, 0)
		s.SetAutoclean(time.Duration(rapid.IntRange(0, 1).Draw(t, "autoclean")) * 10 * time.Second)
		uid := func() core.UID { return core.UID{0: byte(rapid.IntRange(2, 4).Draw(t, "uid"))} }
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			u, stamp := uid(), core.StampAt(now)
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0:
				s.Met(now, stamp, Hello{
					UID: u, Name: "x@y", Addr: "x:1", Incarnation: 1, Relays: true, Relayed: rapid.Bool().Draw(t, "relayed"),
				})
			case 1:
				s.LinkDown(now, u)
			case 2:
				s.Echo(now, u)
			case 3:
				s.DialFailed(now, u, rapid.Bool().Draw(t, "refused"))
			case 4:
				s.Bye(now, stamp, u, ByeStop)
			case 5:
				s.ReachRow(now, u, ReachRow{UID: uid(), Reach: Reach(rapid.IntRange(0, 3).Draw(t, "reach")), Incarnation: 1, Name: "x@y", Addr: "x:1"}, false)
			case 6:
				s.Answered(now, u)
			case 7:
				s.Relayed(now, u, rapid.Bool().Draw(t, "linked"))
			}
			s.Tick(now)
			for range 3 {
				for _, e := range s.Effects() {
					if f, ok := e.(Forget); ok {
						s.Forgets(now, stamp, f.UID)
					}
				}
			}
			if next := s.Next(); !next.IsZero() && !next.After(now) {
				t.Fatalf("after Tick at %v the next deadline is %v", now, next)
			}
		}
	})
}

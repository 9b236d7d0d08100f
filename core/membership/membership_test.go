package membership

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// chain links 0–1, 1–2, …: all others are learnt from rows.
func chain(w *world) {
	for i := range len(w.nodes) - 1 {
		w.link(i, i+1)
	}
	w.run(time.Second)
}

func TestNodesLearnOfEachOtherFromRows(t *testing.T) {
	w := newWorld(t, 5, Options{})
	chain(w)
	w.all("aaaaa")
	h := w.nodes[0].s.Hash()
	for i, n := range w.nodes {
		if n.s.Hash() != h {
			t.Errorf("node %d has another view hash", i)
		}
		if got := n.s.Leader(); got != uid(0) {
			t.Errorf("node %d: leader %v", i, got)
		}
	}
}

func TestKilledNodeFailsByRefusedDials(t *testing.T) {
	w := newWorld(t, 3, Options{})
	chain(w)
	w.kill(2)
	w.run(900 * time.Millisecond)
	w.all("aaf")
}

// A stopped process accepts connections (its kernel does) but never echoes
// nor says hello: the same as a silent cut.
func TestSilenceIsDoubtAtTwoAndFailureAtFiveSeconds(t *testing.T) {
	w := newWorld(t, 3, Options{})
	chain(w)
	w.split(true, []int{2}, []int{0, 1})
	w.run(1400 * time.Millisecond)
	w.all("aaa")
	w.run(1100 * time.Millisecond)
	w.is(0, "aas")
	w.is(2, "ssa")
	w.run(2 * time.Second)
	w.is(1, "aas")
	w.run(1500 * time.Millisecond)
	w.is(0, "aaf")
	w.is(1, "aaf")
	w.is(2, "ffa")
}

func TestSplitHealsWithinFiveSeconds(t *testing.T) {
	for _, seconds := range []time.Duration{20, 600} {
		w := newWorld(t, 3, Options{})
		chain(w)
		w.split(true, []int{2}, []int{0, 1})
		w.run(seconds * time.Second)
		w.is(0, "aaf")
		w.split(false, []int{2}, []int{0, 1})
		w.run(5 * time.Second)
		w.all("aaa")
	}
}

// While A–C is cut and B reaches both, C is suspect to A for as long as B
// doubts it, and failed when nobody doubts; B keeps both.
func TestPartialCut(t *testing.T) {
	w := newWorld(t, 3, Options{})
	chain(w)
	w.split(true, []int{0}, []int{2})
	w.run(7 * time.Second)
	w.is(0, "aaf")
	w.is(1, "aaa")
	w.is(2, "faa")
}

func TestRestartedNodeReturnsByItself(t *testing.T) {
	w := newWorld(t, 3, Options{})
	chain(w)
	w.kill(1)
	w.run(30 * time.Second)
	w.restart(1, Options{})
	w.run(2500 * time.Millisecond)
	w.all("aaa")
	if m := w.nodes[0].s.Members()[1]; m.Incarnation != 2 {
		t.Errorf("incarnation %d, want 2", m.Incarnation)
	}
}

func TestByeStopIsLeftAtOnceAndEndsWithTheNextHello(t *testing.T) {
	w := newWorld(t, 3, Options{})
	chain(w)
	for _, i := range []int{0, 1} {
		delete(w.nodes[i].links, 2)
		w.nodes[i].s.Bye(w.now, w.tick(), uid(2), ByeStop)
	}
	w.nodes[2].down = true
	w.settle()
	w.all("aal")
	w.run(time.Minute)
	w.all("aal")
	w.restart(2, Options{})
	w.run(3 * time.Second)
	w.all("aaa")
}

func TestByeLeaveEndsTheMembershipUntilMetAgain(t *testing.T) {
	w := newWorld(t, 3, Options{})
	chain(w)
	w.nodes[0].s.Bye(w.now, w.tick(), uid(2), ByeLeave)
	w.nodes[2].expelled, w.nodes[2].links = true, map[int]bool{}
	w.run(10 * time.Second)
	w.all("aa-")
	w.nodes[2].expelled = false
	w.link(2, 1)
	w.run(time.Second)
	w.all("aaa")
}

func TestForceLeaveFencesInAllIncarnations(t *testing.T) {
	for _, running := range []bool{true, false} {
		w := newWorld(t, 3, Options{})
		chain(w)
		if !running {
			w.kill(2)
			w.run(3 * time.Second)
		}
		if err := w.nodes[0].s.Remove(w.now, w.tick(), "n2@h"); err != nil {
			t.Fatal(err)
		}
		w.run(3 * time.Second)
		if running && !w.nodes[2].expelled {
			t.Fatal("the removed node was not told")
		}
		if !running {
			w.restart(2, Options{})
		}
		w.run(20 * time.Second)
		w.is(0, "aa-")
		w.is(1, "aa-")
		if _, fenced := w.nodes[1].s.Fenced(uid(2)); !fenced {
			t.Error("not fenced at the other node")
		}
		w.nodes[2].expelled = false
		w.nodes[1].s.Admit(w.now, w.tick(), Hello{UID: uid(2), Name: "n2@h", Incarnation: 9})
		w.nodes[2].s.Clear(w.nodes[2].rec)
		w.settle()
		w.link(1, 2)
		w.run(5 * time.Second)
		w.all("aaa")
	}
}

func TestForceLeaveOfSelfOrAStranger(t *testing.T) {
	w := newWorld(t, 2, Options{})
	chain(w)
	for name, want := range map[core.NodeID]string{"n0@h": "is this node", "x@h": "is not a member"} {
		if err := w.nodes[0].s.Remove(w.now, w.tick(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestAutocleanForgetsWhenEveryAliveNodeHadItDownForSoLong(t *testing.T) {
	o := Options{Autoclean: time.Minute}
	w := newWorld(t, 3, o)
	chain(w)
	w.kill(2)
	w.run(58 * time.Second)
	w.all("aaf")
	w.run(4 * time.Second)
	w.all("aa-")
	w.restart(2, o) // fences nothing: a forgotten node that is met again is a member
	w.run(3 * time.Second)
	w.all("aaa")
}

func TestAutocleanWaitsForANodeThatStillDoubts(t *testing.T) {
	w := newWorld(t, 3, Options{Autoclean: time.Minute})
	chain(w)
	w.split(true, []int{0}, []int{2}) // only 0 has lost it
	w.run(3 * time.Minute)
	w.is(0, "aaf")
	w.is(1, "aaa")
}

func TestAutocleanOffAndChangedWhileRunning(t *testing.T) {
	w := newWorld(t, 2, Options{})
	chain(w)
	w.kill(1)
	w.run(48 * time.Hour)
	w.is(0, "af")
	w.nodes[0].s.SetAutoclean(time.Hour)
	w.nodes[0].s.Tick(w.now)
	w.run(time.Second)
	w.is(0, "a-")
}

func TestNewDataDirectoryUnderAnOldNameReplacesIt(t *testing.T) {
	w := newWorld(t, 3, Options{})
	w.link(0, 1)
	w.run(time.Second)
	w.kill(1)
	w.run(2 * time.Second)
	w.nodes[2].rec.Name = "n1@h"
	w.link(0, 2)
	w.run(time.Second)
	w.is(0, "a-a")
}

func TestStaleAndNameTaken(t *testing.T) {
	w := newWorld(t, 2, Options{})
	chain(w)
	s := w.nodes[0].s
	if !s.Stale(Hello{UID: uid(1), Incarnation: 0}) || s.Stale(Hello{UID: uid(1), Incarnation: 1}) {
		t.Error("stale is an incarnation below the one met")
	}
	if _, taken := s.NameTaken("n1@h", uid(7)); !taken {
		t.Error("the name of a live node is taken")
	}
	if _, taken := s.NameTaken("n1@h", uid(1)); taken {
		t.Error("a node's own name is not taken from it")
	}
}

func TestEntriesAreTheLaterStampWhateverTheOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	entries := []Entry{
		{UID: uid(5), Decision: Removed, Stamp: 10}, {UID: uid(5), Decision: Admitted, Stamp: 20},
		{UID: uid(5), Decision: Gone, Stamp: 15}, {UID: uid(6), Decision: Forgotten, Stamp: 3},
		{UID: uid(6), Decision: Removed, Stamp: 3},
	}
	for range 100 {
		r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		w := newWorld(t, 1, Options{})
		w.nodes[0].s.Merge(w.now, entries)
		got := w.nodes[0].s.Entries()
		if len(got) != 2 || got[0].Decision != Admitted || got[1].Decision != Removed {
			t.Fatalf("%v from %v", got, entries)
		}
	}
}

func TestBounds(t *testing.T) {
	w := newWorld(t, 1, Options{})
	s := w.nodes[0].s
	for i := range MaxEntries + 50 {
		s.Merge(w.now, []Entry{{UID: core.UID{1: byte(i), 2: byte(i >> 8), 3: 1}, Decision: Gone, Stamp: core.Stamp(i + 1)}})
		s.Effects()
	}
	if n := len(s.Entries()); n != MaxEntries {
		t.Errorf("%d entries", n)
	}
	for i := range MaxNodes + 9 {
		s.Met(w.now, 1, Hello{UID: core.UID{1: byte(i), 2: byte(i >> 8), 3: 2}, Addr: "x", Incarnation: 1})
		s.Effects()
	}
	if c := s.Counts()[0].Value; c != 9 {
		t.Errorf("%d nodes refused, want 9", c)
	}
}

// Random kills, restarts and cuts: when they end, everybody is back in one
// view, whatever happened.
func TestChaosEndsInOneView(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t, 4, Options{})
		chain(w)
		for range 12 {
			i, j := r.IntN(4), r.IntN(4)
			switch r.IntN(4) {
			case 0:
				w.kill(i)
			case 1:
				if w.nodes[i].down {
					w.restart(i, Options{})
				}
			default:
				if i != j {
					w.split(r.IntN(2) == 0, []int{i}, []int{j})
				}
			}
			w.run(time.Duration(r.IntN(8000)) * time.Millisecond)
		}
		w.cut = map[[2]int]bool{}
		for i, n := range w.nodes {
			if n.down {
				w.restart(i, Options{})
			}
		}
		w.run(6 * time.Second)
		if w.all("aaaa"); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

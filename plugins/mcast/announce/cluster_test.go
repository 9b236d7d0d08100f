package announce

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/discovery"
)

// Three that start at once know each other at once, and within 1 s where the
// first frames get lost.
func TestMeet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		a, b, c := e.join(t, 1), e.join(t, 2), e.join(t, 3)
		for _, k := range []*knot{a, b, c} {
			k.register()
		}
		all("n1 n2 n3", a, b, c)
	})
	bubble(t, func(t *testing.T) {
		e := &ether{}
		began := time.Now()
		e.loses(func(_, _ *port) bool { return time.Since(began) < 900*time.Millisecond })
		a, b, c := e.join(t, 1), e.join(t, 2), e.join(t, 3)
		for _, k := range []*knot{a, b, c} {
			k.register()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		all("n1 n2 n3", a, b, c)
	})
}

// Everybody answers a newcomer soon, whether it announces itself or not, and
// one frame of each is enough.
func TestNewcomer(t *testing.T) {
	for _, registers := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			e := &ether{}
			a, b := e.join(t, 1), e.join(t, 2)
			a.register()
			b.register()
			time.Sleep(time.Minute + 1234*time.Millisecond)
			began, before := time.Now(), e.count()
			c := e.join(t, 3)
			want := "n1 n2"
			if registers {
				c.register()
				want = "n1 n2 n3"
			}
			all(want, c)
			if took := time.Since(began); took > listening {
				t.Errorf("the first list took %v", took)
			}
			time.Sleep(2 * time.Second)
			if said := e.count() - before; said > 4+2*5 {
				t.Errorf("%d frames for one newcomer", said)
			}
		})
	}
}

// A node that says nothing any more is gone after three missed announcements,
// one that says farewell is gone at once; its name may come back.
func TestGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		a, b, c := e.join(t, 1), e.join(t, 2), e.join(t, 3)
		for _, k := range []*knot{a, b, c} {
			k.register()
		}
		if err := c.Deregister(t.Context(), c.me.NodeUID); err != nil {
			t.Error(err)
		}
		all("n1 n2", a, b, c)
		b.port.breaks(nil, errDown)
		time.Sleep(29 * time.Second)
		all("n1 n2", a)
		time.Sleep(2 * time.Second)
		all("n1", a)
		b.port.breaks(nil, nil)
		c.register()
		time.Sleep(11 * time.Second)
		all("n1 n2 n3", a, b, c)
	})
}

// A host is cut off for longer than entries live, or shorter, and healed.
func TestCutAndHealed(t *testing.T) {
	for _, cut := range []time.Duration{5 * time.Second, 2 * time.Minute, time.Hour} {
		bubble(t, func(t *testing.T) {
			e := &ether{}
			a, b, c := e.join(t, 1), e.join(t, 2), e.join(t, 3)
			for _, k := range []*knot{a, b, c} {
				k.register()
			}
			e.loses(func(from, to *port) bool { return (from == c.port) != (to == c.port) })
			time.Sleep(cut)
			if cut > 30*time.Second {
				all("n1 n2", a, b)
				all("n3", c)
			}
			e.loses(nil)
			time.Sleep(10*time.Second + answerTime)
			all("n1 n2 n3", a, b, c)
		})
	}
}

// answerTime is what an answer may take in a small cluster.
const answerTime = 500 * time.Millisecond

// With one frame in two lost everybody is listed most of the time; a look at
// each of a hundred moments.
func TestLoss(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		r := rand.New(rand.NewPCG(1, 2))
		e.loses(func(_, _ *port) bool { return r.IntN(2) == 0 })
		var nodes []*knot
		for n := range 5 {
			nodes = append(nodes, e.join(t, n+1))
			nodes[n].register()
		}
		missing := 0
		for range 100 {
			time.Sleep(10 * time.Second)
			for _, k := range nodes {
				a, err := k.Discover(t.Context())
				if err != nil {
					t.Error(err)
				}
				missing += len(nodes) - len(a.Candidates)
			}
		}
		if missing > 250 {
			t.Errorf("%d of 2500 entries were missing", missing)
		}
	})
}

// A cluster of fifty says little: each node every 3 to 10 s.
func TestTraffic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		for n := range 50 {
			e.join(t, n+1).register()
		}
		time.Sleep(10 * time.Second)
		before := e.count()
		time.Sleep(time.Minute)
		if said := e.count() - before; said < 300 || said > 1000 {
			t.Errorf("%d frames in a minute", said)
		}
	})
}

// A restart, with its higher incarnation, replaces what was there; an address
// that changes is a change of the list.
func TestRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		a, b := e.join(t, 1), e.join(t, 2)
		a.register()
		b.register()
		again := setup(2)
		again.Self.Incarnation = 2
		again.Self.Endpoints[0].Host = "10.0.9.9"
		c := e.enter(t, again)
		c.register()
		list, err := a.Discover(t.Context())
		if err != nil || len(list.Candidates) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		want := discovery.Candidate{ClaimedName: "n2@10.0.1.2", NodeUID: b.me.NodeUID, Endpoints: again.Self.Endpoints}
		if diff := cmp.Diff(want, list.Candidates[1]); diff != "" {
			t.Error(diff)
		}
	})
}

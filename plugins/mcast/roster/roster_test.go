package roster

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/mcast/frame"
)

var (
	zero  = time.Unix(1_800_000_000, 0)
	there = Source{Addr: netip.MustParseAddr("10.0.0.7"), Interface: "eth0"}
	here  = Source{Addr: netip.MustParseAddr("10.0.0.1"), Interface: "eth0", Local: true}
)

// said is an announcement of node n, at a time after zero.
func said(n byte, at time.Duration) frame.Frame {
	return frame.Frame{
		Kind: frame.Announcement, UID: frame.UID{n}, Incarnation: 1, Time: zero.Add(at), Nonce: nonceOf(at),
		Lifetime: 3 * time.Second, Name: fmt.Sprintf("n%d@10.0.1.%d", n, n),
		Endpoints: []discovery.Endpoint{{Host: fmt.Sprintf("10.0.1.%d", n), Port: 4370}},
	}
}

func nonceOf(at time.Duration) (n [16]byte) {
	copy(n[:], fmt.Sprint(int64(at)))
	return n
}

func farewell(n byte, at time.Duration) frame.Frame {
	return frame.Frame{Kind: frame.Farewell, UID: frame.UID{n}, Incarnation: 1, Time: zero.Add(at), Nonce: nonceOf(at)}
}

func names(r *Roster) (out []string) {
	for _, c := range r.Candidates() {
		out = append(out, c.ClaimedName)
	}
	return out
}

// TestHear goes through the outcomes one after another.
func TestHear(t *testing.T) {
	r := NewRoster()
	restarted := said(1, 4*time.Second)
	restarted.Incarnation = 2
	older := said(1, 9*time.Second)
	older.Incarnation = 1
	moved := restarted
	moved.Time, moved.Nonce = zero.Add(5*time.Second), nonceOf(5*time.Second)
	moved.Endpoints = []discovery.Endpoint{{Host: "10.0.1.99", Port: 1}}
	question := farewell(2, 5*time.Second)
	question.Kind, question.Asks = frame.Question, true
	for i, c := range []struct {
		f    frame.Frame
		at   time.Duration
		want Outcome
		list []string
	}{
		{said(1, 0), 0, New, []string{"n1@10.0.1.1"}},
		{said(1, 0), time.Millisecond, Repeated, []string{"n1@10.0.1.1"}},
		{said(1, time.Second), time.Second, Renewed, []string{"n1@10.0.1.1"}},
		{said(1, 0), time.Second, Stale, []string{"n1@10.0.1.1"}},
		{said(2, time.Second), 2 * time.Second, New, []string{"n1@10.0.1.1", "n2@10.0.1.2"}},
		{farewell(2, 0), 2 * time.Second, Stale, []string{"n1@10.0.1.1", "n2@10.0.1.2"}},
		{farewell(2, 3*time.Second), 3 * time.Second, Gone, []string{"n1@10.0.1.1"}},
		{farewell(2, 3*time.Second), 3 * time.Second, Repeated, []string{"n1@10.0.1.1"}},
		{farewell(2, 4*time.Second), 3 * time.Second, Asked, []string{"n1@10.0.1.1"}},
		{said(2, 2*time.Second), 3 * time.Second, Stale, []string{"n1@10.0.1.1"}},
		{question, 5 * time.Second, Asked, nil},
		{restarted, 5 * time.Second, New, []string{"n1@10.0.1.1"}},
		{older, 5 * time.Second, Stale, []string{"n1@10.0.1.1"}},
		{moved, 5 * time.Second, Changed, []string{"n1@10.0.1.1"}},
		{said(3, 66*time.Second), 5 * time.Second, Skewed, []string{"n1@10.0.1.1"}},
		{said(3, 65*time.Second), 5 * time.Second, New, []string{"n1@10.0.1.1", "n3@10.0.1.3"}},
		{said(4, 0), 61 * time.Second, Skewed, nil},
		{said(4, 1*time.Second), 61 * time.Second, New, []string{"n4@10.0.1.4"}},
	} {
		now := zero.Add(c.at)
		r.Expire(now)
		got := r.Hear(c.f, there, now)
		if diff := cmp.Diff(c.list, names(r)); got != c.want || diff != "" {
			t.Errorf("%d: %v, want %v\n%s", i, got, c.want, diff)
		}
	}
}

// Three announcements in a row may get lost; a node that is silent is gone
// then, and forgotten when nothing of it could be repeated any more.
func TestExpire(t *testing.T) {
	r := NewRoster()
	r.Hear(said(1, 0), there, zero)
	if next := r.Expire(zero.Add(3*time.Second - 1)); !next.Equal(zero.Add(3*time.Second)) || len(names(r)) != 1 {
		t.Errorf("next %v, list %v", next.Sub(zero), names(r))
	}
	v := r.Version()
	if next := r.Expire(zero.Add(3 * time.Second)); !next.Equal(zero.Add(memory)) || len(names(r)) != 0 || r.Version() == v {
		t.Errorf("next %v, list %v", next.Sub(zero), names(r))
	}
	if got := r.Hear(said(1, 0), there, zero.Add(memory/2)); got != Repeated {
		t.Errorf("repeated after the end: %v", got)
	}
	if next := r.Expire(zero.Add(memory)); !next.IsZero() || r.Size() != 0 {
		t.Errorf("next %v, %d nodes", next.Sub(zero), r.Size())
	}
}

// The number of nodes has a bound, and those that are known stay served.
func TestFull(t *testing.T) {
	r := NewRoster()
	for i := range MaxNodes {
		f := said(1, 0)
		f.UID[4], f.UID[5] = byte(i>>8), byte(i)
		if got := r.Hear(f, there, zero); got != New {
			t.Fatal(i, got)
		}
	}
	if got := r.Hear(said(9, 0), there, zero); got != Full || r.Size() != MaxNodes {
		t.Errorf("%v, %d nodes", got, r.Size())
	}
	f := said(1, time.Second)
	if got := r.Hear(f, there, zero.Add(time.Second)); got != Renewed {
		t.Errorf("a known node is %v", got)
	}
}

func TestReachable(t *testing.T) {
	link := Source{Addr: netip.MustParseAddr("fe80::7"), Interface: "eth1"}
	for _, c := range []struct {
		from       Source
		said, want string
	}{
		{there, "10.0.1.1", "10.0.1.1"},
		{there, "::ffff:10.0.1.1", "10.0.1.1"},
		{there, "h.example.com", "h.example.com"},
		{there, "127.0.0.1", "10.0.0.7"},
		{there, "::1", "10.0.0.7"},
		{here, "127.0.0.1", "127.0.0.1"},
		{here, "::1", "::1"},
		{link, "127.0.0.5", "fe80::7%eth1"},
		{link, "fe80::9", "fe80::9%eth1"},
		{link, "fd00::9", "fd00::9"},
		{link, "169.254.0.1", "169.254.0.1"},
	} {
		got := c.from.reachable([]discovery.Endpoint{{Host: c.said, Port: 7}, {Host: c.said, Port: 7}})
		if len(got) != 1 || got[0].Host != c.want || got[0].Port != 7 {
			t.Errorf("%s from %v: %v, want %s", c.said, c.from, got, c.want)
		}
	}
}

// By whichever interfaces the copies of a frame come, in whichever order, the
// list does not change to and fro. Copies from invented addresses add nothing.
func TestCopies(t *testing.T) {
	r := NewRoster()
	from := []Source{{Addr: netip.MustParseAddr("fe80::7"), Interface: "eth0"}, {Addr: netip.MustParseAddr("fe80::7"), Interface: "eth1"}}
	var v uint64
	for i := range 6 {
		f := said(1, time.Duration(i)*time.Second)
		f.Endpoints = []discovery.Endpoint{{Host: "fe80::7", Port: 1}, {Host: "127.0.0.1", Port: 1}}
		r.Hear(f, from[i%2], f.Time)
		r.Hear(f, from[1-i%2], f.Time)
		forged := Source{Addr: netip.MustParseAddr(fmt.Sprintf("10.9.9.%d", i)), Interface: "eth0"}
		if got := r.Hear(f, forged, f.Time); got != Repeated {
			t.Errorf("a copy from an invented address is %v", got)
		}
		if i == 1 {
			v = r.Version()
		}
	}
	if r.Version() != v {
		t.Errorf("the list went on changing: %v", r.Candidates())
	}
	want := []discovery.Endpoint{{Host: "fe80::7%eth1", Port: 1}, {Host: "fe80::7%eth0", Port: 1}}
	if diff := cmp.Diff(want, r.Candidates()[0].Endpoints); diff != "" {
		t.Error(diff)
	}
}

// twin is a roster without thought: it keeps all frames that it took and looks
// through them for every question.
type twin struct{ took []heard }

type heard struct {
	f  frame.Frame
	at time.Time
}

func (w *twin) hear(f frame.Frame, now time.Time) Outcome {
	d := now.Sub(f.Time)
	if d > MaxSkew || -d > MaxSkew {
		return Skewed
	}
	w.took = slices.DeleteFunc(w.took, func(h heard) bool {
		last := w.last(h.f.UID)
		return now.Sub(last.at) >= memory && now.Sub(last.at) >= last.f.Lifetime
	})
	stands := w.stands(f.UID, now)
	if last := w.last(f.UID); last != nil {
		switch {
		case last.f.Nonce == f.Nonce:
			return Repeated
		case last.f.Incarnation > f.Incarnation, last.f.Incarnation == f.Incarnation && !last.f.Time.Before(f.Time):
			return Stale
		}
	}
	w.took = append(w.took, heard{f, now})
	switch {
	case f.Kind == frame.Farewell && stands:
		return Gone
	case f.Kind != frame.Announcement:
		return Asked
	case stands:
		return Renewed
	}
	return New
}

func (w *twin) last(uid frame.UID) *heard {
	for i := len(w.took) - 1; i >= 0; i-- {
		if w.took[i].f.UID == uid {
			return &w.took[i]
		}
	}
	return nil
}

func (w *twin) stands(uid frame.UID, now time.Time) bool {
	for i := len(w.took) - 1; i >= 0; i-- {
		h := w.took[i]
		if h.f.UID == uid && h.f.Kind == frame.Announcement {
			return now.Before(h.at.Add(h.f.Lifetime))
		}
		if h.f.UID == uid && h.f.Kind == frame.Farewell {
			return false
		}
	}
	return false
}

func TestTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, w := NewRoster(), &twin{}
		now := zero
		for range rapid.IntRange(1, 60).Draw(t, "frames") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 40_000).Draw(t, "pause")) * time.Millisecond)
			r.Expire(now)
			f := said(byte(rapid.IntRange(1, 3).Draw(t, "node")), 0)
			f.Kind = rapid.SampledFrom([]frame.Kind{frame.Announcement, frame.Announcement, frame.Farewell, frame.Question}).Draw(t, "kind")
			f.Incarnation = uint64(rapid.IntRange(1, 2).Draw(t, "incarnation"))
			f.Time = now.Add(time.Duration(rapid.Int64Range(-70, 70).Draw(t, "skew")) * time.Second)
			f.Nonce[0] = rapid.ByteRange(0, 30).Draw(t, "nonce")
			f.Lifetime = time.Duration(rapid.IntRange(1, 60).Draw(t, "lifetime")) * time.Second
			if got, want := r.Hear(f, there, now), w.hear(f, now); got != want {
				t.Fatalf("%+v at %v: %v, the twin says %v", f, now.Sub(zero), got, want)
			}
			for n := byte(1); n <= 3; n++ {
				listed := slices.ContainsFunc(r.Candidates(), func(c discovery.Candidate) bool { return c.NodeUID == frame.UID{n}.String() })
				if want := w.stands(frame.UID{n}, now); listed != want {
					t.Fatalf("node %d listed: %v, the twin says %v", n, listed, want)
				}
			}
		}
	})
}

// Whatever was said before, said again by somebody else it changes nothing.
func TestReplaysChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := NewRoster()
		var all []frame.Frame
		now := zero
		for i := range rapid.IntRange(1, 20).Draw(t, "frames") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 30_000).Draw(t, "pause")) * time.Millisecond)
			f := said(byte(rapid.IntRange(1, 3).Draw(t, "node")), now.Sub(zero))
			f.Nonce = [16]byte{byte(i), 1}
			if rapid.IntRange(0, 5).Draw(t, "ends") == 0 {
				f.Kind = frame.Farewell
			}
			r.Hear(f, there, now)
			all = append(all, f)
		}
		now = now.Add(time.Duration(rapid.Int64Range(0, 200_000).Draw(t, "later")) * time.Millisecond)
		r.Expire(now)
		before, v := r.Candidates(), r.Version()
		for range 30 {
			f := rapid.SampledFrom(all).Draw(t, "replay")
			from := rapid.SampledFrom([]Source{there, here}).Draw(t, "from")
			if got := r.Hear(f, from, now); got < Repeated {
				t.Fatalf("%+v again at %v: %v", f, now.Sub(zero), got)
			}
		}
		if diff := cmp.Diff(before, r.Candidates()); diff != "" || r.Version() != v {
			t.Fatal(diff)
		}
	})
}

// The list is in one order, and nobody can change it from outside.
func TestCandidates(t *testing.T) {
	r := NewRoster()
	for _, n := range []byte{3, 1, 2} {
		r.Hear(said(n, 0), there, zero)
	}
	list := r.Candidates()
	if diff := cmp.Diff([]string{"n1@10.0.1.1", "n2@10.0.1.2", "n3@10.0.1.3"}, names(r)); diff != "" {
		t.Error(diff)
	}
	list[0].Endpoints[0].Host = "x"
	if r.Candidates()[0].Endpoints[0].Host == "x" {
		t.Error("the list is the roster's own")
	}
	if u := r.Candidates()[0].NodeUID; u != (frame.UID{1}).String() || bytes.ContainsAny([]byte(u), "ABCDEF") {
		t.Error(u)
	}
}

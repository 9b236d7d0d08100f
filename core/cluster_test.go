package core

import (
	"testing"

	"pgregory.net/rapid"
)

func anyCluster() *rapid.Generator[Cluster] {
	return rapid.Custom(func(t *rapid.T) Cluster {
		// Few values, so that ties happen.
		u := UID{rapid.Byte().Draw(t, "uid") % 4}
		return Cluster{UID: u, Claimed: u[0]%2 == 0, Founded: Stamp(u[0] / 2)}
	})
}

func TestClusterCompare(t *testing.T) {
	cluster := func(uid byte, claimed bool, founded Stamp) Cluster {
		return Cluster{UID: UID{uid}, Claimed: claimed, Founded: founded}
	}
	tests := []struct {
		name string
		a, b Cluster
		want int
	}{
		{"claimed before provisional", cluster(9, true, 9), cluster(1, false, 1), -1},
		{"earlier founding", cluster(9, false, 1), cluster(1, false, 2), -1},
		{"earlier founding of claimed", cluster(9, true, 1), cluster(1, true, 2), -1},
		{"lower uid", cluster(1, false, 1), cluster(2, false, 1), -1},
		{"same", cluster(1, false, 1), cluster(1, false, 1), 0},
		{"one uid is one cluster", cluster(1, true, 1), cluster(1, false, 2), 0},
	}
	for _, c := range tests {
		if got, back := c.a.Compare(c.b), c.b.Compare(c.a); got != c.want || back != -c.want {
			t.Errorf("%s: %d and back %d, want %d", c.name, got, back, c.want)
		}
	}
}

// TestClusterOrder checks the laws of a total order, on which it rests that
// any two nodes choose alike.
func TestClusterOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyCluster().Draw(t, "a"), anyCluster().Draw(t, "b"), anyCluster().Draw(t, "c")
		if a.Compare(b) != -b.Compare(a) {
			t.Fatalf("not antisymmetric: %+v %+v", a, b)
		}
		if (a.Compare(b) == 0) != (a == b) {
			t.Fatalf("equal but not the same: %+v %+v", a, b)
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("not transitive: %+v %+v %+v", a, b, c)
		}
	})
}

func TestClusterIsZero(t *testing.T) {
	if !(Cluster{}).IsZero() || !(Cluster{Claimed: true}).IsZero() || (Cluster{UID: UID{1}}).IsZero() {
		t.Error("a cluster without a uid, and no other, is none")
	}
}

func TestMemberState(t *testing.T) {
	tests := []struct {
		state MemberState
		text  string
		live  bool
	}{
		{Failed, "failed", false}, {Suspect, "suspect", true}, {Alive, "alive", true},
		{Leaving, "leaving", false}, {Left, "left", false}, {99, "unknown", false},
	}
	for _, c := range tests {
		if c.state.String() != c.text || c.state.Live() != c.live {
			t.Errorf("%d: %s, live %v", c.state, c.state, c.state.Live())
		}
	}
}

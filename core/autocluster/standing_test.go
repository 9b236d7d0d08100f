package autocluster

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

func TestResolve(t *testing.T) {
	early, later := provisional(1), provisional(2)
	in := func(c core.Cluster, merged ...core.UID) Offer {
		return Offer{Standing: Standing{Cluster: c, Merged: merged}}
	}
	wish := func(o Offer) Offer { o.Merge = true; return o }
	probe := func(o Offer) Offer { o.Probe = true; return o }
	left := func(o Offer) Offer { o.Left = true; return o }
	operator := func(o Offer) Offer { o.Operator = true; return o }
	for name, c := range map[string]struct {
		a, b Offer
		want core.Cluster
	}{
		"one cluster":                     {in(early), in(early), early},
		"neither is in one":               {in(none), in(none), none},
		"the dialler joins":               {in(none), in(later), later},
		"the accepter joins":              {in(later), in(none), later},
		"only asking":                     {probe(in(none)), in(later), none},
		"two clusters, no wish":           {in(early), in(later), none},
		"a merge into the dialler's":      {wish(in(early)), in(later), early},
		"a merge into the accepter's":     {wish(in(later)), in(early), early},
		"a claimed one is kept":           {wish(in(early)), in(claimed(9)), claimed(9)},
		"the wish of the accepter":        {in(early), wish(in(later)), none},
		"merged long ago":                 {in(later), in(early, later.UID), early},
		"merged long ago, dialled":        {in(early, later.UID), in(later), early},
		"the dialler left":                {left(wish(in(later))), in(early), none},
		"the accepter left":               {in(none), left(in(early)), none},
		"a node that left joins by order": {left(operator(in(none))), in(early), early},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Resolve(c.a, c.b); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestFollow(t *testing.T) {
	early, later := provisional(1), provisional(2)
	for name, c := range map[string]struct {
		own, peer core.Cluster
		merged    []core.UID
		want      Standing
		changed   bool
	}{
		"the same":        {early, early, nil, Standing{Cluster: early}, false},
		"what it merged":  {early, early, []core.UID{later.UID}, Standing{Cluster: early, Merged: []core.UID{later.UID}}, true},
		"a better one":    {later, early, nil, Standing{Cluster: early, Merged: []core.UID{later.UID}}, true},
		"a worse one":     {early, later, nil, Standing{Cluster: early, Merged: []core.UID{later.UID}}, true},
		"it stands alone": {early, none, nil, Standing{Cluster: early}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := Standing{Cluster: c.own}
			changed := s.Follow(c.peer, c.merged)
			if diff := cmp.Diff(c.want, s); diff != "" || changed != c.changed {
				t.Errorf("changed %v (-want +got):\n%s", changed, diff)
			}
		})
	}
}

// The list of merged clusters is bounded, sorted, and the same in whatever
// order it was learnt; and what a standing shares with a copy is not written.
func TestLearnMerged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		uids := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) core.UID {
			return uid(rapid.Byte().Draw(t, "uid"))
		}), 0, 3*MaxMerged).Draw(t, "uids")
		var one, two Standing
		one.LearnMerged(uids)
		kept := one
		before := append([]core.UID(nil), kept.Merged...)
		for _, u := range rapid.Permutation(uids).Draw(t, "order") {
			two.LearnMerged([]core.UID{u})
		}
		if diff := cmp.Diff(one, two); diff != "" || len(one.Merged) > MaxMerged {
			t.Fatalf("%d uids: %s", len(one.Merged), diff)
		}
		if one.LearnMerged(uids) {
			t.Error("news twice")
		}
		one.LearnMerged([]core.UID{uid(0)})
		if diff := cmp.Diff(before, kept.Merged); diff != "" {
			t.Error(diff)
		}
	})
}

// PLUGINS.md, principle 4: out from 5 s to 60 s once others are known; after
// a failure soon again, but not before the backend wants it.
func TestPolls(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var p Polls
	within := func(what string, got, want time.Duration) {
		t.Helper()
		if got < want-want/5 || got > want+want/5 {
			t.Errorf("%s: %s, want about %s", what, got, want)
		}
	}
	for _, want := range []time.Duration{50, 100, 200, 400, 800, 1600, 3200} {
		if got := p.Next(Poll{}, false, r); got != want*time.Millisecond {
			t.Fatalf("after a failure %s, want %s", got, want*time.Millisecond)
		}
	}
	within("failing for long", p.Next(Poll{}, false, r), 5*time.Second)
	if got := p.Next(Poll{RetryAfter: time.Minute}, false, r); got != time.Minute {
		t.Error(got)
	}
	within("alone", p.Next(Poll{}, true, r), 5*time.Second)
	within("alone", p.Next(Poll{}, true, r), 5*time.Second)
	for _, want := range []time.Duration{10, 20, 40, 60, 60} {
		within("met", p.Next(Poll{Met: true}, true, r), want*time.Second)
		if p.Wait() != want*time.Second {
			t.Error(p.Wait())
		}
	}
	if got := p.Next(Poll{Met: true}, false, r); got != 50*time.Millisecond || p.Wait() != time.Minute {
		t.Errorf("%s, pace %s", got, p.Wait())
	}
}

package discovery

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

var epochStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func drawCandidates(t *rapid.T) []Candidate {
	endpoint := rapid.Custom(func(t *rapid.T) Endpoint {
		return Endpoint{
			Host: rapid.SampledFrom([]string{"h1", "h2", "::1", "10.0.0.1"}).Draw(t, "host"),
			Port: rapid.SampledFrom([]uint16{0, 1, 4370}).Draw(t, "port"),
		}
	})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Candidate {
		return Candidate{
			Endpoints:   rapid.SliceOfN(endpoint, 1, 3).Draw(t, "endpoints"),
			ClaimedName: rapid.SampledFrom([]string{"", "a@h1", "b@h2"}).Draw(t, "name"),
			NodeUID:     rapid.SampledFrom([]string{"", "u1"}).Draw(t, "uid"),
			Readiness:   Readiness(rapid.IntRange(0, 3).Draw(t, "readiness")),
		}
	}), 0, 12).Draw(t, "candidates")
}

func addresses(c Candidate) []address {
	var out []address
	for _, e := range c.Endpoints {
		out = append(out, addressOf(e, c))
	}
	return out
}

// groups is the dumb twin of merge: it joins any two sets of addresses that
// meet, until none do, and returns them as texts.
func groups(in []Candidate) []string {
	var sets [][]address
	for _, c := range in {
		sets = append(sets, addresses(c))
	}
again:
	for i := range sets {
		for j := i + 1; j < len(sets); j++ {
			if slices.ContainsFunc(sets[i], func(a address) bool { return slices.Contains(sets[j], a) }) {
				sets[i] = append(sets[i], sets[j]...)
				sets = slices.Delete(sets, j, j+1)
				goto again
			}
		}
	}
	return texts(sets)
}

func texts(sets [][]address) []string {
	var out []string
	for _, set := range sets {
		var s []string
		for _, a := range set {
			s = append(s, a.String())
		}
		slices.Sort(s)
		// Endpoints only: a merged candidate has lost whose port 0 it was.
		out = append(out, strings.Join(slices.Compact(s), " "))
	}
	slices.Sort(out)
	return out
}

func TestMergeAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawCandidates(t)
		var got [][]address
		for _, c := range merge(in) {
			got = append(got, addresses(c))
		}
		if diff := cmp.Diff(groups(in), texts(got)); diff != "" {
			t.Fatalf("merge(%+v): -want +got\n%s", in, diff)
		}
	})
}

func TestMergeKeepsHints(t *testing.T) {
	e1, e2 := Endpoint{"h", 1}, Endpoint{"h", 2}
	got := merge([]Candidate{
		{Endpoints: []Endpoint{e1}, Attributes: map[string]string{"zone": "a"}},
		{Endpoints: []Endpoint{e2}, ClaimedName: "n@h"},
		{Endpoints: []Endpoint{e2, e1}, NodeUID: "u", Readiness: NotReady, Attributes: map[string]string{"zone": "b", "pod": "p"}},
	})
	want := []Candidate{{
		Endpoints: []Endpoint{e1, e2}, ClaimedName: "n@h", NodeUID: "u", Readiness: NotReady,
		Attributes: map[string]string{"zone": "a", "pod": "p"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	// Two names at one host without ports are two nodes.
	two := []Candidate{
		{Endpoints: []Endpoint{{"h", 0}}, ClaimedName: "a1@h"},
		{Endpoints: []Endpoint{{"h", 0}}, ClaimedName: "a2@h"},
	}
	if got := merge(two); len(got) != 2 {
		t.Errorf("merged to %+v", got)
	}
}

func TestAnswersCrossTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := Answer{
			Candidates:   merge(drawCandidates(t)),
			Completeness: Completeness(rapid.IntRange(0, 1).Draw(t, "completeness")),
			ObservedAt:   epochStart, SourceRevision: "r", NextPoll: 3 * time.Second,
			Truncated: rapid.Bool().Draw(t, "truncated"),
			Warnings:  rapid.SliceOfN(rapid.SampledFrom([]string{"w1", "w2"}), 0, 3).Draw(t, "warnings"),
		}
		raw, err := proto.Marshal(answerToWire(sent, epochStart))
		if err != nil {
			t.Fatal(err)
		}
		var wire v1.DiscoverResponse
		if err := proto.Unmarshal(raw, &wire); err != nil {
			t.Fatal(err)
		}
		got := answerFromWire(&wire, epochStart.Add(time.Hour))
		want := sent
		want.Candidates = merge(sent.Candidates) // names may now join two
		if len(want.Warnings) == 0 {
			want.Warnings = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
	})
}

func TestAnswerBounds(t *testing.T) {
	var many Answer
	for i := range maxCandidates + 1 {
		many.Candidates = append(many.Candidates, Candidate{Endpoints: []Endpoint{{"h", uint16(i)}, {fmt.Sprint("g", i), 1}}})
	}
	wire := answerToWire(many, epochStart)
	if len(wire.Candidates) != maxCandidates || !wire.Truncated {
		t.Errorf("%d candidates, truncated %v", len(wire.Candidates), wire.Truncated)
	}
	for i := range many.Candidates {
		many.Candidates[i].Attributes = map[string]string{"x": strings.Repeat("y", 5000), "z": strings.Repeat("z", 256)}
	}
	wire = answerToWire(many, epochStart)
	if n := proto.Size(wire); n > 4<<20 || !wire.Truncated || len(wire.Candidates) < 4000 {
		t.Errorf("an answer of %d bytes with %d candidates", n, len(wire.Candidates))
	}
	wire.Candidates = append(wire.Candidates, make([]*v1.Candidate, maxCandidates)...)
	if got := answerFromWire(wire, epochStart); len(got.Candidates) > maxCandidates || !got.Truncated {
		t.Errorf("took %d candidates", len(got.Candidates))
	}
}

func TestBadCandidatesAreLeftOutByName(t *testing.T) {
	wire := &v1.DiscoverResponse{Candidates: []*v1.Candidate{
		{Endpoints: []*v1.Endpoint{{Host: "good", Port: 1}}},
		{Endpoints: []*v1.Endpoint{{Host: "bad host", Port: 1}}},
		{Endpoints: []*v1.Endpoint{{Host: "h", Port: 70000}}},
		{},
		{Endpoints: []*v1.Endpoint{{Host: strings.Repeat("h", 300)}}},
		nil,
	}}
	got := answerFromWire(wire, epochStart)
	if len(got.Candidates) != 1 || len(got.Warnings) != 5 || !strings.Contains(got.Warnings[1], "candidates[2]: port 70000") {
		t.Errorf("%d candidates, warnings %q", len(got.Candidates), got.Warnings)
	}
	if !got.ObservedAt.Equal(epochStart) {
		t.Errorf("observed at %v", got.ObservedAt)
	}
}

func FuzzAnswerFromWire(f *testing.F) {
	seed, _ := proto.Marshal(answerToWire(Answer{
		Candidates: []Candidate{{Endpoints: []Endpoint{{"::1", 4370}}, ClaimedName: "a@::1"}}, NextPoll: time.Hour,
	}, epochStart))
	f.Add(seed)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var wire v1.DiscoverResponse
		if proto.Unmarshal(raw, &wire) != nil {
			return
		}
		a := answerFromWire(&wire, epochStart)
		if len(a.Candidates) > maxCandidates || len(a.Warnings) > maxWarnings || a.NextPoll < 0 || a.NextPoll > maxHint {
			t.Fatalf("out of bounds: %+v", a)
		}
		for _, c := range a.Candidates {
			if len(c.Endpoints) == 0 || len(c.Endpoints) > maxEndpoints || len(c.Attributes) > maxAttributes {
				t.Fatalf("out of bounds: %+v", c)
			}
		}
	})
}

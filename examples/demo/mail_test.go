package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	both := []string{"client2", "client3"}
	table := []struct {
		name   string
		p      publication
		counts map[string]int
		want   string // "" for right
	}{
		{"once each", publication{"t/a", 0, both}, map[string]int{"client2": 1, "client3": 1}, ""},
		{"QoS 0 twice", publication{"t/a", 0, both}, map[string]int{"client2": 2, "client3": 1}, "client2 got it 2 times"},
		{"QoS 1 twice", publication{"t/a", 1, both}, map[string]int{"client2": 2, "client3": 1}, ""},
		{"lost", publication{"t/a", 1, both}, map[string]int{"client2": 1}, "client3 did not get it"},
		{"a stranger", publication{"t/a", 1, both}, map[string]int{"client1": 1, "client2": 1, "client3": 1}, "client1 was not to get it"},
		{"nobody", publication{"u", 1, nil}, nil, ""},
		{"nobody but one", publication{"u", 1, nil}, map[string]int{"client1": 1}, "client1 was not to get it"},
	}
	for _, c := range table {
		err := c.p.check(c.counts)
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestReached(t *testing.T) {
	for want, counts := range map[string]map[string]int{
		"nobody":         nil,
		"a, b (2 times)": {"b": 2, "a": 1},
	} {
		if got := reached(counts); got != want {
			t.Errorf("%v: %q, want %q", counts, got, want)
		}
	}
}

func TestMailWakesWhoWaits(t *testing.T) {
	m := newMail()
	ended := make(chan error)
	go func() { ended <- m.await(t.Context(), "m", []string{"a", "b"}) }()
	for _, c := range []string{"b", "b", "a"} {
		m.deliver(c, "other")
		m.deliver(c, "m")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if counts, _ := m.received("m"); counts["a"] != 1 || counts["b"] != 2 {
		t.Errorf("counts %v", counts)
	}
}

func TestMailGivesUp(t *testing.T) {
	m := newMail()
	m.deliver("a", "m")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := m.await(ctx, "m", []string{"a", "b", "c"})
	if err == nil || !strings.HasPrefix(err.Error(), `"m" has not reached b, c: `) {
		t.Errorf("error %v", err)
	}
}

// TestRounds: the last message of a round tells that the others have come, so
// it must reach everybody that the round reaches.
func TestRounds(t *testing.T) {
	for _, round := range [][]publication{whole, without3} {
		last := strings.Join(round[len(round)-1].to, " ")
		for _, p := range round {
			for _, c := range p.to {
				if !strings.Contains(last, c) {
					t.Errorf("%s reaches %s, the last message does not", p.topic, c)
				}
			}
		}
	}
}

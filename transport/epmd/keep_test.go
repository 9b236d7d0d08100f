package epmd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// brittle is a mapper whose registrations last so long each; one beyond the
// list lasts until the test ends. A negative time is a failure.
type brittle struct {
	lasts []time.Duration
	at    []time.Time // of the registrations
}

type brittleEntry chan struct{}

func (e brittleEntry) Ended() <-chan struct{} { return e }
func (brittleEntry) Close() error             { return nil }

var errBrittle = errors.New("no mapper")

func (b *brittle) register(context.Context) (holding, error) {
	i := len(b.at)
	b.at = append(b.at, time.Now())
	e := make(brittleEntry)
	switch {
	case i >= len(b.lasts):
	case b.lasts[i] < 0:
		return nil, errBrittle
	default:
		time.AfterFunc(b.lasts[i], func() { close(e) })
	}
	return e, nil
}

// keeps runs a keeper for so long, and returns what it has logged.
func (b *brittle) keeps(t *testing.T, d time.Duration) []string {
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		k := keeper{register: b.register, log: slog.New(slog.NewTextHandler(&log, nil)), pause: firstPause}
		if err := k.run(ctx); err != nil {
			t.Error(err)
		}
	})
	return strings.Split(strings.TrimSpace(log.String()), "\n")
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	for i, w := range want {
		if i >= len(got) || !strings.Contains(got[i], w) {
			t.Errorf("no line %d with %q", i, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
	if t.Failed() {
		t.Log(strings.Join(got, "\n"))
	}
}

// TestKeepBrief: a mapper that takes a node in and ends at once is tried less
// and less often, and told of once.
func TestKeepBrief(t *testing.T) {
	b := brittle{lasts: make([]time.Duration, 1000)}
	wantLines(t, b.keeps(t, 10*time.Minute), "registered with", "has ended: this node registers again", "registered with", "trying less often")
	if n := len(b.at); n < 60 || n > 150 {
		t.Errorf("%d registrations in ten minutes", n)
	}
}

// TestKeepBriefAndGone: nor is one told of that is not there in between.
func TestKeepBriefAndGone(t *testing.T) {
	b := brittle{}
	for range 500 {
		b.lasts = append(b.lasts, 0, -1)
	}
	wantLines(t, b.keeps(t, 10*time.Minute), "registered with", "has ended: this node registers again", errBrittle.Error(), "registered with", "trying less often", errBrittle.Error())
}

// TestKeepSettles: once a registration lasts it is told, and the next end is
// news again, and mended as fast as the first.
func TestKeepSettles(t *testing.T) {
	b := brittle{lasts: []time.Duration{0, 0, 0, 0, 0, time.Minute}}
	wantLines(t, b.keeps(t, 5*time.Minute), "registered with", "has ended: this node registers again", "registered with", "trying less often",
		"registered with", "has ended: this node registers again", "registered with")
	if pause := b.at[6].Sub(b.at[5]) - time.Minute; pause != firstPause {
		t.Errorf("registered again after %v", pause)
	}
}

package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be the other side, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "far" {
		os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
	}
	goleak.VerifyTestMain(m)
}

// TestBench: every kind brings every message across once, and answers.
func TestBench(t *testing.T) {
	var out, said strings.Builder
	args := strings.Fields("-runs 2 -messages 2000 -asks 50 -json")
	if code := run(t.Context(), args, streams{nil, &out, &said}); code != 0 {
		t.Fatalf("exit status %d: %s", code, said.String())
	}
	var r report
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != len(kinds)*len(sizes) || r.Cores < 1 || r.LoadAfter == "" {
		t.Errorf("report %+v", r)
	}
	for _, x := range r.Rows {
		for _, f := range x.Runs {
			if len(x.Runs) != 2 || f.Rate <= 0 || f.P50 <= 0 || f.P99 < f.P50 {
				t.Errorf("%s, %d bytes: %+v", x.Kind, x.Size, f)
			}
		}
	}
}

func TestPrint(t *testing.T) {
	r := newReport()
	for _, rate := range []float64{100, 300, 200} {
		r.add("bare", 64, figures{Rate: rate, P50: 1, P99: 2})
		r.add("tcp", 64, figures{Rate: rate / 4, P50: 10.25, P99: 20})
	}
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"medians of 3 runs", "bare 64 200 100 % 1.0 2.0", "tcp 64 50 25 % 10.2 20.0"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
}

// TestTallySeesTooMany: a message that comes twice is not one more that came.
func TestTallySeesTooMany(t *testing.T) {
	c := newTally()
	for range 3 {
		c.one()
	}
	if err := c.wait(t.Context(), 2); err == nil || !strings.Contains(err.Error(), "3 messages have come instead of 2") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := c.wait(ctx, 4); err == nil || !strings.Contains(err.Error(), "3 of 4") {
		t.Errorf("error %v", err)
	}
}

func TestRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"-runs 0":     "-runs 0: from 1 to 100",
		"-messages 0": "-messages 0: from 1",
		"-asks 0":     "-asks 0: from 1",
		"surplus":     `"surplus" is left over`,
		"-nonsense":   "nonsense",
		"far no-such": `"no-such" is none of the kinds`,
	} {
		var said strings.Builder
		if code := run(t.Context(), strings.Fields(args), streams{nil, &said, &said}); code != 2 || !strings.Contains(said.String(), want) {
			t.Errorf("%s: exit status %d, said %q; want %q", args, code, said.String(), want)
		}
	}
}

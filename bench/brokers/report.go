package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/muster-mqtt/muster/bench/internal/proc"
)

// report is everything that a reader needs to judge the figures.
type report struct {
	Cores      int      `json:"cores"`
	Platform   string   `json:"platform"`
	LoadBefore string   `json:"load_before"` // load average of 1, 5 and 15 minutes
	LoadAfter  string   `json:"load_after"`
	Runs       int      `json:"runs"`
	Results    []result `json:"results"`
}

// result is a case with a broker.
type result struct {
	Case   string      `json:"case"`
	Broker string      `json:"broker"`
	Label  string      `json:"label"`            // product and version
	Failed string      `json:"failed,omitempty"` // why it gave nothing, or not every run
	Runs   [][]float64 `json:"-"`
	kase   kase
}

var _ json.Marshaler = result{}

func (r *report) before() {
	r.Cores, r.Platform, r.LoadBefore = runtime.NumCPU(), runtime.GOOS+"/"+runtime.GOARCH, proc.Load()
}

func (r *report) after() { r.LoadAfter = proc.Load() }

// add takes in a run.
func (r *result) add(s sample) {
	if s.label != "" {
		r.Label = s.label
	}
	switch {
	case s.err != nil && r.Failed == "":
		r.Failed = s.err.Error()
	case s.err == nil:
		r.Runs = append(r.Runs, s.values)
	}
}

// figure is a metric over all runs.
type figure struct {
	metric
	Median float64   `json:"median"`
	All    []float64 `json:"all"`
}

// figures are empty when there was no run.
func (r result) figures() []figure {
	if len(r.Runs) == 0 {
		return nil
	}
	var all []figure
	for i, m := range r.kase.metrics {
		f := figure{metric: m}
		for _, run := range r.Runs {
			f.All = append(f.All, run[i])
		}
		f.Median = median(f.All)
		all = append(all, f)
	}
	return all
}

// median of an even number is the mean of the two in the middle.
func median(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// MarshalJSON adds the figures.
func (r result) MarshalJSON() ([]byte, error) {
	type plain result
	return json.Marshal(struct {
		plain
		Figures []figure `json:"figures"`
	}{plain(r), r.figures()})
}

// print writes a table for each case.
func (r *report) print(out io.Writer) error {
	fmt.Fprintf(out, "%d cores, %s; load %s before, %s after; medians of %d runs, the lowest and highest behind them\n",
		r.Cores, r.Platform, r.LoadBefore, r.LoadAfter, r.Runs)
	for rest := r.Results; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(x result) bool { return x.Case != rest[0].Case })
		if n < 0 {
			n = len(rest)
		}
		if err := table(out, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// table writes the results of one case; all are compared with the first.
func table(out io.Writer, results []result) error {
	k := results[0].kase
	fmt.Fprintf(out, "\n%s: %s\n", k.name, k.about)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "broker\t")
	for _, m := range k.metrics {
		fmt.Fprint(w, m.Name, "\t")
		if m.Compare {
			fmt.Fprint(w, "range\tratio\t")
		}
	}
	fmt.Fprintln(w)
	base := results[0].figures()
	for _, x := range results {
		if f := x.figures(); f != nil {
			fmt.Fprintf(w, "%s\t%s\n", x.Broker, cells(f, base))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, x := range results {
		notes(out, x)
	}
	return nil
}

func cells(all, base []figure) string {
	var b strings.Builder
	for i, f := range all {
		fmt.Fprintf(&b, "%.*f\t", f.digits, f.Median)
		if !f.Compare {
			continue
		}
		fmt.Fprintf(&b, "%.*f-%.*f\t", f.digits, slices.Min(f.All), f.digits, slices.Max(f.All))
		if base == nil || base[i].Median <= 0 {
			b.WriteString("-\t")
			continue
		}
		fmt.Fprintf(&b, "%.2f\t", f.Median/base[i].Median)
	}
	return b.String()
}

// notes say who was measured, whether the node reached its goals, and what
// went wrong.
func notes(out io.Writer, x result) {
	label := strings.TrimSpace(x.Label)
	if label == "" {
		label = "no figures"
	}
	fmt.Fprintf(out, "  %s: %s\n", x.Broker, label)
	for _, f := range x.figures() {
		if f.Goal == 0 || x.Broker != "muster" {
			continue
		}
		word := "reached"
		if f.Median > f.Goal {
			word = "MISSED"
		}
		fmt.Fprintf(out, "  %s: %s at most %g: %s\n", x.Broker, f.Name, f.Goal, word)
	}
	if x.Failed != "" {
		first, _, _ := strings.Cut(x.Failed, "\n")
		fmt.Fprintf(out, "  %s: after %d good runs: %s\n", x.Broker, len(x.Runs), first)
	}
}

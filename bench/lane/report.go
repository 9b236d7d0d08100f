package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"

	"github.com/muster-mqtt/muster/bench/internal/proc"
)

// figures are what one run gave.
type figures struct {
	Rate     float64 `json:"messages_per_s"`
	P50, P99 float64 // of a question and its answer, in microseconds
}

// row is a kind with a size.
type row struct {
	Kind string    `json:"kind"`
	Size int       `json:"size"`
	Runs []figures `json:"runs"`
}

// report is everything that a reader needs to judge the figures.
type report struct {
	Cores      int    `json:"cores"`
	Platform   string `json:"platform"`
	LoadBefore string `json:"load_before"`
	LoadAfter  string `json:"load_after"`
	Rows       []*row `json:"rows"`
}

func newReport() *report {
	return &report{Cores: runtime.NumCPU(), Platform: runtime.GOOS + "/" + runtime.GOARCH, LoadBefore: proc.Load()}
}

func (r *report) end() { r.LoadAfter = proc.Load() }

func (r *report) add(kind string, size int, f figures) {
	x := r.row(kind, size)
	if x == nil {
		x = &row{Kind: kind, Size: size}
		r.Rows = append(r.Rows, x)
	}
	x.Runs = append(x.Runs, f)
}

func (r *report) row(kind string, size int) *row {
	if i := slices.IndexFunc(r.Rows, func(x *row) bool { return x.Kind == kind && x.Size == size }); i >= 0 {
		return r.Rows[i]
	}
	return nil
}

// median of one figure; of an even number the higher of the two in the middle.
func (x *row) median(of func(figures) float64) float64 {
	var all []float64
	for _, f := range x.Runs {
		all = append(all, of(f))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func rate(f figures) float64 { return f.Rate }

// print writes the table; every kind is compared with the first.
func (r *report) print(out io.Writer) error {
	fmt.Fprintf(out, "%d cores, %s; load %s before, %s after; medians of %d runs\n\n", r.Cores, r.Platform, r.LoadBefore, r.LoadAfter, len(r.Rows[0].Runs))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kind\tbytes\tmessages/s\tof bare\tquestion and answer p50 µs\tp99 µs\t")
	for _, x := range r.Rows {
		base := r.row(r.Rows[0].Kind, x.Size)
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.0f %%\t%.1f\t%.1f\t\n", x.Kind, x.Size, x.median(rate), 100*x.median(rate)/base.median(rate),
			x.median(func(f figures) float64 { return f.P50 }), x.median(func(f figures) float64 { return f.P99 }))
	}
	return w.Flush()
}

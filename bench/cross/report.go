package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"

	"github.com/muster-mqtt/muster/bench/internal/proc"
)

// report is everything that a reader needs to judge the numbers.
type report struct {
	Target     string   `json:"target"`
	Nodes      int      `json:"nodes"`
	Cores      int      `json:"cores"`
	Platform   string   `json:"platform"`
	LoadBefore string   `json:"load_before"` // load average of 1, 5 and 15 minutes
	LoadAfter  string   `json:"load_after"`
	Size       int      `json:"size"` // bytes of a payload
	Publishers int      `json:"publishers"`
	Results    []result `json:"results"`
}

func (r *report) before() {
	r.Cores, r.Platform, r.LoadBefore = runtime.NumCPU(), runtime.GOOS+"/"+runtime.GOARCH, proc.Load()
}

func (r *report) after() { r.LoadAfter = proc.Load() }

// print writes the table.
func (r *report) print(out io.Writer) error {
	fmt.Fprintf(out, "%s: %d nodes on %d cores, %s; load %s before, %s after\n", r.Target, r.Nodes, r.Cores, r.Platform, r.LoadBefore, r.LoadAfter)
	fmt.Fprintf(out, "%d publishers at node 1, a process of subscribers at each of the next; payloads of %d bytes\n\n", r.Publishers, r.Size)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "QoS\tsubs\trate\tpublished/s\tdelivered/s\tdelivered\tlost\tdoubled\tovertaken\tCPU s/million\tp50\tp99\t")
	for _, x := range r.Results {
		rate, p50, p99 := "full", "-", "-"
		if x.Rate > 0 {
			rate, p50, p99 = fmt.Sprint(x.Rate), micros(x.P50Us), micros(x.P99Us)
		}
		fmt.Fprintf(w, "%d\t%d\t%s\t%.0f\t%.0f\t%d\t%d\t%d\t%d\t%.2f\t%s\t%s\t\n", x.QoS, x.Subscribers, rate,
			x.PublishPerS, x.DeliverPerS, x.Unique, x.Missing, x.Duplicates, x.Reordered, x.CPUSPerMillion, p50, p99)
	}
	return w.Flush()
}

// micros writes microseconds in a unit that people read.
func micros(us float64) string {
	if us < 1000 {
		return fmt.Sprintf("%.0f µs", us)
	}
	return fmt.Sprintf("%.1f ms", us/1000)
}

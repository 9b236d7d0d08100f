package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/core/heap"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// streams are what a process reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run is main with everything passed in. The program is also the other side:
// it starts itself with "far" as the first argument.
func run(ctx context.Context, args []string, std streams) int {
	err := choose(ctx, args, std)
	if err == nil {
		return 0
	}
	fmt.Fprintln(std.err, "lane:", err)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

func choose(ctx context.Context, args []string, std streams) error {
	defer heap.Raise()() // as the daemon does
	if len(args) == 2 && args[0] == "far" {
		return far(ctx, args[1], std)
	}
	p, err := parse(args, std.err)
	if err != nil {
		return err
	}
	return bench(ctx, p, std)
}

var errUsage = errors.New("usage: lane [flags]")

// plan is what to measure.
type plan struct {
	runs     int
	messages int
	asks     int
	timeout  time.Duration
	json     bool
}

// The bounds of a plan.
const (
	maxRuns     = 100
	maxMessages = 1 << 30
)

// parse reads the flags; explanations go to out.
func parse(args []string, out io.Writer) (plan, error) {
	var p plan
	f := flag.NewFlagSet("lane", flag.ContinueOnError)
	f.SetOutput(out)
	f.IntVar(&p.runs, "runs", 5, "runs; the median counts")
	f.IntVar(&p.messages, "messages", 4_000_000, "messages of a run")
	f.IntVar(&p.asks, "asks", 20_000, "questions of a run, one after the other")
	f.DurationVar(&p.timeout, "timeout", time.Minute, "end of each run, whatever comes")
	f.BoolVar(&p.json, "json", false, "print JSON instead of tables")
	if err := f.Parse(args); err != nil {
		return plan{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	switch {
	case f.NArg() > 0:
		return plan{}, fmt.Errorf("%w: %q is left over", errUsage, f.Arg(0))
	case p.runs < 1 || p.runs > maxRuns:
		return plan{}, fmt.Errorf("%w: -runs %d: from 1 to %d", errUsage, p.runs, maxRuns)
	case p.messages < 1 || p.messages > maxMessages:
		return plan{}, fmt.Errorf("%w: -messages %d: from 1 to %d", errUsage, p.messages, maxMessages)
	case p.asks < 1 || p.asks > maxMessages:
		return plan{}, fmt.Errorf("%w: -asks %d: from 1 to %d", errUsage, p.asks, maxMessages)
	}
	return p, nil
}

// sizes are the payloads that are measured, in bytes.
var sizes = []int{64, 256}

// bench measures every kind in turns and prints what came.
func bench(ctx context.Context, p plan, std streams) error {
	r := newReport()
	for n := range p.runs {
		for _, kind := range kinds {
			for _, size := range sizes {
				fmt.Fprintf(std.err, "run %d of %d: %s, %d bytes\n", n+1, p.runs, kind.name, size)
				got, err := p.measure(ctx, kind, size)
				if err != nil {
					return fmt.Errorf("%s, %d bytes: %w", kind.name, size, err)
				}
				r.add(kind.name, size, got)
			}
		}
	}
	r.end()
	if p.json {
		e := json.NewEncoder(std.out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(std.out)
}

// measure starts the other side and lets this one send.
func (p plan) measure(ctx context.Context, k kind, size int) (f figures, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	other, err := startFar(ctx, k.name)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, other.end()) }()
	s, err := k.near(ctx, other.addr)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	began := time.Now()
	if err := s.send(ctx, p.messages, size); err != nil {
		return f, err
	}
	if err := other.counted(p.messages); err != nil {
		return f, err
	}
	f.Rate = float64(p.messages) / time.Since(began).Seconds()
	trips := make([]time.Duration, 0, p.asks)
	for range p.asks {
		at := time.Now()
		if err := s.ask(ctx, size); err != nil {
			return f, err
		}
		trips = append(trips, time.Since(at))
	}
	slices.Sort(trips)
	f.P50, f.P99 = micros(trips[len(trips)/2]), micros(trips[len(trips)*99/100])
	return f, nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

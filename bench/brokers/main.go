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
	"strings"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/load"
	"github.com/muster-mqtt/muster/bench/internal/reference"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], load.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}

// run is main with everything passed in. The program is also its own load
// generator and the other brokers: it starts itself with "load" or "broker" as
// the first argument.
func run(ctx context.Context, args []string, std load.Streams) int {
	switch {
	case len(args) > 0 && args[0] == "load":
		return load.Main(ctx, args[1:], std)
	case len(args) > 0 && args[0] == "broker":
		return reference.Main(ctx, args[1:], std.Err)
	}
	p, err := parse(args, std.Err)
	if err != nil {
		fmt.Fprintln(std.Err, "brokers:", err)
		return 2
	}
	if err := bench(ctx, p, known(p), std); err != nil {
		fmt.Fprintln(std.Err, "brokers:", err)
		return 1
	}
	return 0
}

// parse reads the flags and the names of the cases; explanations go to out.
func parse(args []string, out io.Writer) (plan, error) {
	p := plan{grace: time.Second}
	f := flag.NewFlagSet("brokers", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&p.binary, "bin", "bin/muster", "the node")
	f.IntVar(&p.runs, "runs", 3, "runs of each case; the median counts")
	brokers := f.String("brokers", strings.Join(brokerNames(), ","), "whom to measure; the first is what the others are compared with")
	f.Float64Var(&p.scale, "scale", 1, "part, or multiple, of the messages and subscribers of each case")
	f.IntVar(&p.connections, "connections", 10_000, "idle connections")
	f.DurationVar(&p.settle, "settle", 5*time.Second, "how long connections are idle before memory is read")
	f.DurationVar(&p.timeout, "timeout", 2*time.Minute, "end of each run, whatever comes")
	f.BoolVar(&p.json, "json", false, "print JSON instead of tables")
	f.Usage = func() { usage(f) }
	if err := f.Parse(args); err != nil {
		return plan{}, err
	}
	p.brokers = strings.Split(*brokers, ",")
	var err error
	if p.cases, err = choose(f.Args()); err != nil {
		return plan{}, err
	}
	return p, p.check()
}

func usage(f *flag.FlagSet) {
	fmt.Fprintln(f.Output(), "usage: brokers [flags] [case...]; the cases are")
	for _, c := range cases {
		fmt.Fprintf(f.Output(), "  %-10s %s\n", c.name, c.about)
	}
	f.PrintDefaults()
}

// bench runs all cases and prints what they gave. What was measured is printed
// even when something failed.
func bench(ctx context.Context, p plan, all []contender, std load.Streams) error {
	p.raiseLimit(std.Err)
	r := report{Runs: p.runs}
	r.before()
	err := r.measureAll(ctx, p, all, std.Err)
	r.after()
	if p.json {
		e := json.NewEncoder(std.Out)
		e.SetIndent("", "  ")
		return errors.Join(err, e.Encode(r))
	}
	return errors.Join(err, r.print(std.Out))
}

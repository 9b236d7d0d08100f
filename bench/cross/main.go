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
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/load"
	"github.com/muster-mqtt/muster/bench/internal/target"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], load.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}

// run is main with everything passed in. The program is also its own load
// generator: it starts itself with "load" as the first argument.
func run(ctx context.Context, args []string, std load.Streams) int {
	if len(args) > 0 && args[0] == "load" {
		return load.Main(ctx, args[1:], std)
	}
	p, err := parse(args, std.Err)
	if err != nil {
		fmt.Fprintln(std.Err, "cross:", err)
		return 2
	}
	if err := bench(ctx, p, &target.Muster{Binary: p.binary, Nodes: p.nodes}, std.Out); err != nil {
		fmt.Fprintln(std.Err, "cross:", err)
		return 1
	}
	return 0
}

// parse reads the flags; explanations go to out.
func parse(args []string, out io.Writer) (plan, error) {
	p := plan{grace: 2 * time.Second, search: 2 * time.Second, searches: 8}
	f := flag.NewFlagSet("cross", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&p.binary, "bin", "bin/muster", "the node")
	f.IntVar(&p.nodes, "nodes", 3, "nodes of the cluster")
	f.IntVar(&p.size, "size", 64, "bytes of a payload")
	f.IntVar(&p.publishers, "publishers", 4, "publishing clients, all at the first node")
	f.Uint64Var(&p.messages, "messages", 400_000, "messages of a run at full speed")
	f.IntVar(&p.rate, "rate", 5000, "messages a second of the latency runs")
	f.DurationVar(&p.latency, "latency", 5*time.Second, "length of the latency runs")
	f.DurationVar(&p.timeout, "timeout", 2*time.Minute, "end of each run, whatever comes")
	f.BoolVar(&p.json, "json", false, "print JSON instead of a table")
	if err := f.Parse(args); err != nil {
		return plan{}, err
	}
	if f.NArg() > 0 {
		return plan{}, fmt.Errorf("%q is left over", f.Arg(0))
	}
	return p, p.check()
}

// bench starts the target, runs all cases and prints what they gave.
func bench(ctx context.Context, p plan, t target.Target, out io.Writer) (err error) {
	r := report{Target: t.Name(), Size: p.size, Publishers: p.publishers, Nodes: p.nodes}
	r.before()
	nodes, err := t.Start(ctx)
	if err != nil {
		return fmt.Errorf("starting %s: %w", r.Target, err)
	}
	defer func() { err = errors.Join(err, t.Stop()) }()
	if r.Results, err = measureAll(ctx, nodes, p); err != nil {
		return err
	}
	r.after()
	if p.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(out)
}

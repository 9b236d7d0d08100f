// Command muster-conformance runs the conformance suite against a discovery
// plugin in any language:
//
//	muster-conformance --plugin PATH --fixture FILE [--run NAME] [--json F] [--junit F] [-- ARGS]
//
// FILE is the fixture, a program that brings the plugin's backend up and
// breaks it (docs/conformance.md). The exit status is 0 when every case that
// applies has passed, 1 when one has failed or the run was not possible, 2 for
// wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/muster-mqtt/muster/conformance/strategy"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// settings are what the command line says.
type settings struct {
	plugin, fixture, only, json, junit string
	parallel                           int
	list                               bool
	args                               []string
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("muster-conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = fmt.Fprintln(stderr, "usage: muster-conformance --plugin PATH --fixture FILE [flags] [-- arguments of the plugin]")
		flags.PrintDefaults()
	}
	flags.StringVar(&s.plugin, "plugin", "", "the plugin, a program")
	flags.StringVar(&s.fixture, "fixture", "", "the fixture, a program: see docs/conformance.md")
	flags.StringVar(&s.only, "run", "", "only the cases whose names contain this")
	flags.StringVar(&s.json, "json", "", "write the report as JSON to this file")
	flags.StringVar(&s.junit, "junit", "", "write the report as JUnit XML to this file")
	flags.IntVar(&s.parallel, "parallel", 4, "cases at a time")
	flags.BoolVar(&s.list, "list", false, "list the cases and end")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.args = flags.Args()
	if !s.list && (s.plugin == "" || s.fixture == "") {
		flags.Usage()
		return s, errors.New("--plugin and --fixture are required")
	}
	return s, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case s.list:
		for _, c := range strategy.Cases() {
			_, _ = fmt.Fprintf(stdout, "%-26s %s\n", c.Name, c.Sentence)
		}
		return 0
	}
	report, err := check(ctx, s, stdout)
	if err == nil {
		err = write(report, s)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "muster-conformance:", err)
		return 1
	}
	_, _ = fmt.Fprintf(stdout, "%s\nsha256 %s\n", report.Summary(), report.SHA256)
	if report.Failed > 0 {
		return 1
	}
	return 0
}

func check(ctx context.Context, s settings, stdout io.Writer) (strategy.Report, error) {
	plugin, err := filepath.Abs(s.plugin)
	if err != nil {
		return strategy.Report{}, err
	}
	fixture, err := strategy.Program(s.fixture)
	if err != nil {
		return strategy.Report{}, err
	}
	return strategy.Check(ctx, strategy.Options{
		Plugin: plugin, Args: s.args, Fixture: fixture, Only: s.only, Parallel: s.parallel,
		Each: func(r strategy.Result) { _, _ = io.WriteString(stdout, strategy.Line(r)) },
	})
}

// write leaves the reports that were asked for.
func write(r strategy.Report, s settings) error {
	for path, format := range map[string]func(io.Writer) error{s.json: r.WriteJSON, s.junit: r.WriteJUnit} {
		if path == "" {
			continue
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := errors.Join(format(f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

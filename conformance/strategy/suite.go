package strategy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core/pluginhost"
	"github.com/muster-mqtt/muster/discovery"
)

// Options say what is checked, and how. Plugin and Fixture are required.
type Options struct {
	Plugin   string // path of the program
	Args     []string
	Fixture  NewFixture
	Only     string         // cases whose names contain it; "" is all
	Parallel int            // cases at a time; 4
	Each     func(r Result) // called as results come, one at a time; may be nil
	Scratch  string         // directory for what the run needs; "" is the system's
}

// caseTime bounds one case: the longest waits are a heartbeat and a lease.
const caseTime = 90 * time.Second

// ErrNoCase says that Options.Only names nothing.
var ErrNoCase = errors.New("no case of that name")

// Check runs the cases and returns what became of them. An error means that
// the run itself was not possible, not that the plugin failed.
func Check(ctx context.Context, o Options) (Report, error) {
	o.Parallel = max(cmp.Or(o.Parallel, 4), 1)
	cases := slices.DeleteFunc(Cases(), func(c Case) bool { return !strings.Contains(c.Name, o.Only) })
	if len(cases) == 0 {
		return Report{}, fmt.Errorf("%w: %q", ErrNoCase, o.Only)
	}
	scratch, err := os.MkdirTemp(o.Scratch, "conf")
	if err != nil {
		return Report{}, err
	}
	defer os.RemoveAll(scratch)
	report, info, err := look(ctx, o, scratch)
	if err != nil {
		return Report{}, err
	}
	for _, r := range runAll(ctx, job{o: o, scratch: scratch, info: info}, cases) {
		report.add(r)
	}
	return report, ctx.Err()
}

// look asks the plugin once who it is: what it declares decides which cases
// apply.
func look(ctx context.Context, o Options, scratch string) (Report, discovery.Info, error) {
	text, err := os.ReadFile(o.Plugin)
	if err != nil {
		return Report{}, discovery.Info{}, fmt.Errorf("plugin: %w", err)
	}
	sum := sha256.Sum256(text)
	life, err := pluginhost.Launch(ctx, hostOptions(o, scratch))
	if err != nil {
		return Report{}, discovery.Info{}, fmt.Errorf("the plugin does not start: %w", err)
	}
	defer life.Stop(false)
	info, err := life.Client().Info(ctx)
	if err != nil {
		return Report{}, info, fmt.Errorf("GetInfo: %w", err)
	}
	r := Report{
		Plugin: filepath.Base(o.Plugin), SHA256: hex.EncodeToString(sum[:]), Name: info.Name, Version: info.Version,
		Capabilities: []string{},
	}
	for _, c := range info.Capabilities {
		r.Capabilities = append(r.Capabilities, capabilityNames[c])
	}
	return r, info, nil
}

func hostOptions(o Options, dir string) pluginhost.Options {
	return pluginhost.Options{
		Strategy: "subject", Path: o.Plugin, Args: o.Args, RunDir: filepath.Join(dir, "r"),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Timers: pluginhost.Timers{Start: startTime},
	}
}

// job is what all cases of a run share.
type job struct {
	o       Options
	scratch string
	info    discovery.Info
}

// runAll runs the cases, some at a time, and returns the results in order.
func runAll(ctx context.Context, j job, cases []Case) []Result {
	results := make([]Result, len(cases))
	slots := make(chan struct{}, j.o.Parallel)
	var wg sync.WaitGroup
	var each sync.Mutex
	for i, c := range cases {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			results[i] = j.run(ctx, c, i)
			if j.o.Each != nil {
				each.Lock()
				defer each.Unlock()
				j.o.Each(results[i])
			}
		})
	}
	wg.Wait()
	return results
}

// run runs one case in a directory of its own.
func (j job) run(ctx context.Context, c Case, number int) Result {
	r := Result{Case: c.Name, Sentence: c.Sentence}
	for _, need := range c.Needs {
		if !slices.Contains(j.info.Capabilities, need) {
			r.Status, r.Detail = Skipped, "the plugin does not declare "+capabilityNames[need]
			return r
		}
	}
	began := time.Now()
	r.Status, r.Detail = j.probe(ctx, c, filepath.Join(j.scratch, fmt.Sprint(number)))
	r.Took = time.Since(began)
	return r
}

func (j job) probe(ctx context.Context, c Case, dir string) (Status, string) {
	ctx, cancel := context.WithTimeout(ctx, caseTime)
	defer cancel()
	p, err := newProbe(ctx, j, dir)
	if err == nil {
		p.attempt(func() {
			p.up()
			c.check(p)
		})
		p.close()
		return p.outcome()
	}
	return Failed, err.Error()
}

// Run checks every case as a subtest of t.
func Run(t *testing.T, o Options) {
	t.Helper()
	o.Scratch = t.TempDir()
	report, err := Check(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		t.Run(r.Case, func(t *testing.T) {
			switch r.Status {
			case Failed:
				t.Errorf("%s\n%s", r.Sentence, r.Detail)
			case Skipped:
				t.Logf("does not apply: %s", r.Detail)
			}
		})
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/bench/internal/brokertest"
	"github.com/muster-mqtt/muster/bench/internal/load"
	"github.com/muster-mqtt/muster/bench/internal/target"
)

// TestMain lets the test binary be the load generator and the other brokers,
// as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "load" || os.Args[1] == "broker") {
		ctx, stop := context.WithCancel(context.Background())
		code := run(ctx, os.Args[1:], load.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		stop()
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// fake is a small broker, whose work is that of this process.
type fake struct {
	broker  *brokertest.Broker
	fails   error
	stopped int
}

var _ target.Target = (*fake)(nil)

func (f *fake) Name() string { return "fake 1.0" }

func (f *fake) Start(context.Context) ([]target.Node, error) {
	if f.fails != nil {
		return nil, f.fails
	}
	return []target.Node{{Addr: f.broker.Addr(), PID: os.Getpid()}}, nil
}

func (f *fake) Stop() error {
	f.stopped++
	return nil
}

func (f *fake) contender(name string) contender {
	return contender{name, true, func(kase) (target.Target, error) { return f, nil }}
}

// small is a plan of a moment.
func small(t *testing.T, names ...string) plan {
	t.Helper()
	args := append([]string{"-scale", "0.002", "-runs", "2", "-connections", "20", "-settle", "20ms", "-timeout", "1m"}, names...)
	p, err := parse(args, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	p.grace = 2 * time.Second
	return p
}

// said runs bench with what it prints.
func said(t *testing.T, p plan, all ...contender) (string, error) {
	t.Helper()
	var out, progress strings.Builder
	err := bench(t.Context(), p, all, load.Streams{Out: &out, Err: &progress})
	return out.String(), err
}

// parsed is a report as it is read back.
type parsed struct {
	Cores   int
	Results []struct {
		Case, Broker, Label, Failed string
		Figures                     []struct {
			Name   string
			Median float64
			All    []float64
		}
	}
}

func TestBench(t *testing.T) {
	f := &fake{broker: brokertest.Start(t, brokertest.Faults{})}
	p := small(t, "qos0", "qos1", "qos2", "fanout", "idle")
	p.json = true
	text, err := said(t, p, f.contender("muster"))
	var r parsed
	if err := errors.Join(err, json.Unmarshal([]byte(text), &r)); err != nil {
		t.Fatal(err)
	}
	if r.Cores < 1 || len(r.Results) != 5 || f.stopped != 10 {
		t.Errorf("%d cores, %d results, stopped %d times", r.Cores, len(r.Results), f.stopped)
	}
	for _, x := range r.Results {
		if x.Failed != "" || x.Label != "fake 1.0" {
			t.Errorf("%+v", x)
		}
		for _, f := range x.Figures {
			bad := f.Name == "lost %" || f.Name == "doubled" || f.Name == "overtaken" || f.Name == "died"
			if len(f.All) != 2 || bad && f.Median != 0 || strings.HasSuffix(f.Name, "/s") && f.Median <= 0 {
				t.Errorf("%s: %+v", x.Case, f)
			}
		}
	}
}

func TestLossIsSeen(t *testing.T) {
	f := &fake{broker: brokertest.Start(t, brokertest.Faults{Drop: 10})}
	p := small(t, "qos0-flat")
	p.runs, p.json = 1, true
	text, err := said(t, p, f.contender("muster"))
	if err != nil || !strings.Contains(text, `"name": "lost %",
          "median": 10,`) {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestFailures: whoever fails does not keep the others from being measured,
// and only the first one's failure is that of the run.
func TestFailures(t *testing.T) {
	good := &fake{broker: brokertest.Start(t, brokertest.Faults{})}
	bad := &fake{broker: brokertest.Start(t, brokertest.Faults{Refuse: true})}
	absent := contender{"gone", true, func(kase) (target.Target, error) { return nil, target.ErrAbsent }}
	broken := &fake{fails: errors.New("no such luck\nmore")}
	p := small(t, "qos1")
	text, err := said(t, p, good.contender("muster"), bad.contender("b"), absent, broken.contender("c"))
	if err != nil {
		t.Error(err)
	}
	for _, want := range []string{"b: after 0 good runs: load process", "gone: no figures", "gone: after 0 good runs: not installed", "no such luck\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "more") {
		t.Errorf("a report has a line for an error:\n%s", text)
	}
	if _, err := said(t, p, bad.contender("muster"), good.contender("b")); err == nil || !strings.Contains(err.Error(), "qos1: muster: ") {
		t.Errorf("error %v", err)
	}
	if bad.stopped != 2 || good.stopped != 4 || broken.stopped != 0 {
		t.Errorf("stopped %d, %d and %d times", bad.stopped, good.stopped, broken.stopped)
	}
}

// TestOthers runs the brokers that come with the program, in processes of
// their own; nothing of them is left.
func TestOthers(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	p := small(t, "-brokers", "nats,mochi", "-runs", "1", "qos1", "idle-tls", "cross-qos0")
	text, err := said(t, p, known(p)...)
	if err != nil || strings.Contains(text, "after 0 good runs") {
		t.Errorf("%v\n%s", err, text)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBenchEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	f := &fake{broker: brokertest.Start(t, brokertest.Faults{Stall: true})}
	var out strings.Builder
	err := bench(ctx, small(t, "qos1"), []contender{f.contender("muster")}, load.Streams{Out: &out, Err: &out})
	if !errors.Is(err, context.DeadlineExceeded) || f.stopped != 1 {
		t.Errorf("error %v, stopped %d times", err, f.stopped)
	}
}

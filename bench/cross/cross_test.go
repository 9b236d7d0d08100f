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

// TestMain lets the test binary be its own load generator, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "load" {
		os.Exit(run(context.Background(), os.Args[1:], load.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	goleak.VerifyTestMain(m)
}

// fake is a cluster of one small broker, whose work is that of this process.
type fake struct {
	broker  *brokertest.Broker
	fails   error
	stopped int
}

var _ target.Target = (*fake)(nil)

func (f *fake) Name() string { return "fake" }

func (f *fake) Start(context.Context) ([]target.Node, error) {
	if f.fails != nil {
		return nil, f.fails
	}
	n := target.Node{Addr: f.broker.Addr(), PID: os.Getpid()}
	return []target.Node{n, n}, nil
}

func (f *fake) Stop() error {
	f.stopped++
	return nil
}

// small is a plan of a moment.
func small() plan {
	return plan{
		nodes: 2, size: 64, publishers: 2, messages: 1000, rate: 1000, latency: time.Second, timeout: 20 * time.Second,
		grace: 200 * time.Millisecond, search: 100 * time.Millisecond, searches: 2,
	}
}

func TestBench(t *testing.T) {
	f := &fake{broker: brokertest.Start(t, brokertest.Faults{})}
	p := small()
	p.json = true
	var out strings.Builder
	if err := bench(t.Context(), p, f, &out); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	if r.Target != "fake" || r.Cores < 1 || r.LoadAfter == "" || len(r.Results) != 6 || f.stopped != 1 {
		t.Errorf("report %+v, stopped %d times", r, f.stopped)
	}
	for _, x := range r.Results {
		all := uint64(1000 * x.Subscribers)
		if x.Sent != 1000 || x.Unique != all || x.Missing+x.Duplicates+x.Reordered+x.Foreign > 0 {
			t.Errorf("counted %+v, want %d", x, all)
		}
		if x.PublishPerS <= 0 || x.DeliverPerS <= 0 || x.P50Us <= 0 || x.P99Us < x.P50Us || x.MaxUs < x.P99Us {
			t.Errorf("measured %+v", x)
		}
	}
}

func TestBenchSeesLoss(t *testing.T) {
	f := &fake{broker: brokertest.Start(t, brokertest.Faults{Drop: 10})}
	nodes, _ := f.Start(t.Context())
	r, err := measure(t.Context(), nodes, small().cases()[3])
	if err != nil || r.Unique != 900 || r.Missing != 100 {
		t.Errorf("counted %+v, %v", r, err)
	}
}

// TestRateWithoutLoss: a case at full speed that lost something is followed by
// the last of the tries at a rate; this broker loses at any.
func TestRateWithoutLoss(t *testing.T) {
	f := &fake{broker: brokertest.Start(t, brokertest.Faults{Drop: 3})}
	nodes, _ := f.Start(t.Context())
	all, err := measureCase(t.Context(), nodes, small().cases()[0])
	if err != nil || len(all) != 2 {
		t.Fatalf("%d results, %v", len(all), err)
	}
	least := int(all[0].DeliverPerS * searchBegin * searchStep * searchStep)
	if all[0].Rate != 0 || all[1].Rate <= least || all[1].Rate >= int(all[0].DeliverPerS) || all[1].Missing == 0 {
		t.Errorf("results %+v", all)
	}
}

func TestBenchFails(t *testing.T) {
	broken := errors.New("no such broker")
	if err := bench(t.Context(), small(), &fake{fails: broken}, os.Stderr); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	for name, faults := range map[string]brokertest.Faults{
		"subscribing: load process": {Refuse: true},
		"publishing: load process":  {HangUp: true},
	} {
		f := &fake{broker: brokertest.Start(t, faults)}
		err := bench(t.Context(), small(), f, os.Stderr)
		if err == nil || !strings.Contains(err.Error(), name) || f.stopped != 1 {
			t.Errorf("error %v, want one with %q; stopped %d times", err, name, f.stopped)
		}
	}
}

func TestBenchEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	f := &fake{broker: brokertest.Start(t, brokertest.Faults{Stall: true})}
	p := small()
	p.messages = 10_000_000
	if err := bench(ctx, p, f, os.Stderr); err == nil || f.stopped != 1 {
		t.Errorf("error %v, stopped %d times", err, f.stopped)
	}
}

func TestPrint(t *testing.T) {
	r := report{Target: "fake", Nodes: 3, Cores: 2, Size: 64, Publishers: 4, Results: []result{
		{QoS: 0, Subscribers: 1, PublishPerS: 123456.7, CPUSPerMillion: 2.345, P50Us: 1},
		{QoS: 1, Subscribers: 2, Rate: 5000, P50Us: 480.2, P99Us: 1234.5},
	}}
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
	for _, want := range []string{"fake: 3 nodes on 2 cores", "123457", "2.35", "480 µs", "1.2 ms", "5000"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
}

func TestBadFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-nodes 0":        "-nodes 0: from 1 to 16",
		"-size 1":         "-size 1: at least 24",
		"-publishers 0":   "-publishers 0",
		"-messages 1":     "-messages 1: at least one for each",
		"-rate 0":         "-rate 0",
		"-latency 3m":     "-latency 3m0s: from 1s",
		"-timeout 31m":    "-timeout 31m0s: at most",
		"surplus":         `"surplus" is left over`,
		"-nonsense":       "nonsense",
		"-bin /nonsense/": "make build",
	} {
		var said strings.Builder
		code := run(t.Context(), strings.Fields(args), load.Streams{Out: &said, Err: &said})
		if code == 0 || !strings.Contains(said.String(), want) {
			t.Errorf("%s: exit status %d, said %q; want %q", args, code, said.String(), want)
		}
	}
}

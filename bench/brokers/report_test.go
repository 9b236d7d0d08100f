package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/bench/internal/load"
)

func TestPrint(t *testing.T) {
	k := kase{name: "c", about: "a case", metrics: []metric{{Name: "cost", Goal: 2, Compare: true, digits: 2}, {Name: "rate"}}}
	r := report{Cores: 2, LoadBefore: "1 2 3", Runs: 3, Results: []result{
		{Case: "c", Broker: "muster", Label: "muster 1", kase: k, Runs: [][]float64{{3, 100}, {1, 300}, {2, 200}}},
		{Case: "c", Broker: "slow", Label: "slow 1", kase: k, Runs: [][]float64{{5, 10}, {7, 30}}, Failed: "once"},
		{Case: "c", Broker: "gone", kase: k, Failed: "not installed"},
		{Case: "d", Broker: "muster", kase: kase{name: "d", metrics: k.metrics}, Runs: [][]float64{{2.01, 1}}},
	}}
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"2 cores", "load 1 2 3 before", "c: a case", "broker cost range ratio rate",
		"muster 2.00 1.00-3.00 1.00 200", "slow 6.00 5.00-7.00 3.00 20", "slow: after 2 good runs: once",
		"gone: no figures", "gone: after 0 good runs: not installed",
		"muster: cost at most 2: reached", "muster 2.01 2.01-2.01 1.00 1", "muster: cost at most 2: MISSED",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
}

func TestPrintWithoutBase(t *testing.T) {
	k := kase{metrics: []metric{{Name: "cost", Compare: true}}}
	r := report{Results: []result{{Broker: "muster", kase: k, Failed: "x"}, {Broker: "b", kase: k, Runs: [][]float64{{4}}}}}
	var out strings.Builder
	if err := r.print(&out); err != nil || !strings.Contains(strings.Join(strings.Fields(out.String()), " "), "b 4 4-4 -") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestMedian(t *testing.T) {
	for want, all := range map[float64][]float64{5: {5}, 2: {3, 1, 2}, 2.5: {4, 3, 1, 2}} {
		before := slices.Clone(all)
		if got := median(all); got != want || !slices.Equal(all, before) {
			t.Errorf("median of %v is %v", before, got)
		}
	}
}

func TestLoopValues(t *testing.T) {
	o := load.Options{Clients: 10, Publishers: 1}
	got := load.Looped{Sent: load.Sent{Sent: 200_000, Started: 1e9}}
	got.Received.Tally = load.Tally{Unique: 1_000_000, Missing: 1_000_000, Duplicates: 3, Reordered: 4}
	got.Received.Last = 3e9
	values := loopValues(o, got, meter{broker: 2e9, load: 1e9, busy: 4e9})
	want := []float64{2, 500_000, 50, 3, 4, 0, 0, 1, 25}
	if !slices.Equal(values, want) || len(values) != len(throughput(0)) {
		t.Errorf("values %v, want %v", values, want)
	}
	if values := loopValues(o, load.Looped{}, meter{}); slices.Max(values) != 0 {
		t.Errorf("of nothing: %v", values)
	}
}

func TestHoldValues(t *testing.T) {
	h := held{Held: load.Held{Connected: 1000, Alive: 999, Started: 1e9, Ended: 3e9}, before: 10e6, after: 20e6,
		used: meter{broker: 1e8, load: 1e8, busy: 4e8}, idle: 1e7, settle: 1e9}
	want := []float64{10, 1, 500, 10, 10, 20, 1, 50}
	if values := h.values(); !slices.Equal(values, want) || len(values) != len(idle(0, 0)) {
		t.Errorf("values %v, want %v", values, want)
	}
}

func TestCases(t *testing.T) {
	for _, k := range cases {
		if k.name == "" || k.about == "" || len(k.metrics) == 0 || k.load.Role == "" {
			t.Errorf("case %q wants a name, a sentence, metrics and a role", k.name)
		}
	}
	if all, err := choose(nil); err != nil || len(all) != len(cases) {
		t.Errorf("%d cases, %v", len(all), err)
	}
	if _, err := choose([]string{"idle", "x", "y"}); err == nil || !strings.Contains(err.Error(), `"x"`) || !strings.Contains(err.Error(), `"y"`) {
		t.Errorf("error %v", err)
	}
}

func TestFit(t *testing.T) {
	var said strings.Builder
	if n := fit(10_000, 1024, &said); n != 824 || !strings.Contains(said.String(), "only 824 connections instead of 10000: ulimit -n is 1024") {
		t.Errorf("%d, said %q", n, said.String())
	}
	for limit, want := range map[uint64]int{20_000: 500, 1 << 63: 500, 10: 1, 0: 1} {
		if n := fit(500, limit, io.Discard); n != want {
			t.Errorf("limit %d: %d, want %d", limit, n, want)
		}
	}
}

func TestBadFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-runs 0":                               "-runs 0: from 1 to 100",
		"-scale 0":                              "-scale 0",
		"-connections 60001":                    "-connections 60001",
		"-settle 2m":                            "-settle 2m0s",
		"-timeout 9s":                           "-timeout 9s",
		"-brokers muster,x":                     `-brokers "x"`,
		"-brokers muster,muster":                `-brokers "muster"`,
		"qos3":                                  `"qos3" is not a case`,
		"-nonsense":                             "qos0-flat",
		"-bin /nonsense/ -runs 1 idle -brokers": "is not a case",
		"broker":                                "usage: broker",
		"broker other":                          `"other" is none of the brokers here`,
		"broker nats -addr x":                   "missing port",
		"broker mochi -tls x":                   "open : no such file",
		"load":                                  "usage",
	} {
		var said strings.Builder
		code := run(t.Context(), strings.Fields(args), load.Streams{Out: &said, Err: &said})
		if code == 0 || !strings.Contains(said.String(), want) {
			t.Errorf("%s: exit status %d, said %q; want %q", args, code, said.String(), want)
		}
	}
}

func TestNoBinary(t *testing.T) {
	var said strings.Builder
	code := run(t.Context(), strings.Fields("-bin /nonsense -brokers muster -runs 1 idle"), load.Streams{Out: &said, Err: &said})
	if code != 1 || !strings.Contains(said.String(), "make build") {
		t.Errorf("exit status %d, said %q", code, said.String())
	}
}

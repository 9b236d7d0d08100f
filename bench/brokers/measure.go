package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/load"
	"github.com/muster-mqtt/muster/bench/internal/proc"
	"github.com/muster-mqtt/muster/bench/internal/target"
	"github.com/muster-mqtt/muster/bench/internal/worker"
)

// measureAll runs every case with every broker. A broker that fails is left
// out of the rest of that case and reported; only the first one's failure is
// the failure of the whole. Progress goes to said.
func (r *report) measureAll(ctx context.Context, p plan, all []contender, said io.Writer) error {
	var failed error
	for _, k := range p.cases {
		all := k.able(all)
		results := make([]result, len(all))
		for i, c := range all {
			results[i] = result{Case: k.name, Broker: c.name, kase: k}
		}
		for n := range p.runs {
			for i, c := range all {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if results[i].Failed != "" {
					continue
				}
				fmt.Fprintf(said, "%s, run %d of %d: %s\n", k.name, n+1, p.runs, c.name)
				results[i].add(p.measure(ctx, k, c))
			}
		}
		if len(all) == 0 {
			continue
		}
		if text := results[0].Failed; text != "" {
			failed = errors.Join(failed, fmt.Errorf("%s: %s: %s", k.name, all[0].name, text))
		}
		r.Results = append(r.Results, results...)
	}
	return failed
}

// able are the brokers that can take part in a case.
func (k kase) able(all []contender) []contender {
	if k.nodes == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(c contender) bool { return c.alone })
}

// sample is what one run gave.
type sample struct {
	label  string // product and version
	values []float64
	err    error
}

// measure starts a broker, puts the load of a case on it, and stops it.
func (p plan) measure(ctx context.Context, k kase, c contender) (s sample) {
	t, err := c.make(k)
	if err != nil {
		return sample{err: err}
	}
	s.label = t.Name()
	ctx, cancel := context.WithTimeout(ctx, p.timeout+time.Minute)
	defer cancel()
	nodes, err := t.Start(ctx)
	if err != nil {
		s.err = fmt.Errorf("starting %s: %w", s.label, err)
		return s
	}
	defer func() { s.err = errors.Join(s.err, t.Stop()) }()
	run := p.loop
	if k.load.Role == load.Hold {
		run = p.hold
	}
	s.values, s.err = run(ctx, k, nodes)
	return s
}

// options completes those of a case.
func (p plan) options(k kase, nodes []target.Node) load.Options {
	o, n := k.load, nodes[0]
	var away []string
	for _, n := range nodes[1:] {
		away = append(away, n.Addr)
	}
	o.Addr, o.Away, o.Run = n.Addr, strings.Join(away, ","), rand.Uint32() // a straggler of another run is foreign
	o.ID, o.Topic = fmt.Sprintf("b%d", o.Run), fmt.Sprintf("bench/%d", o.Run)
	o.Size, o.Grace, o.Timeout = payload, p.grace, p.timeout
	scaled := func(n int) int { return max(int(float64(n)*p.scale), 1) }
	o.Messages = uint64(scaled(int(max(o.Messages, 1))))
	if k.load.Role == load.Hold {
		o.Publishers, o.Window, o.Clients = 1, 1, p.connections
	} else if !o.Own && k.nodes == 0 {
		o.Clients = scaled(o.Clients)
	}
	if k.tls {
		o.Addr, o.CA = n.TLSAddr, n.CA
	}
	return o
}

// meter reads what everybody uses.
type meter struct{ broker, load, busy time.Duration }

// read reads now; w may be nil, for nothing.
func read(nodes []target.Node, w *worker.Worker) (m meter, err error) {
	if m.broker, err = target.CPU(nodes); err != nil {
		return m, err
	}
	if w != nil {
		if m.load, err = w.CPU(); err != nil {
			return m, err
		}
	}
	m.busy, err = proc.Busy()
	return m, err
}

// since is what was used after an earlier reading.
func (m meter) since(before meter) meter {
	return meter{m.broker - before.broker, m.load - before.load, m.busy - before.busy}
}

// others is the part of the processor time used that was neither the broker's
// nor the generator's, in percent: how far the machine was somebody else's.
func (m meter) others() float64 {
	return 100 * max(0, ratio((m.busy-m.broker-m.load).Seconds(), m.busy.Seconds()))
}

// loop measures messages.
func (p plan) loop(ctx context.Context, k kase, nodes []target.Node) ([]float64, error) {
	o := p.options(k, nodes)
	w, err := worker.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.End() }() // what went wrong was told before
	before, err := read(nodes, w)
	if err != nil {
		return nil, err
	}
	var got load.Looped
	if err := errors.Join(w.Tell(), w.Result(&got)); err != nil {
		return nil, err
	}
	after, err := read(nodes, w)
	return loopValues(o, got, after.since(before)), err
}

// loopValues are the metrics of throughput.
func loopValues(o load.Options, got load.Looped, used meter) []float64 {
	t, fan := got.Received.Tally, 1
	if !o.Own {
		fan = o.Clients
	}
	expected := float64(got.Sent.Sent) * float64(fan)
	million := float64(t.Unique) / 1e6
	return []float64{
		ratio(used.broker.Seconds(), million),
		ratio(float64(t.Unique), float64(got.Received.Last-got.Sent.Started)/1e9),
		100 * ratio(float64(t.Missing), expected), float64(t.Duplicates), float64(t.Reordered),
		micros(got, 0.5), micros(got, 0.99),
		ratio(used.load.Seconds(), million), used.others(),
	}
}

func micros(got load.Looped, q float64) float64 {
	if got.Received.Latency == nil {
		return 0
	}
	return float64(got.Received.Latency.Quantile(q)) / 1e3
}

// ratio is 0 where there is nothing to divide by.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/load"
	"github.com/muster-mqtt/muster/bench/internal/target"
	"github.com/muster-mqtt/muster/bench/internal/worker"
)

// result is what one measurement gave. Times are in the unit of their name.
type result struct {
	QoS         byte   `json:"qos"`
	Subscribers int    `json:"subscribers"`
	Rate        int    `json:"rate"` // asked for; 0: full speed
	Sent        uint64 `json:"sent"`
	load.Tally
	AckDisorder    uint64  `json:"ack_disorder"`
	PublishPerS    float64 `json:"publish_per_s"`
	DeliverPerS    float64 `json:"deliver_per_s"`     // all subscribers together
	CPUSPerMillion float64 `json:"cpu_s_per_million"` // of all brokers, for a million delivered
	P50Us          float64 `json:"p50_us"`            // of a latency run; at full speed it is the depth of the queues
	P99Us          float64 `json:"p99_us"`
	MaxUs          float64 `json:"max_us"`
}

// The search for a rate without loss begins at this part of the rate at which a
// broker delivered when it was sent too much, and goes down by these steps.
const (
	searchBegin = 0.9
	searchStep  = 0.75
)

// measureAll runs all cases.
func measureAll(ctx context.Context, nodes []target.Node, p plan) ([]result, error) {
	var all []result
	for _, s := range p.cases() {
		results, err := measureCase(ctx, nodes, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		all = append(all, results...)
	}
	return all, nil
}

// measureCase runs a case. A broker that is sent more than it can deliver has
// to lose something or to hold the publishers up. Of one that loses, a second
// result tells a rate at which it does not, or the lowest that was tried.
func measureCase(ctx context.Context, nodes []target.Node, s spec) ([]result, error) {
	r, err := measure(ctx, nodes, s)
	if err != nil || s.rate > 0 || r.Missing == 0 {
		return []result{r}, err
	}
	full, rate := r, r.DeliverPerS/float64(s.subscribers)*searchBegin
	for range s.plan.searches {
		if r, err = measure(ctx, nodes, s.paced(int(rate), s.plan.search)); err != nil || r.Missing == 0 {
			break
		}
		rate *= searchStep
	}
	return []result{full, r}, err
}

// team is the processes of one measurement.
type team struct {
	pub  *worker.Worker
	subs []*worker.Worker
}

// end waits for all processes, after their context has ended.
func (t *team) end() {
	for _, w := range append(t.subs, t.pub) {
		if w != nil {
			_ = w.End() // what went wrong was told before
		}
	}
}

// measure runs one case: publishers at the first node, subscribers at the next
// ones. No process of it is left when it returns.
func measure(ctx context.Context, nodes []target.Node, s spec) (result, error) {
	var t team
	defer t.end()
	ctx, cancel := context.WithTimeout(ctx, s.plan.timeout+10*time.Second)
	defer cancel()
	if err := t.start(ctx, nodes, s); err != nil {
		return result{}, err
	}
	before, err := target.CPU(nodes)
	if err != nil {
		return result{}, err
	}
	sent, got, err := t.exchange()
	if err != nil {
		return result{}, err
	}
	after, err := target.CPU(nodes)
	if err != nil {
		return result{}, err
	}
	return evaluate(s, sent, got, after-before), nil
}

// start starts the subscribers, and then the publishers.
func (t *team) start(ctx context.Context, nodes []target.Node, s spec) error {
	run := rand.Uint32() // a straggler of another run is foreign
	o := load.Options{
		Role:  load.Sub,
		Topic: fmt.Sprintf("bench/%d", run), Run: run, Clients: 1, Publishers: s.plan.publishers, QoS: s.qos,
		Size: s.plan.size, Messages: s.messages, Window: 1000, Timeout: s.plan.timeout, Grace: s.plan.grace,
	}
	for i := range s.subscribers {
		o.Addr, o.ID = nodes[(i+1)%len(nodes)].Addr, fmt.Sprintf("bench%d-%d", run, i)
		w, err := worker.Start(ctx, o)
		if err != nil {
			return fmt.Errorf("subscribing: %w", err)
		}
		t.subs = append(t.subs, w)
	}
	o.Role, o.Addr, o.ID, o.Clients, o.Rate = load.Pub, nodes[0].Addr, fmt.Sprintf("bench%d", run), s.plan.publishers, s.rate
	w, err := worker.Start(ctx, o)
	if err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	t.pub = w
	return nil
}

// exchange lets the publishers go, and tells the subscribers when they are done.
func (t *team) exchange() (sent load.Sent, got []load.Received, err error) {
	if err := t.pub.Tell(); err != nil {
		return sent, nil, err
	}
	if err := t.pub.Result(&sent); err != nil {
		return sent, nil, fmt.Errorf("publishing: %w", err)
	}
	for _, w := range t.subs {
		if err := w.Tell(); err != nil {
			return sent, nil, err
		}
	}
	for _, w := range t.subs {
		var r load.Received
		if err := w.Result(&r); err != nil {
			return sent, nil, fmt.Errorf("subscribing: %w", err)
		}
		got = append(got, r)
	}
	return sent, got, nil
}

// evaluate turns counts into rates.
func evaluate(s spec, sent load.Sent, got []load.Received, cpu time.Duration) result {
	r := result{QoS: s.qos, Subscribers: s.subscribers, Rate: s.rate, Sent: sent.Sent, AckDisorder: sent.AckDisorder}
	latency := &load.Histogram{}
	last := sent.Started
	for _, g := range got {
		r.Tally.Add(g.Tally)
		latency.Merge(g.Latency)
		last = max(last, g.Last)
	}
	r.PublishPerS = perSecond(sent.Sent, sent.Ended-sent.Started)
	r.DeliverPerS = perSecond(r.Unique, last-sent.Started)
	if r.Unique > 0 {
		r.CPUSPerMillion = cpu.Seconds() / float64(r.Unique) * 1e6
	}
	r.P50Us, r.P99Us, r.MaxUs = us(latency, 0.5), us(latency, 0.99), us(latency, 1)
	return r
}

func perSecond(n uint64, ns int64) float64 {
	if ns <= 0 {
		return 0
	}
	return float64(n) / (float64(ns) / 1e9)
}

func us(h *load.Histogram, q float64) float64 { return float64(h.Quantile(q)) / 1e3 }

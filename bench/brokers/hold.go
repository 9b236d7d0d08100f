package main

import (
	"context"
	"errors"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/load"
	"github.com/muster-mqtt/muster/bench/internal/proc"
	"github.com/muster-mqtt/muster/bench/internal/target"
	"github.com/muster-mqtt/muster/bench/internal/worker"
)

// held is what is known of a run with idle connections.
type held struct {
	load.Held
	before, after int64         // resident bytes of the broker
	used          meter         // to connect
	idle          time.Duration // processor time of the broker while idle
	settle        time.Duration
}

// hold measures connections that do nothing.
func (p plan) hold(ctx context.Context, k kase, nodes []target.Node) ([]float64, error) {
	n := nodes[0]
	h := held{settle: p.settle}
	before, err := read(nodes, nil)
	if err != nil {
		return nil, err
	}
	if h.before, err = proc.RSS(n.PID); err != nil {
		return nil, err
	}
	w, err := worker.Start(ctx, p.options(k, nodes))
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.End() }() // what went wrong was told before
	connected, err := read(nodes, w)
	if err != nil {
		return nil, err
	}
	h.used = connected.since(before)
	if err := pause(ctx, p.settle); err != nil {
		return nil, err
	}
	settled, err := target.CPU(nodes)
	if err != nil {
		return nil, err
	}
	h.idle = settled - connected.broker
	if h.after, err = proc.RSS(n.PID); err != nil {
		return nil, err
	}
	if err := errors.Join(w.Tell(), w.Result(&h.Held)); err != nil {
		return nil, err
	}
	return h.values(), nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// values are the metrics of idle; a KB is 1000 bytes.
func (h held) values() []float64 {
	n := float64(h.Connected)
	return []float64{
		ratio(float64(h.after-h.before)/1000, n),
		ratio(h.used.broker.Seconds()*1e4, n),
		ratio(n, float64(h.Ended-h.Started)/1e9),
		1000 * ratio(h.idle.Seconds(), h.settle.Seconds()),
		float64(h.before) / 1e6, float64(h.after) / 1e6,
		n - float64(h.Alive), h.used.others(),
	}
}

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/load"
	"github.com/muster-mqtt/muster/bench/internal/target"
)

// plan is what to measure.
type plan struct {
	binary           string
	nodes            int
	size, publishers int
	messages         uint64 // of a run at full speed, all publishers together
	rate             int    // of a latency run, all publishers together
	latency, timeout time.Duration
	grace            time.Duration // after which the rest is lost
	search           time.Duration // length of a run in the search for a rate without loss
	searches         int           // how many of them at most
	json             bool
}

// check refuses what cannot be run; the generator checks the rest.
func (p plan) check() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(p.nodes < 1 || p.nodes > target.MaxNodes, "-nodes %d: from 1 to %d", p.nodes, target.MaxNodes)
	refuse(p.size < load.MinSize, "-size %d: at least %d", p.size, load.MinSize)
	refuse(p.publishers < 1, "-publishers %d: at least 1", p.publishers)
	refuse(p.messages < uint64(max(p.publishers, 1)), "-messages %d: at least one for each publisher", p.messages)
	refuse(p.rate < 1, "-rate %d: at least 1", p.rate)
	refuse(p.latency < time.Second || p.latency >= p.timeout, "-latency %v: from 1s to less than -timeout", p.latency)
	refuse(p.timeout > 30*time.Minute, "-timeout %v: at most 30m", p.timeout)
	return errors.Join(errs...)
}

// spec is one measurement.
type spec struct {
	qos         byte
	subscribers int    // processes, at as many nodes
	rate        int    // 0: full speed
	messages    uint64 // of each publisher
	plan        plan
}

// String names the measurement in errors.
func (s spec) String() string {
	return fmt.Sprintf("QoS %d, %d subscribers, rate %d", s.qos, s.subscribers, s.rate)
}

// cases are all measurements: each QoS at full speed with one subscribing
// process and with two, and at a moderate rate for the latency.
func (p plan) cases() []spec {
	full := p.messages / uint64(p.publishers)
	var all []spec
	for qos := range byte(2) {
		all = append(all,
			spec{qos: qos, subscribers: 1, messages: full, plan: p},
			spec{qos: qos, subscribers: 2, messages: full, plan: p},
			spec{qos: qos, subscribers: 2, plan: p}.paced(p.rate, p.latency))
	}
	return all
}

// paced is the same measurement at a rate, for about a time.
func (s spec) paced(rate int, d time.Duration) spec {
	s.rate = max(rate, 1)
	s.messages = max(uint64(d.Seconds()*float64(s.rate))/uint64(s.plan.publishers), 1)
	return s
}

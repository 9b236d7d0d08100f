package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/muster-mqtt/muster/bench/internal/load"
)

// kase is one thing to measure.
type kase struct {
	name, about string
	load        load.Options // what differs between cases; a Loop or a Hold
	tls         bool
	nodes       int // of the cluster; 0: one node that is none
	metrics     []metric
}

// metric is a figure that a run gives; less is better unless it only informs.
type metric struct {
	Name    string  `json:"name"`
	Goal    float64 `json:"goal,omitempty"` // the highest that is good; 0: none
	Compare bool    `json:"-"`              // with the other brokers
	digits  int     // after the point
}

// throughput are the metrics of a Loop, in the order of loopValues.
func throughput(goal float64) []metric {
	return []metric{
		{Name: "CPU s/million", Goal: goal, Compare: true, digits: 2},
		{Name: "delivered/s"}, {Name: "lost %", digits: 1}, {Name: "doubled"}, {Name: "overtaken"},
		{Name: "p50 µs"}, {Name: "p99 µs"},
		{Name: "load's CPU s/million", digits: 2}, {Name: "others' CPU %"},
	}
}

// across are the metrics of a Loop between nodes: how many come, and how soon,
// is compared too.
func across(goal float64) []metric {
	all := throughput(goal)
	all[1].Compare = true
	return all
}

// latency are the metrics of a Loop whose rate is given.
func latency() []metric {
	all := throughput(0)
	all[5].Compare, all[6].Compare = true, true
	return all
}

// idle are the metrics of a Hold, in the order of holdValues.
func idle(memory, connects float64) []metric {
	return []metric{
		{Name: "KB/connection", Goal: memory, Compare: true, digits: 1},
		{Name: "CPU s/10,000 connects", Goal: connects, Compare: true, digits: 2},
		{Name: "connects/s"}, {Name: "CPU ms/s idle", digits: 1},
		{Name: "MB before", digits: 1}, {Name: "MB after", digits: 1}, {Name: "died"}, {Name: "others' CPU %"},
	}
}

// pairs are four publishers with a subscriber each.
func pairs(qos byte, each uint64, credit int) load.Options {
	return load.Options{Role: load.Loop, QoS: qos, Publishers: 4, Clients: 4, Own: true, Messages: each, Credit: credit, Window: max(credit, 1)}
}

// apart are four publishers at one node, and a subscriber to all of them at each
// of two others.
func apart(qos byte, each uint64, credit int) load.Options {
	return load.Options{Role: load.Loop, QoS: qos, Publishers: 4, Clients: 2, Messages: each, Credit: credit, Window: max(credit, 1)}
}

// fan is one publisher with a thousand subscribers.
func fan(messages uint64, credit int) load.Options {
	return load.Options{Role: load.Loop, Publishers: 1, Clients: 1000, Messages: messages, Credit: credit, Window: 1}
}

func paced(o load.Options, rate int) load.Options {
	o.Rate = rate
	return o
}

// cases are all there are. Sizes are such that the slowest of the brokers
// takes some twenty seconds.
var cases = []kase{
	{name: "qos0", about: "QoS 0, 4 publishers to a subscriber each, at most 1000 messages of each under way",
		load: pairs(0, 250_000, 1000), metrics: throughput(2)},
	{name: "qos0-flat", about: "the same as fast as the connections take it, with what that loses",
		load: pairs(0, 250_000, 0), metrics: throughput(2)},
	{name: "qos0-50k", about: "the same at 50,000 messages a second",
		load: paced(pairs(0, 50_000, 0), 50_000), metrics: throughput(0)},
	{name: "qos1", about: "QoS 1, clean sessions, at most 100 messages of each publisher under way",
		load: pairs(1, 75_000, 100), metrics: throughput(6)},
	{name: "qos1-20k", about: "the same at 20,000 messages a second",
		load: paced(pairs(1, 20_000, 100), 20_000), metrics: throughput(0)},
	{name: "qos2", about: "QoS 2, the same", load: pairs(2, 40_000, 100), metrics: throughput(0)},
	{name: "fanout", about: "QoS 0, 1 publisher to 1000 subscribers, at most 100 messages under way",
		load: fan(2000, 100), metrics: throughput(2.5)},
	{name: "fanout-100", about: "the same at 100 messages a second, each of which is a write for every subscriber",
		load: paced(fan(400, 0), 100), metrics: throughput(0)},
	{name: "idle", about: "connections that do nothing: memory of each, processor time to make them",
		load: load.Options{Role: load.Hold}, metrics: idle(10, 2)},
	{name: "cross-qos0", about: "three nodes, QoS 0, 4 publishers at one, a subscriber to all at each of the others, at most 1000 messages of each publisher under way",
		load: apart(0, 150_000, 1000), nodes: 3, metrics: across(3.4)},
	{name: "cross-qos1", about: "the same at QoS 1, clean sessions, at most 100 messages under way",
		load: apart(1, 25_000, 100), nodes: 3, metrics: across(10)},
	{name: "cross-qos0-5k", about: "three nodes, QoS 0, 5000 messages a second",
		load: paced(apart(0, 6_250, 0), 5000), nodes: 3, metrics: latency()},
	{name: "cross-qos1-5k", about: "the same at QoS 1",
		load: paced(apart(1, 6_250, 100), 5000), nodes: 3, metrics: latency()},
	{name: "idle-tls", about: "the same over TLS", load: load.Options{Role: load.Hold}, tls: true, metrics: idle(32, 0)},
}

// choose returns the cases of these names, all when there are none.
func choose(names []string) ([]kase, error) {
	if len(names) == 0 {
		return cases, nil
	}
	var chosen []kase
	var errs []error
	for _, name := range names {
		i := slices.IndexFunc(cases, func(c kase) bool { return c.name == name })
		if i < 0 {
			errs = append(errs, fmt.Errorf("%q is not a case", name))
			continue
		}
		chosen = append(chosen, cases[i])
	}
	return chosen, errors.Join(errs...)
}

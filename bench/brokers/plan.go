package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/reference"
	"github.com/muster-mqtt/muster/bench/internal/target"
)

// payload is the size of a payload in bytes.
const payload = 64

// spareFiles are the file descriptors that a process keeps for other things
// than connections.
const spareFiles = 200

// plan is what to measure.
type plan struct {
	binary      string
	brokers     []string
	cases       []kase
	runs        int
	scale       float64
	connections int
	settle      time.Duration
	grace       time.Duration // after which a message is lost
	timeout     time.Duration
	json        bool
}

// check refuses what cannot be run; the generator checks the rest.
func (p plan) check() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(p.runs < 1 || p.runs > 100, "-runs %d: from 1 to 100", p.runs)
	refuse(p.scale < 0.001 || p.scale > 100, "-scale %g: from 0.001 to 100", p.scale)
	refuse(p.connections < 1 || p.connections > 60_000, "-connections %d: from 1 to 60000", p.connections)
	refuse(p.settle < 0 || p.settle > time.Minute, "-settle %v: up to 1m", p.settle)
	refuse(p.timeout < p.settle+10*time.Second || p.timeout > 30*time.Minute, "-timeout %v: from 10s over -settle to 30m", p.timeout)
	for i, b := range p.brokers {
		refuse(!slices.Contains(brokerNames(), b) || slices.Contains(p.brokers[:i], b), "-brokers %q: each once of %q", b, brokerNames())
	}
	return errors.Join(errs...)
}

// raiseLimit lets this process and its children have as many files as they
// may, and cuts the connections down to that, saying so.
func (p *plan) raiseLimit(said io.Writer) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		fmt.Fprintf(said, "the limit of open files stays as it is: %v\n", err)
	}
	p.connections = fit(p.connections, limit.Max, said)
}

// fit cuts connections down to what a limit of open files allows.
func fit(connections int, limit uint64, said io.Writer) int {
	most := int(max(min(limit, 1<<20), spareFiles+1)) - spareFiles
	if connections > most {
		fmt.Fprintf(said, "only %d connections instead of %d: ulimit -n is %d\n", most, connections, limit)
	}
	return min(connections, most)
}

// contender is a broker to measure.
type contender struct {
	name  string
	alone bool // it knows no clusters
	// make returns a new one, with TLS or without, of one node or several, and
	// target.ErrAbsent when this machine does not have it.
	make func(k kase) (target.Target, error)
}

func brokerNames() []string {
	names, _ := reference.Kinds()
	return append([]string{"muster", "mosquitto"}, names...)
}

// known returns the brokers of the plan, in its order.
func known(p plan) []contender {
	all := []contender{
		{"muster", false, func(k kase) (target.Target, error) {
			return &target.Muster{Binary: p.binary, Nodes: max(k.nodes, 1), TLS: k.tls}, nil
		}},
		{"mosquitto", true, func(k kase) (target.Target, error) {
			b, err := target.Mosquitto("mosquitto", "/usr/sbin/mosquitto") // the PATH of users often lacks it
			if err != nil {
				return nil, err
			}
			b.TLS = k.tls
			return b, nil
		}},
	}
	names, versions := reference.Kinds()
	for i, name := range names {
		all = append(all, contender{name, !reference.Clusters(name), func(k kase) (target.Target, error) {
			exe, err := os.Executable()
			if err != nil {
				return nil, err
			}
			if k.nodes > 0 {
				return target.ReferenceCluster(target.Reference(exe, name, versions[i]), k.nodes), nil
			}
			b := target.Reference(exe, name, versions[i])
			b.TLS = k.tls
			return b, nil
		}})
	}
	var chosen []contender
	for _, name := range p.brokers {
		i := slices.IndexFunc(all, func(c contender) bool { return c.name == name })
		chosen = append(chosen, all[i])
	}
	return chosen
}

package abuse

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The times of the promise: a plugin is back within soon of the moment from
// which it can run, and after a storm of deaths within rest of its end.
var (
	soon = 5 * time.Second
	rest = time.Minute
)

// trials are what is done to the plugins of the victims, one after the other.
var trials = []struct {
	name string
	run  func(a *abuse, victims []*node)
}{
	{"killed", (*abuse).killed},
	{"stopped", (*abuse).stopped},
	{"without memory", (*abuse).starved},
	{"killed every second", (*abuse).stormed},
}

// Every plugin may be killed, stopped, starved of memory and killed again and
// again, on any node and on all at once: no member is lost, no message, the
// plugin is back in time, and nothing stays behind.
func TestPluginAbuse(t *testing.T) {
	for _, p := range plugins {
		t.Run(p.strategy, func(t *testing.T) {
			t.Parallel()
			if found, err := filepath.Glob(p.needs); p.needs != "" && (err != nil || len(found) == 0) {
				t.Skipf("skip: there is no %s", p.needs)
			}
			a := newAbuse(t, p)
			for _, trial := range trials {
				for _, victims := range a.victims() {
					a.what = fmt.Sprintf("%s, %d of %d nodes (%s)", trial.name, len(victims), len(a.nodes), victims[0].name)
					trial.run(a, victims)
					a.whole()
				}
			}
			a.end()
		})
	}
}

// abuse is a cluster under load whose plugins are mistreated.
type abuse struct {
	t     *testing.T
	nodes []*node
	load  *load
	what  string        // is done now
	held  [][2]int      // by node, at the start: descriptors, files
	first map[*node]int // the processes before the trial

	struck time.Time // when the plugins were last hurt
}

// newAbuse starts the cluster and the load.
func newAbuse(t *testing.T, p plugin) *abuse {
	t.Helper()
	a := &abuse{t: t, nodes: newNodes(t, 3, p.strategy), what: "start"}
	config := "{}"
	if p.backend != nil {
		config = p.backend(t, p, a.nodes)
	}
	t.Cleanup(a.stop)
	a.struck = time.Now()
	errs := make([]error, len(a.nodes))
	var all sync.WaitGroup
	for i, n := range a.nodes {
		all.Go(func() { errs[i] = n.start(config, cmp.Or(p.extra, "{}")) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	a.whole()
	a.back(a.nodes, a.struck, time.Minute)
	a.load = newLoad(t, a.nodes)
	a.load.flows() // by then every connection between the nodes is there
	for _, n := range a.nodes {
		descriptors, files := n.holdings()
		a.held = append(a.held, [2]int{descriptors, files})
	}
	return a
}

// victims are the nodes whose plugins a trial is made with, time by time.
func (a *abuse) victims() (sets [][]*node) {
	if proving() {
		for _, n := range a.nodes {
			sets = append(sets, []*node{n})
		}
	}
	return append(sets, a.nodes)
}

// whole waits until every node sees all as running.
func (a *abuse) whole() {
	a.t.Helper()
	var names []string
	for _, n := range a.nodes {
		names = append(names, "'"+n.name+"'")
	}
	want := "Cluster status: [{running_nodes,[" + strings.Join(names, ",") + "]}]"
	for _, n := range a.nodes {
		until(a.t, time.Now(), time.Minute, func() string {
			if got := n.muster("cluster", "status"); got != want {
				return a.what + ": " + n.name + " says " + got
			}
			return ""
		})
	}
}

// remember keeps which processes the plugins are, and lets their hosts forget
// what the trial before has done to them.
func (a *abuse) remember(victims []*node) {
	a.t.Helper()
	a.first = map[*node]int{}
	for _, n := range victims {
		a.enable(n)
		a.first[n] = n.plugin().PID
	}
}

func (a *abuse) enable(n *node) {
	a.t.Helper()
	if out := n.muster("discovery", "enable", n.strategy); out != "Enabled discovery strategy "+n.strategy+"." {
		a.t.Errorf("enable says %q", out)
	}
}

// back waits until other processes than those of before are at work, which
// could run since then, and have answered since they were struck last.
func (a *abuse) back(victims []*node, canRun time.Time, within time.Duration) {
	a.t.Helper()
	took := until(a.t, canRun, within, func() string {
		var ails []string
		for _, n := range victims {
			if still := n.ails(a.first[n], a.struck, len(a.nodes)); still != "" {
				ails = append(ails, still)
			}
		}
		return words(ails)
	})
	a.t.Logf("%s: back after %s", a.what, took.Round(time.Millisecond))
}

// strike kills the plugins, whatever they are at.
func (a *abuse) strike(victims []*node) {
	a.struck = time.Now()
	for _, n := range victims {
		n.signal(syscall.SIGKILL)
	}
}

func (a *abuse) killed(victims []*node) {
	a.remember(victims)
	a.strike(victims)
	a.back(victims, a.struck, soon)
}

// stopped keeps every process of the plugin from running, also those that the
// host starts in its place, and lets them go on then. The host kills and
// replaces what hangs by itself.
func (a *abuse) stopped(victims []*node) {
	a.remember(victims)
	a.struck = time.Now()
	during(lasting(15*time.Second, time.Minute), 20*time.Millisecond, func() {
		for _, n := range victims {
			n.signal(syscall.SIGSTOP)
		}
	})
	for _, n := range victims {
		if pid := a.first[n]; slices.Contains(n.children(), pid) {
			a.t.Errorf("%s: %s still has the plugin that was stopped, %d", a.what, n.name, pid)
		}
	}
	canRun := time.Now()
	for _, n := range victims {
		n.signal(syscall.SIGCONT)
	}
	a.back(victims, canRun, soon)
}

// starved ends the plugins, and leaves too little memory for new ones.
func (a *abuse) starved(victims []*node) {
	a.remember(victims)
	restarts := map[*node]int{}
	for _, n := range victims {
		restarts[n] = n.plugin().Restarts
		if err := os.WriteFile(n.limit, nil, 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	a.strike(victims)
	vain := 1
	if proving() {
		vain = 3
	}
	until(a.t, time.Now(), time.Minute, func() string {
		for _, n := range victims {
			if p := n.plugin(); p.State == "ready" || p.Restarts <= restarts[n]+vain || p.LastError == "" {
				return fmt.Sprintf("%s: %s: starts in vain: the plugin is %+v", a.what, n.name, p)
			}
		}
		return ""
	})
	canRun := time.Now()
	for _, n := range victims {
		if err := os.Remove(n.limit); err != nil {
			a.t.Fatal(err)
		}
	}
	a.back(victims, canRun, soon)
}

// stormed kills the plugins every second. Their hosts give them a rest then; a
// single one comes back by itself, those of all nodes by an operator's word.
func (a *abuse) stormed(victims []*node) {
	a.remember(victims)
	during(lasting(5*time.Second, time.Minute), time.Second, func() { a.strike(victims) })
	over := time.Now()
	if len(victims) < len(a.nodes) {
		a.t.Logf("%s: at the end of the storm: %+v", a.what, victims[0].plugin())
		a.back(victims, over, rest)
		return
	}
	for _, n := range victims {
		a.enable(n)
	}
	a.back(victims, time.Now(), soon)
}

// end checks what must not have changed, and that nothing stays behind.
func (a *abuse) end() {
	a.t.Helper()
	a.what = "end"
	a.load.settle()
	a.whole()
	until(a.t, time.Now(), time.Minute, a.leaks)
	for _, n := range a.nodes {
		for line := range strings.Lines(n.Log()) {
			if strings.Contains(line, "member changed") && (strings.Contains(line, "to=failed") || strings.Contains(line, "to=left")) {
				a.t.Errorf("%s has lost a member: %s", n.name, line)
			}
		}
	}
	a.load.end()
	a.stop()
	if pids := everywhere(a.nodes[0].strategy); len(pids) > 0 {
		a.t.Errorf("the plugins %v outlive their nodes", pids)
	}
}

// leaks says what there is more of than at the start: orphans, children,
// descriptors or files.
func (a *abuse) leaks() string {
	var more []string
	var own []int
	for i, n := range a.nodes {
		children := n.children()
		own = append(own, children...)
		descriptors, files := n.holdings()
		if len(children) != 1 || descriptors > a.held[i][0] || files > a.held[i][1] {
			more = append(more, fmt.Sprintf("%s has the children %v, %d descriptors and %d files; at the start %v",
				n.name, children, descriptors, files, a.held[i]))
		}
	}
	slices.Sort(own)
	if all := everywhere(a.nodes[0].strategy); !slices.Equal(all, own) {
		more = append(more, fmt.Sprintf("plugins %v run, of which %v are the nodes' own", all, own))
	}
	return words(more)
}

func (a *abuse) stop() {
	for _, n := range a.nodes {
		n.stop()
	}
}

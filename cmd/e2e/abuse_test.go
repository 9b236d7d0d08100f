package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// abuse is a cluster of three whose plugins are mistreated while a publisher
// at the first node and a subscriber at the third look for lost messages.
type abuse struct {
	t     *testing.T
	nodes []*node
	limit string // while this file is there, the plugin has no memory to start
	stop  chan struct{}
	sent  chan int
	sub   *client
	files []int // descriptors of each node at the start
}

// newAbuse starts the cluster and the load.
func newAbuse(t *testing.T) *abuse {
	a := &abuse{t: t, limit: filepath.Join(t.TempDir(), "limit"), stop: make(chan struct{}), sent: make(chan int, 1)}
	starved := filepath.Join(t.TempDir(), "plugin")
	text := fmt.Sprintf("#!/bin/sh\n[ -e %s ] && ulimit -v 20000\nexec %s/plugins/muster-discovery-static \"$@\"\n", a.limit, bin)
	if err := os.WriteFile(starved, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	a.nodes = cluster(t, 3, fmt.Sprintf("cluster.plugins.static.path = %q", starved))
	one(t, a.nodes, nil)
	for _, n := range a.nodes {
		a.back(n, 0, 10*time.Second)
		a.files = append(a.files, n.descriptors())
	}
	a.sub = a.nodes[2].connect("abuse-sub").sub("abuse/#")
	pub := a.nodes[0].connect("abuse-pub")
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		n := 0
		for {
			select {
			case <-a.stop:
				a.sent <- n
				return
			case <-tick.C:
				pub.pub("abuse/x", strconv.Itoa(n), 1)
				n++
			}
		}
	}()
	return a
}

// end stops the load and checks what must not have changed.
func (a *abuse) end() {
	a.t.Helper()
	close(a.stop)
	sent := <-a.sent
	for i := range sent {
		a.sub.next("abuse/x=" + strconv.Itoa(i))
	}
	a.t.Logf("%d messages, none lost", sent)
	one(a.t, a.nodes, nil)
	for i, n := range a.nodes {
		if lines := n.logged("member changed", "to=failed"); len(lines) > 0 {
			a.t.Errorf("%s has lost a member: %s", n.name, lines[0])
		}
		if now := n.descriptors(); now > a.files[i]+10 {
			a.t.Errorf("%s has %d descriptors, %d at the start", n.name, now, a.files[i])
		}
	}
}

// back waits until the plugin of n is another process than old, at work.
func (a *abuse) back(n *node, old int, within time.Duration) int {
	a.t.Helper()
	var p plugin
	took := until(a.t, within, "a plugin at work again", func() bool {
		p = n.plugin()
		return p.State == "ready" && p.PID != 0 && p.PID != old
	})
	if old != 0 {
		a.t.Logf("%s: back after %v", n.name, took.Round(time.Millisecond))
		until(a.t, 5*time.Second, "the end of the old plugin", func() bool { return !runs(old) })
	}
	return p.PID
}

func (a *abuse) signal(pid int, s syscall.Signal) {
	a.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		a.t.Fatal(err)
	}
}

// A plugin may be killed, stopped, starved of memory and killed again and
// again: no member is lost and no message, and the plugin is back in time.
func TestPluginAbuse(t *testing.T) {
	t.Parallel()
	a := newAbuse(t)
	for _, n := range a.nodes {
		pid := n.plugin().PID
		a.signal(pid, syscall.SIGKILL)
		a.back(n, pid, 5*time.Second)
	}
	a.suspended()
	a.starved()
	a.storm()
	a.end()
}

// suspended stops a plugin: the host finds that out by itself and replaces it.
func (a *abuse) suspended() {
	n := a.nodes[1]
	pid := n.plugin().PID
	a.signal(pid, syscall.SIGSTOP)
	cont := time.Duration(trials(2, 60)) * time.Second
	a.back(n, pid, 20*time.Second) // killed by its host, since it hangs
	timer := time.NewTimer(cont)
	defer timer.Stop()
	<-timer.C // the load goes on meanwhile
}

// starved ends a plugin, and lets no new one start for want of memory.
func (a *abuse) starved() {
	n := a.nodes[2]
	if err := os.WriteFile(a.limit, nil, 0o600); err != nil {
		a.t.Fatal(err)
	}
	pid := n.plugin().PID
	a.signal(pid, syscall.SIGKILL)
	until(a.t, 20*time.Second, "three starts in vain", func() bool {
		p := n.plugin()
		return p.State != "ready" && p.Restarts >= 3
	})
	if err := os.Remove(a.limit); err != nil {
		a.t.Fatal(err)
	}
	a.back(n, pid, 6*time.Second) // 5 s, and the start
}

// storm kills a plugin whenever it runs, until its host gives it a long rest;
// an operator ends that.
func (a *abuse) storm() {
	n := a.nodes[0]
	last := a.broken(n)
	if trials(0, 1) > 0 { // without an operator it takes a minute
		a.back(n, last, 65*time.Second)
		last = a.broken(n)
	}
	if out := n.muster("discovery", "enable", "static"); out != "Enabled discovery strategy static.\n" {
		a.t.Errorf("enable says %q", out)
	}
	a.back(n, last, 5*time.Second)
}

// broken kills the plugin of n until its host does not start it at once any
// more, and returns the last one.
func (a *abuse) broken(n *node) (last int) {
	a.t.Helper()
	until(a.t, 90*time.Second, "the broken circuit", func() bool {
		p := n.plugin()
		if p.PID != 0 {
			last = p.PID
			_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may just have ended
		}
		return p.State == "broken"
	})
	return last
}

// The operator's commands, against real processes.
func TestDiscoveryCommands(t *testing.T) {
	nodes := cluster(t, 2, "")
	one(t, nodes, nil)
	n := nodes[0]
	if out := n.muster("discovery", "status"); !strings.Contains(out, "static") || !strings.Contains(out, "ready") {
		t.Errorf("status:\n%s", out)
	}
	out := n.muster("discovery", "test", "static")
	for _, x := range nodes {
		if !strings.Contains(out, fmt.Sprint("127.0.0.1:", x.port)) {
			t.Errorf("test does not show %s:\n%s", x.name, out)
		}
	}
	pid := n.plugin().PID
	n.muster("discovery", "disable", "static")
	until(t, 10*time.Second, "the end of the plugin", func() bool { return n.plugin().State == "disabled" && !runs(pid) })
	if _, errs, status := n.try("discovery", "test", "static"); status != 1 || !strings.Contains(errs, "disabled") {
		t.Errorf("test of a disabled strategy: %d, %q", status, errs)
	}
	one(t, nodes, nil) // no plugin's end removes a member
	n.muster("discovery", "enable", "static")
	until(t, 5*time.Second, "the plugin", func() bool { return n.plugin().State == "ready" })
	for _, args := range [][]string{{"discovery", "test", "nope"}, {"discovery", "unclaim"}} {
		if _, errs, status := n.try(args...); status != 1 || errs == "" {
			t.Errorf("%v: %d, %q", args, status, errs)
		}
	}
}

// The cookie is in no argument, environment, log or crash of a plugin.
func TestNoSecretLeavesTheNode(t *testing.T) {
	n := newNodes(t, 1, "log.level = debug")[0]
	n.env = []string{"MUSTER_NODE__COOKIE=the-cookie-of-the-end-to-end-tests", "SOME_SECRET=s3cret-environment"}
	n.start()
	n.waitReady()
	until(t, 10*time.Second, "the plugin", func() bool { return n.plugin().State == "ready" })
	pid := n.plugin().PID
	seen := map[string]string{}
	for _, file := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil {
			t.Fatal(err)
		}
		seen[file] = string(text)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil { // a Go program prints all its stacks
		t.Fatal(err)
	}
	until(t, 10*time.Second, "a new plugin", func() bool { p := n.plugin(); return p.State == "ready" && p.PID != pid })
	seen["the log"] = n.output()
	if !strings.Contains(seen["the log"], "goroutine") {
		t.Error("the crash is not in the log")
	}
	for where, text := range seen {
		for _, secret := range []string{"the-cookie-of-the-end-to-end-tests", "s3cret-environment"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", secret, where)
			}
		}
	}
}

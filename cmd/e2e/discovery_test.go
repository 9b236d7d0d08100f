package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// The operator's commands, against real processes.
func TestDiscoveryCommands(t *testing.T) {
	nodes := cluster(t, 2, "")
	one(t, nodes, nil)
	n := nodes[0]
	pid := n.readyPlugin(0).PID // the cluster may have formed by the other node's alone
	if out := n.muster("discovery", "status"); !strings.Contains(out, "static") || !strings.Contains(out, "ready") {
		t.Errorf("status:\n%s", out)
	}
	out := n.muster("discovery", "test", "static")
	for _, x := range nodes {
		if !strings.Contains(out, fmt.Sprint("127.0.0.1:", x.port)) {
			t.Errorf("test does not show %s:\n%s", x.name, out)
		}
	}
	n.muster("discovery", "disable", "static")
	until(t, patience, "the end of the plugin", func() bool { return n.plugin().State == "disabled" && !runs(pid) })
	if _, errs, status := n.try("discovery", "test", "static"); status != 1 || !strings.Contains(errs, "disabled") {
		t.Errorf("test of a disabled strategy: %d, %q", status, errs)
	}
	one(t, nodes, nil) // no plugin's end removes a member
	n.muster("discovery", "enable", "static")
	until(t, patience, "the plugin", func() bool { return n.plugin().State == "ready" })
	for _, args := range [][]string{{"discovery", "test", "nope"}, {"discovery", "unclaim"}} {
		if _, errs, status := n.try(args...); status != 1 || errs == "" {
			t.Errorf("%v: %d, %q", args, status, errs)
		}
	}
}

// The status is that of the moment of the question: a plugin that hangs is
// found out by it, which would take its host some seconds.
func TestDiscoveryStatusIsOfNow(t *testing.T) {
	n := cluster(t, 1, "")[0]
	until(t, patience, "the plugin", func() bool { return n.plugin().State == "ready" })
	pid := n.plugin().PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, patience, "the halt", func() bool { return strings.Contains(proc(t, pid, "stat"), ") T ") })
	if out := n.muster("discovery", "status"); !strings.Contains(out, "hangs") {
		t.Errorf("status:\n%s", out)
	}
	until(t, patience, "another plugin", func() bool { p := n.plugin(); return p.State == "ready" && p.PID != pid })
	if out := n.muster("discovery", "status"); !strings.Contains(out, "ready") {
		t.Errorf("status:\n%s", out)
	}
}

// The cookie is in no argument, environment, log or crash of a plugin.
func TestNoSecretLeavesTheNode(t *testing.T) {
	n := newNodes(t, 1, "log.level = debug")[0]
	n.env = []string{"MUSTER_NODE__COOKIE=the-cookie-of-the-end-to-end-tests", "SOME_SECRET=s3cret-environment"}
	n.start()
	n.waitReady()
	until(t, patience, "the plugin", func() bool { return n.plugin().State == "ready" })
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
	until(t, patience, "a new plugin", func() bool { p := n.plugin(); return p.State == "ready" && p.PID != pid })
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

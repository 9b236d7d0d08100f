package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// statusOf returns the status that the node gives another in its members.
func (n *node) statusOf(other *node) string {
	n.t.Helper()
	var all struct {
		Members []struct{ Name, Status string }
	}
	if err := json.Unmarshal([]byte(n.muster("members", "--json")), &all); err != nil {
		n.t.Fatal(err)
	}
	for _, m := range all.Members {
		if m.Name == other.name {
			return m.Status
		}
	}
	return "absent"
}

// sockets returns the sockets, and what is in the run directory, of a node.
func (n *node) sockets() (left []string) {
	n.t.Helper()
	err := filepath.WalkDir(n.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && (e.Type()&fs.ModeSocket != 0 || strings.Contains(path, "/run/")) {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return left
}

// SIGTERM and Ctrl-C stop a node in order: the others show it as left at
// once, the status is 0, and neither a plugin nor a socket stays.
func TestSignals(t *testing.T) {
	nodes := cluster(t, 3, "")
	last := nodes[2]
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := last.readyPlugin(0)
		c := last.connect("cut off in order")
		if err := last.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		<-last.ended
		for _, n := range nodes[:2] {
			took := until(t, time.Second, n.name+" shows it as left", func() bool { return n.statusOf(last) == "left" })
			t.Logf("%s: left %s after the end of the process", sig, took)
		}
		one(t, nodes[:2], nodes[2:])
		if status := last.cmd.ProcessState.ExitCode(); status != 0 || !strings.HasSuffix(strings.TrimSpace(last.output()), "msg=stopping") {
			t.Errorf("%s: status %d, log:\n%s", sig, status, last.output())
		}
		if runs(p.PID) {
			t.Errorf("%s: the plugin %d still runs", sig, p.PID)
		}
		if left := last.sockets(); len(left) > 0 {
			t.Errorf("%s: left behind: %v", sig, left)
		}
		select {
		case <-c.lost:
		case <-time.After(patience):
			t.Errorf("%s: the client was not told", sig)
		}
		last.start()
		last.waitReady()
		one(t, nodes, nil)
	}
}

// A detached node is ready when the command returns, and `muster stop` ends
// it.
func TestDetachAndStop(t *testing.T) {
	n := newNodes(t, 1, "")[0]
	file := n.write()
	r := command(t, nil, "start", "-c", file, "--detach")
	if r.status != 0 || r.errs != "" || !strings.HasPrefix(r.out, n.name+" is ready: ") || strings.Count(r.out, "\n") != 1 {
		t.Fatalf("start --detach: %+v", r)
	}
	t.Cleanup(func() { command(t, nil, "stop", "-c", file) })
	p := n.readyPlugin(0)
	c := n.connect("of a detached node").sub("x")
	c.pub("x", "1", 1)
	c.next("x=1")
	command(t, nil, "start", "-c", file, "--detach").refused(t, 1, "another node runs", "stop it first")
	log, err := os.ReadFile(filepath.Join(n.dir, "muster.log"))
	if err != nil || !strings.Contains(string(log), "plugin ready") {
		t.Errorf("muster.log: %q, %v", log, err)
	}
	if r := command(t, nil, "stop", "-c", file); r.status != 0 || r.out != "Stop the node successfully.\n" {
		t.Errorf("stop: %+v", r)
	}
	if runs(p.PID) {
		t.Errorf("the plugin %d still runs", p.PID)
	}
	if left := n.sockets(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	command(t, nil, "stop", "-c", file).refused(t, 1, "no node answers", "is it running?")
	n.start() // nobody holds the directory or a port any more
	n.waitReady()
}

// A detached node that cannot start is as one in the foreground: one line,
// which names the log too.
func TestDetachRefused(t *testing.T) {
	busy := taken(t)
	n := newNodes(t, 1, "")[0]
	r := command(t, nil, "start", "-c", n.write(), "--detach", "--set", fmt.Sprint("node.port=", busy))
	r.refused(t, 1, fmt.Sprintf("port %d is in use", busy), "node.port", filepath.Join(n.dir, "muster.log"))
	if r.took > 2*time.Second {
		t.Errorf("it took %s", r.took)
	}
	n.start()
	n.waitReady()
}

// SIGKILL of a node leaves no plugin, and the next start on what it left
// works.
func TestKilledNodeLeavesNoPlugin(t *testing.T) {
	n := newNodes(t, 1, "")[0]
	for range trials(2, 20) {
		n.start()
		n.waitReady()
		p := n.readyPlugin(0)
		n.kill()
		took := until(t, 2*time.Second, "the end of the plugin", func() bool { return !runs(p.PID) })
		t.Logf("the plugin ended %s after its node", took)
	}
	n.start()
	n.waitReady()
	n.readyPlugin(0)
	n.stop()
	if left := n.sockets(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// SIGKILL of a plugin: it comes back, and neither the members nor a publisher
// notices.
func TestKilledPlugin(t *testing.T) {
	nodes := cluster(t, 3, "")
	before := ""
	until(t, patience, "the records of all members", func() bool {
		before = nodes[1].get("/v1/members")
		return strings.Count(before, `"joined"`) == len(nodes)
	})
	sub, pub := nodes[2].connect("sub").sub("x"), nodes[0].connect("pub")
	for i := range trials(2, 8) {
		p := nodes[0].readyPlugin(0)
		if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		pub.pub("x", fmt.Sprint(i), 1)
		sub.next(fmt.Sprint("x=", i))
		now := nodes[0].readyPlugin(p.PID)
		if now.Restarts != i+1 || !strings.Contains(now.LastError, "killed") {
			t.Errorf("the plugin is %+v after %d deaths", now, i+1)
		}
		if lines := nodes[0].logged("the plugin is down"); len(lines) != i+1 {
			t.Errorf("%d deaths, %d lines:\n%s", i+1, len(lines), nodes[0].output())
		}
	}
	if after := nodes[1].get("/v1/members"); after != before {
		t.Errorf("the members have changed: %s\n%s", before, after)
	}
	one(t, nodes, nil)
}

//go:build linux

package mcast

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/lab"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == attackerWord {
		os.Exit(attack(os.Args[2:]))
	}
	os.Exit(lab.Main(m))
}

// build builds the programs into a directory of the test.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for out, pkg := range map[string]string{"muster": "../../muster", "plugins/muster-discovery-mcast": "../../../plugins/mcast"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(bin, out), ".")
		cmd.Dir = pkg
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, text)
		}
	}
	return bin
}

// node is one process of muster on a host of its own.
type node struct {
	t         *testing.T
	bin       string
	name, dir string
	cmd       *exec.Cmd

	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes what the node logs.
func (n *node) Write(text []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.Write(text)
}

func (n *node) logged() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.String()
}

// start starts a node on a host; it ends with the test. No node is told of
// another.
func start(t *testing.T, bin string, h *lab.Host, number int, set ...string) *node {
	t.Helper()
	n := &node{t: t, bin: bin, name: fmt.Sprintf("n%d@%s", number, h.Addr()), dir: filepath.Join(t.TempDir(), fmt.Sprint(number))}
	args := []string{"start", "--node", n.name, "--data-dir", n.dir,
		"--set", "node.cookie = the-cookie-of-the-mcast-tests", "--set", "cluster.discovery_strategy = mcast", "--set", "listeners.tcp.default.enable = off"}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	n.cmd = h.Command(filepath.Join(bin, "muster"), args...)
	n.cmd.Stderr = n
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.stop)
	return n
}

func (n *node) stop() {
	force := time.AfterFunc(time.Minute, func() { _ = n.cmd.Process.Kill() })
	defer force.Stop()
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	if err := n.cmd.Wait(); err != nil {
		n.t.Errorf("%s: %v", n.name, err)
	}
	if n.t.Failed() {
		n.t.Logf("%s:\n%s", n.name, n.logged())
	}
}

// muster asks the node over its unix socket, which crosses the namespaces.
func (n *node) muster(args ...string) string {
	out, _ := exec.Command(filepath.Join(n.bin, "muster"), append(args, "--data-dir", n.dir)...).CombinedOutput()
	return strings.TrimSpace(string(out))
}

// one waits until each of the nodes sees them all as running and nobody else.
func one(t *testing.T, nodes ...*node) {
	t.Helper()
	var names []string
	for _, n := range nodes {
		names = append(names, "'"+n.name+"'")
	}
	want := "Cluster status: [{running_nodes,[" + strings.Join(names, ",") + "]}]"
	for _, n := range nodes {
		until(t, n.name+" sees "+want, func() bool { return n.muster("cluster", "status") == want })
	}
}

// until waits for a state of other processes, which have no event to wait for.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("it does not come about: %s", what)
		}
	}
}

// plugin is what the process of the node's plugin has used: CPU time, and
// resident memory in KB.
func (n *node) plugin() (cpu time.Duration, rss int) {
	n.t.Helper()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", n.cmd.Process.Pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for pid := range strings.FieldsSeq(string(text)) {
			status, _ := os.ReadFile("/proc/" + pid + "/status")
			_, after, _ := strings.Cut(string(status), "VmRSS:")
			_, _ = fmt.Sscan(after, &rss)
			stat, _ := os.ReadFile("/proc/" + pid + "/stat")
			_, after, _ = strings.Cut(string(stat), ") ")
			if fields := strings.Fields(after); len(fields) > 12 { // utime and stime, proc_pid_stat(5)
				var user, system time.Duration
				_, _ = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
				return (user + system) * 10 * time.Millisecond, rss
			}
		}
	}
	n.t.Fatalf("%s has no plugin", n.name)
	return 0, 0
}

package abuse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// node is one process of muster, whose plugin can be kept from its memory.
type node struct {
	*solo.Node
	t         *testing.T
	name, dir string
	strategy  string
	port      int    // for other nodes
	limit     string // while this file is there, no plugin has the memory to start
	stopped   bool
}

// newNodes returns nodes that are not started, of one strategy.
func newNodes(t *testing.T, count int, strategy string) (nodes []*node) {
	t.Helper()
	root := t.TempDir()
	for i := range count {
		dir := filepath.Join(root, strconv.Itoa(i+1))
		nodes = append(nodes, &node{
			t: t, name: fmt.Sprintf("n%d@127.0.0.1", i+1), dir: dir, strategy: strategy,
			port: kit.Ports(t, 1)[0], limit: dir + ".limit",
		})
	}
	return nodes
}

// start starts the node and returns when it serves; it ends with the test.
func (n *node) start(config, extra string) error {
	wrapper := filepath.Join(filepath.Dir(n.dir), "wrapped-"+filepath.Base(n.dir)+"-"+program(n.strategy))
	text := fmt.Sprintf("#!/bin/sh\n[ -e %s ] && ulimit -v 20000\nexec %s \"$@\"\n", n.limit, bin.Path(n.strategy))
	if err := os.WriteFile(wrapper, []byte(text), 0o700); err != nil {
		return err
	}
	var err error
	n.Node, err = solo.Start(bin.Path("muster"), n.dir, fmt.Sprintf(`
		node { name = "%s", port = %d, cookie = "the-cookie-of-the-abused-plugins" }
		cluster { name = %s, discovery_strategy = %s, bootstrap_expect = 0, plugins.%[4]s.path = "%s" }
		cluster.%[4]s = %[6]s
		cluster.%[4]s = %[7]s
		listeners.ws.default.enable = off`, n.name, n.port, clusterName, n.strategy, wrapper, config, extra))
	return err
}

// stop ends the node, once.
func (n *node) stop() {
	if n.Node == nil || n.stopped {
		return
	}
	n.stopped = true
	if err := n.Stop(); err != nil {
		n.t.Error(err)
	}
}

// get asks the admin socket.
func (n *node) get(path string, into any) {
	n.t.Helper()
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(n.dir, "muster.sock"))
	}}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr, Timeout: time.Minute}).Get("http://localhost" + path)
	if err == nil {
		defer res.Body.Close()
		err = json.NewDecoder(res.Body).Decode(into)
	}
	if err != nil {
		n.t.Fatalf("%s: %s: %v\n%s", n.name, path, err, n.Log())
	}
}

// pluginRow is what GET /v1/plugins says of the only plugin.
type pluginRow struct {
	PID       int    `json:"pid"`
	State     string `json:"state"`
	Restarts  int    `json:"restarts"`
	LastError string `json:"last_error"`
}

func (n *node) plugin() pluginRow {
	n.t.Helper()
	var all struct{ Plugins []pluginRow }
	if n.get("/v1/plugins", &all); len(all.Plugins) != 1 {
		n.t.Fatalf("%s has the plugins %+v", n.name, all)
	}
	return all.Plugins[0]
}

// strategyRow is what GET /v1/discovery says of the only strategy.
type strategyRow struct {
	State        string    `json:"state"`
	Capabilities []string  `json:"capabilities"`
	LastAnswer   time.Time `json:"last_answer"`
	Candidates   int       `json:"candidates"`
	Backend      string    `json:"backend"`
	Registration string    `json:"registration"`
}

func (n *node) discovery() strategyRow {
	n.t.Helper()
	var all struct{ Strategies []strategyRow }
	if n.get("/v1/discovery", &all); len(all.Strategies) != 1 {
		n.t.Fatalf("%s has the strategies %+v", n.name, all)
	}
	return all.Strategies[0]
}

// ails says what the plugin lacks to be at work again: another process than
// old, which has answered after since, knows all nodes, and has the node
// entered at the backend where it can. Empty: nothing.
func (n *node) ails(old int, since time.Time, nodes int) string {
	p := n.plugin()
	if p.State != "ready" || p.PID == 0 || p.PID == old {
		return fmt.Sprintf("%s: the plugin is %+v", n.name, p)
	}
	s := n.discovery()
	entered := !slices.Contains(s.Capabilities, "register") || s.Registration == "registered"
	if s.State != "ready" || s.Backend != "ok" || !s.LastAnswer.After(since) || s.Candidates != nodes || !entered {
		return fmt.Sprintf("%s: the strategy is %+v", n.name, s)
	}
	return ""
}

// muster runs a command against the node and returns what it prints.
func (n *node) muster(args ...string) string {
	n.t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(bin.Path("muster"), append(args, "--data-dir", n.dir)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		n.t.Fatalf("%s: muster %v: %v\n%s", n.name, args, err, out.String())
	}
	return strings.TrimSpace(out.String())
}

// children are the processes that the node has started, zombies included.
func (n *node) children() (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", n.PID()))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// signal sends a signal to every process of the plugin, or of the wrapper that
// becomes it. One that has not executed yet is left alone: stopped there, it
// would hold the fork of the node, which no plugin can do.
func (n *node) signal(s syscall.Signal) {
	for _, pid := range n.children() {
		if strings.Contains(argv(pid), program(n.strategy)) {
			_ = syscall.Kill(pid, s) // it may just have ended
		}
	}
}

// argv is the command of a process, empty for one that has ended.
func argv(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.ReplaceAll(string(text), "\x00", " ")
}

// everywhere are all processes of a strategy's plugin, whoever started them.
func everywhere(strategy string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && strings.Contains(argv(pid), bin.Path(strategy)) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// holdings are what a plugin that comes and goes may leave behind in its node:
// descriptors, and files in the run directory.
func (n *node) holdings() (descriptors, files int) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.PID()))
	if err != nil {
		n.t.Fatal(err)
	}
	_ = filepath.WalkDir(filepath.Join(n.dir, "run"), func(string, os.DirEntry, error) error {
		files++
		return nil
	})
	return len(open), files
}

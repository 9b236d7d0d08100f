package etcd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// bin is where TestMain has built the programs.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "muster-etcd-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	for out, pkg := range map[string]string{
		"muster": "../../muster", "plugins/muster-discovery-etcd": "../../../plugins/etcd", "fixture": "../../../plugins/etcd/fixture",
	} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, out), ".")
		build.Dir = pkg
		if text, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", pkg, err, text)
			return 1
		}
	}
	return m.Run()
}

const clusterName = "mustercl"

// backend is an etcd in a process of its own, run by the fixture of the suite.
type backend struct {
	t      *testing.T
	dir    string
	config string // of the plugin, JSON
}

// contents are what the backend holds.
type contents struct{ Entries, Claims []string }

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{t: t, dir: t.TempDir()}
	t.Cleanup(func() { b.do("down") })
	var up struct{ Config json.RawMessage }
	if err := json.Unmarshal([]byte(b.do("up")), &up); err != nil {
		t.Fatal(err)
	}
	b.config = string(up.Config)
	return b
}

func (b *backend) do(args ...string) string {
	b.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, "fixture"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "FIXTURE_CLUSTER="+clusterName)
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("fixture %v: %v: %s", args, err, stderr.String())
	}
	return stdout.String()
}

func (b *backend) inspect() (c contents) {
	b.t.Helper()
	if err := json.Unmarshal([]byte(b.do("inspect")), &c); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// node is one process of muster.
type node struct {
	*solo.Node
	t         *testing.T
	name, dir string
}

// start starts the node numbered i and returns when it serves; it ends with
// the test.
func (b *backend) start(root string, i int) (*node, error) {
	n := &node{t: b.t, name: fmt.Sprintf("n%d@127.0.0.1", i), dir: filepath.Join(root, fmt.Sprint(i))}
	var err error
	n.Node, err = solo.Start(filepath.Join(bin, "muster"), n.dir, fmt.Sprintf(`
		node { name = "%s", cookie = "the-cookie-of-the-tests-with-etcd" }
		cluster { name = %s, discovery_strategy = etcd, bootstrap_expect = 0, etcd = %s, etcd.node_ttl = 3s }
		listeners.ws.default.enable = off`, n.name, clusterName, b.config))
	return n, err
}

// startAll starts nodes at once.
func (b *backend) startAll(root string, numbers ...int) []*node {
	b.t.Helper()
	type started struct {
		n   *node
		err error
	}
	all := make(chan started, len(numbers))
	for _, i := range numbers {
		go func() {
			n, err := b.start(root, i)
			all <- started{n, err}
		}()
	}
	nodes := make([]*node, len(numbers))
	for range numbers {
		s := <-all
		if s.err != nil {
			b.t.Error(s.err)
			continue
		}
		b.t.Cleanup(func() {
			if err := s.n.Stop(); err != nil {
				b.t.Error(err)
			}
		})
		for i, number := range numbers {
			if s.n.name == fmt.Sprintf("n%d@127.0.0.1", number) {
				nodes[i] = s.n
			}
		}
	}
	if b.t.Failed() {
		b.t.FailNow()
	}
	return nodes
}

// muster runs a command against the node and returns what it prints.
func (n *node) muster(args ...string) string {
	out, _ := exec.Command(filepath.Join(bin, "muster"), append(args, "--data-dir", n.dir)...).CombinedOutput()
	return strings.TrimSpace(string(out))
}

// until waits for a state of other processes, which have no event to wait for.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("it does not come about: %s", what)
		}
	}
}

// one waits until each node sees them all as running and nobody else.
func one(t *testing.T, nodes ...*node) {
	t.Helper()
	var names []string
	for _, n := range nodes {
		names = append(names, "'"+n.name+"'")
	}
	want := "Cluster status: [{running_nodes,[" + strings.Join(names, ",") + "]}"
	for _, n := range nodes {
		until(t, n.name+": "+want+"\n"+n.Log(), func() bool { return strings.HasPrefix(n.muster("cluster", "status"), want) })
	}
}

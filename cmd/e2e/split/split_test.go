//go:build linux

package split

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/lab"
)

var bin string

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == clientWord {
		os.Exit(beClient(os.Args[2], os.Args[3:]))
	}
	os.Exit(lab.Main(m))
}

// build builds the programs once.
func build(t *testing.T) {
	t.Helper()
	bin = t.TempDir()
	if _, err := kit.Build(bin, "static"); err != nil {
		t.Fatal(err)
	}
}

// node is one process of muster on a host of its own.
type node struct {
	t    *testing.T
	name string
	dir  string
	log  bytes.Buffer
}

// startNode starts a node on host i; each of set is one more setting.
func startNode(t *testing.T, l *lab.Lab, i int, set ...string) *node {
	t.Helper()
	var seeds []string
	for j, h := range l.Hosts {
		seeds = append(seeds, fmt.Sprintf("n%d@%s", j+1, h.Addr()))
	}
	n := &node{t: t, name: seeds[i], dir: filepath.Join(t.TempDir(), fmt.Sprint(i))}
	set = append(set, "node.cookie = the-cookie-of-the-split-test", "cluster.discovery_strategy = static",
		`cluster.static.seeds = ["`+strings.Join(seeds, `", "`)+`"]`)
	args := []string{"start", "--node", n.name, "--data-dir", n.dir}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	cmd := l.Hosts[i].Command(filepath.Join(bin, "muster"), args...)
	cmd.Stderr = &n.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", n.name, err)
		}
		if t.Failed() {
			t.Logf("%s:\n%s", n.name, n.log.String())
		}
	})
	return n
}

// muster asks the node over its unix socket, which crosses the namespaces.
func (n *node) muster(args ...string) string {
	out, err := exec.Command(filepath.Join(bin, "muster"), append(args, "--data-dir", n.dir)...).Output()
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(out))
}

func status(running, stopped []*node) string {
	names := func(nodes []*node) string {
		var out []string
		for _, n := range nodes {
			out = append(out, "'"+n.name+"'")
		}
		return strings.Join(out, ",")
	}
	line := "Cluster status: [{running_nodes,[" + names(running) + "]}"
	if len(stopped) > 0 {
		line += ",{stopped_nodes,[" + names(stopped) + "]}"
	}
	return line + "]"
}

// sees waits until each of running sees the others, and the stopped ones, and
// returns how long that took.
func sees(t *testing.T, within time.Duration, running, stopped []*node) time.Duration {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	want := status(running, stopped)
	for _, n := range running {
		for n.muster("cluster", "status") != want {
			if time.Since(begin) > within {
				t.Fatalf("not within %s: %s sees %s, want %s", within, n.name, n.muster("cluster", "status"), want)
			}
			<-tick.C
		}
	}
	return time.Since(begin)
}

// routed waits until every node routes the filters to one: a SUBACK waits for
// slow nodes, but not long.
func routed(t *testing.T, nodes []*node, to *node, filters ...string) {
	t.Helper()
	for _, n := range nodes {
		for _, f := range filters {
			kit.Until(t, time.Minute, fmt.Sprintf("%s routes %s to %s", n.name, f, to.name), func() bool {
				for line := range strings.Lines(n.muster("routes")) {
					if slices.Equal(strings.Fields(line), []string{f, to.name}) {
						return true
					}
				}
				return false
			})
		}
	}
}

// Two halves of a three-node cluster, cut by a silent network, are one again
// within 5 s of its return; no client is dropped, the tables are equal, and
// both halves serve meanwhile.
func TestSplitOfRealProcesses(t *testing.T) {
	l := lab.New(t, 3)
	build(t)
	var nodes []*node
	for i := range l.Hosts {
		nodes = append(nodes, startNode(t, l, i))
	}
	sees(t, time.Minute, nodes, nil)
	a := newClient(t, l.Hosts[0], "a", "t/#")
	b := newClient(t, l.Hosts[1], "b", "t/+/b")
	c := newClient(t, l.Hosts[2], "c", "t/c", "t/x/c")
	routed(t, nodes, nodes[0], "t/#")
	routed(t, nodes, nodes[1], "t/+/b")
	routed(t, nodes, nodes[2], "t/c", "t/x/c")
	for round := range 2 {
		l.CutGroups(l.Hosts[:2], l.Hosts[2:])
		cut := time.NewTimer(length())
		sees(t, kit.Promised(8*time.Second), nodes[:2], nodes[2:])
		sees(t, kit.Promised(8*time.Second), nodes[2:], nodes[:2])
		b.publish("t/x/in", "in the split")
		b.expect("acked t/x/in=in the split")
		a.expect("got t/x/in=in the split")
		<-cut.C
		l.HealAll()
		t.Logf("round %d: one again %s after the heal", round, sees(t, 5*time.Second, nodes, nil))
		c.publish("t/c", "after the heal")
		a.expect("got t/c=after the heal")
		c.expect("got t/c=after the heal", "acked t/c=after the heal")
		a.publish("t/x/c", "back")
		a.expect("got t/x/c=back", "acked t/x/c=back")
		c.expect("got t/x/c=back")
		want := nodes[0].muster("routes")
		for _, n := range nodes[1:] {
			if got := n.muster("routes"); got != want {
				t.Errorf("%s routes\n%s\n%s routes\n%s", nodes[0].name, want, n.name, got)
			}
		}
	}
}

// length is how long a cut lasts: 20 s in make prove, less in make test.
func length() time.Duration {
	if os.Getenv("MUSTER_PROVE") != "" {
		return 20 * time.Second
	}
	return 7 * time.Second
}

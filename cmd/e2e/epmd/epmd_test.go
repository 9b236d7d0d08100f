package epmd

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/discovery/discoverytest/ports"
)

var bin kit.Programs

func TestMain(m *testing.M) { os.Exit(kit.Main(m, &bin, "static")) }

// formed bounds the forming of a cluster, and every reaction of one.
const formed = time.Minute

// mapper is a port mapper that can be ended and started.
type mapper struct {
	t    *testing.T
	port int
	args []string
	cmd  *exec.Cmd
}

// mappers are Erlang's, which must be there, and ours.
func mappers(t *testing.T) map[string]*mapper {
	erlang, err := exec.LookPath("epmd")
	if err != nil {
		t.Fatal("epmd is not installed: it is in Debian's erlang-base (.ci/install installs it)")
	}
	return map[string]*mapper{
		"Erlang's": {t: t, args: []string{erlang}},
		"ours":     {t: t, args: []string{bin.Path("muster"), "epmd"}},
	}
}

func (m *mapper) start() {
	m.t.Helper()
	m.cmd = exec.Command(m.args[0], append(m.args[1:len(m.args):len(m.args)], "-address", "127.0.0.1", "-port", strconv.Itoa(m.port))...)
	m.cmd.Env = append(os.Environ(), m.environ())
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(m.end)
	kit.Until(m.t, formed, "the port mapper listens", func() bool {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(m.port)))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (m *mapper) end() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

func (m *mapper) environ() string { return fmt.Sprint("ERL_EPMD_PORT=", m.port) }

// names is what Erlang's own tool says.
func (m *mapper) names() string {
	out, err := exec.Command("epmd", "-port", strconv.Itoa(m.port), "-names").CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// node is one of a cluster whose seeds are names without ports.
func (m *mapper) node(root, name, seed string, low int) *kit.Node {
	conf := fmt.Sprintf(`
		node { port = null, dist_listen_min = %d, dist_listen_max = %d }
		cluster { discovery_strategy = static, static.seeds = ["%s"] }`, low, low+9, seed)
	return bin.Node(m.t, kit.Options{
		Name: name, Dir: filepath.Join(root, name), Conf: conf, Env: []string{m.environ(), "WITH_EPMD=1"},
	})
}

// Three nodes that know each other's names and no port are one broker; the
// mapper lists them; without it they go on, and when it is back they are
// registered again; a node that returns has the port that it had.
func TestCluster(t *testing.T) {
	for name, m := range mappers(t) {
		t.Run(name, func(t *testing.T) {
			m.t, m.port = t, kit.Ports(t, 1)[0]
			m.start()
			low, root := lowPort(t), t.TempDir()
			var nodes []*kit.Node
			for i, seed := range []string{"n1@127.0.0.1", "n1@127.0.0.1", "127.0.0.1"} { // the last by its host alone
				nodes = append(nodes, m.node(root, fmt.Sprintf("n%d@127.0.0.1", i+1), seed, low))
			}
			for i, n := range nodes {
				n.Start()
				if want := fmt.Sprintf("cluster port %d,", low+i); !strings.Contains(n.Ready(), want) {
					t.Errorf("%s is not at %s", n.Name, want)
				}
			}
			kit.One(t, formed, nodes...)
			listed := func() bool {
				all := true
				for i := range nodes {
					all = all && strings.Contains(m.names(), fmt.Sprintf("name n%d at port %d\n", i+1, low+i))
				}
				return all
			}
			kit.Until(t, formed, "epmd -names lists the nodes", listed)
			m.end()
			kit.Until(t, formed, "the nodes miss the mapper", func() bool { return len(nodes[0].Logged("the port mapper has ended")) > 0 })
			sub := nodes[2].Connect("sub").Sub("a")
			nodes[0].Connect("pub").Pub("a", "without the mapper")
			sub.Next("a=without the mapper")
			m.start()
			kit.Until(t, formed, "the nodes are registered again", listed)
			returns(t, m, nodes, low)
		})
	}
}

// returns restarts two nodes in the other order, and has one found by name.
func returns(t *testing.T, m *mapper, nodes []*kit.Node, low int) {
	t.Helper()
	nodes[0].Kill()
	nodes[1].Stop()
	kit.Until(t, formed, "they are not listed", func() bool { return strings.Count(m.names(), "name n") == 1 })
	nodes[1].Start()
	nodes[0].Start()
	for i, n := range nodes[:2] {
		if want := fmt.Sprintf("cluster port %d,", low+i); !strings.Contains(n.Ready(), want) {
			t.Errorf("%s is not again at %s", n.Name, want)
		}
	}
	kit.One(t, formed, nodes...)
	got, err := exec.Command(bin.Path("muster"), "epmd", "-names", "-port", strconv.Itoa(m.port)).CombinedOutput()
	if err != nil || !strings.Contains(string(got), fmt.Sprintf("name n1 at port %d", low)) {
		t.Errorf("%v: %s", err, got)
	}
	if _, errs, status := nodes[1].Try("cluster", "join", "n9@127.0.0.1"); status != 1 || !strings.Contains(errs, "n9@127.0.0.1") {
		t.Errorf("joining somebody unknown to the mapper: %d, %s", status, errs)
	}
}

// lowPort begins ten ports that nobody has.
func lowPort(t *testing.T) int {
	t.Helper()
	low, err := ports.Row(10)
	if err != nil {
		t.Fatal(err)
	}
	return low
}

// A node whose name another one of the host has registered ends, and says why;
// one whose ports are all taken as well.
func TestRefusedStart(t *testing.T) {
	m := mappers(t)["ours"]
	m.port = kit.Ports(t, 1)[0]
	m.start()
	low, root := lowPort(t), t.TempDir()
	first := m.node(root, "n1@127.0.0.1", "n1@127.0.0.1", low)
	first.Start()
	kit.Until(t, formed, "it is registered", func() bool { return strings.Contains(m.names(), "name n1 at") })
	refused(t, m.node(root, "n1@127.0.0.2", "n1@127.0.0.1", low), "the name is registered by another node: stop that node of this host, or change node.name")
	full := m.node(root, "n2@127.0.0.1", "n1@127.0.0.1", low)
	full.Conf += fmt.Sprintf("\nnode { dist_listen_min = %d, dist_listen_max = %d }", low, low)
	refused(t, full, fmt.Sprintf("port %d is in use", low))
}

func refused(t *testing.T, n *kit.Node, why string) {
	t.Helper()
	n.Start()
	kit.Until(t, formed, n.Name+" ends", func() bool { return !n.Runs() })
	if !strings.Contains(n.Log(), why) {
		t.Errorf("%s does not say %q:\n%s", n.Name, why, n.Log())
	}
}

// Without any mapper a node serves, and says what to run.
func TestNoMapper(t *testing.T) {
	m := &mapper{t: t, port: kit.Ports(t, 1)[0]}
	n := m.node(t.TempDir(), "n1@127.0.0.1", "n2@127.0.0.1", lowPort(t))
	n.Start()
	_ = n.Ready()
	kit.Until(t, formed, "it says what to run", func() bool { return len(n.Logged("not registered with the port mapper", "muster epmd")) == 1 })
}

package outsiders

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// node is one process of muster with the strategy of an outsider, whose file
// of addresses is its own.
type node struct {
	t        *testing.T
	strategy string
	name     string
	dir      string
	address  string // of the cluster
	conf     string
	cmd      *exec.Cmd
	log      *os.File
}

// newNodes makes a node for each of the strategies. The checksum of the plugin
// is configured, as for somebody else's program it should be.
func newNodes(t *testing.T, strategies ...string) (nodes []*node) {
	t.Helper()
	root := t.TempDir()
	for i, strategy := range strategies {
		cluster, mqtt := free(t), free(t)
		n := &node{t: t, strategy: strategy, name: fmt.Sprintf("n%d@127.0.0.1", i+1), dir: filepath.Join(root, fmt.Sprint(i+1)), address: cluster}
		text, err := os.ReadFile(plugin(strategy))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		_, port, _ := net.SplitHostPort(cluster)
		n.conf = fmt.Sprintf(`
			node { name = "%s", data_dir = "%s", port = %s, bind = 127.0.0.1, cookie = "the-cookie-of-the-outsiders" }
			cluster { discovery_strategy = %s, %s.file = "%s", plugins.%s.sha256 = %s }
			listeners.tcp.default.bind = "%s"`,
			n.name, n.dir, port, strategy, strategy, n.file(), strategy, hex.EncodeToString(sum[:]), mqtt)
		nodes = append(nodes, n)
	}
	return nodes
}

// free returns an address of loopback that is free now.
func free(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", kit.Ports(t, 1)[0])
}

// file is the file of addresses.
func (n *node) file() string { return n.dir + ".addresses" }

// knows replaces the file of addresses.
func (n *node) knows(lines ...string) {
	n.t.Helper()
	err := os.WriteFile(n.file()+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o600)
	if err == nil {
		err = os.Rename(n.file()+".new", n.file())
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) line() string { return strings.TrimSuffix(n.name, "127.0.0.1") + n.address }

// start starts the process; it ends with the test.
func (n *node) start() {
	n.t.Helper()
	if err := os.WriteFile(n.dir+".conf", []byte(n.conf), 0o600); err != nil {
		n.t.Fatal(err)
	}
	var err error
	if n.log, err = os.OpenFile(n.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.cmd = exec.Command(filepath.Join(bin, "muster"), "start", "-c", n.dir+".conf")
	n.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.dir)}
	n.cmd.Stderr = n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { n.end(os.Interrupt) })
}

// end sends a signal and waits for the process, which is killed if that takes
// too long.
func (n *node) end(signal os.Signal) {
	if n.cmd.ProcessState != nil {
		return
	}
	force := time.AfterFunc(time.Minute, func() {
		n.t.Errorf("%s did not stop", n.name)
		_ = n.cmd.Process.Kill()
	})
	defer force.Stop()
	_ = n.cmd.Process.Signal(signal)
	_ = n.cmd.Wait()
	_ = n.log.Close()
}

// muster runs one command against the node; "" while it does not answer.
func (n *node) muster(args ...string) string {
	out, _ := exec.Command(filepath.Join(bin, "muster"), append(args, "--data-dir", n.dir)...).Output()
	return string(out)
}

// state is what `muster plugins` and `muster discovery status` say.
type state struct {
	PID        int      `json:"pid"`
	State      string   `json:"state"`
	Restarts   int      `json:"restarts"`
	Candidates int      `json:"candidates"`
	Watching   bool     `json:"watching"`
	ErrorClass string   `json:"last_error_class"`
	ErrorAt    string   `json:"last_error_at"`
	Warnings   []string `json:"warnings"`
}

// look returns the only row of either command.
func (n *node) look(args ...string) state {
	var all struct {
		Plugins    []state `json:"plugins"`
		Strategies []state `json:"strategies"`
	}
	_ = json.Unmarshal([]byte(n.muster(append(args, "--json")...)), &all)
	rows := slices.Concat(all.Plugins, all.Strategies)
	if len(rows) != 1 {
		return state{}
	}
	return rows[0]
}

func (n *node) plugin() state    { return n.look("plugins") }
func (n *node) discovery() state { return n.look("discovery", "status") }

// until waits for a state of other processes, which have no event to wait for.
func (n *node) until(what string, ok func() bool) {
	n.t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			log, _ := os.ReadFile(n.dir + ".log")
			n.t.Fatalf("%s: not within a minute: %s\n%s%s", n.name, what, n.muster("discovery", "status"), log)
		}
	}
}

// one waits until each of the nodes sees all of them run, and no other.
func one(nodes ...*node) {
	var names []string
	for _, n := range nodes {
		names = append(names, "'"+n.name+"'")
	}
	want := "Cluster status: [{running_nodes,[" + strings.Join(names, ",") + "]}]\n"
	for _, n := range nodes {
		n.until(want, func() bool { return n.muster("cluster", "status") == want })
	}
}

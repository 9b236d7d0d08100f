package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// bin is where TestMain has built the programs.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "muster-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	if _, err := kit.Build(dir, "static"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// node is one process of muster, with a directory that outlives its runs.
type node struct {
	t     *testing.T
	name  string
	dir   string
	conf  string
	port  int // of the cluster
	mqtt  int
	env   []string // NAME=value, beside PATH and HOME
	files int      // descriptors that it may have; 0 = no limit of ours
	cmd   *exec.Cmd
	ready chan string // its ready line; closed at the end of its output
	ended chan struct{}
	log   *os.File
}

// newNodes makes n nodes with each other as static seeds; extra is added to
// the configuration of each.
func newNodes(t *testing.T, n int, extra string) []*node {
	t.Helper()
	free := kit.Ports(t, 2*n)
	var seeds []string
	for i := range n {
		seeds = append(seeds, fmt.Sprintf("n%d@127.0.0.1:%d", i+1, free[i]))
	}
	root := t.TempDir()
	var out []*node
	for i := range n {
		x := &node{t: t, name: fmt.Sprintf("n%d@127.0.0.1", i+1), port: free[i], mqtt: free[n+i], dir: filepath.Join(root, fmt.Sprint(i+1))}
		x.conf = fmt.Sprintf(`
			node { name = "%s", data_dir = "%s", port = %d, bind = 127.0.0.1, cookie = "the-cookie-of-the-end-to-end-tests" }
			cluster { discovery_strategy = static, static.seeds = [%s] }
			listeners.tcp.default.bind = "127.0.0.1:%d"
			%s`, x.name, x.dir, x.port, `"`+strings.Join(seeds, `", "`)+`"`, x.mqtt, extra)
		out = append(out, x)
	}
	return out
}

// start starts the process; it ends with the test.
func (n *node) start(args ...string) {
	n.t.Helper()
	file := n.dir + ".conf"
	if err := os.WriteFile(file, []byte(n.conf), 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.cmd = exec.Command(filepath.Join(bin, "muster"), append([]string{"start", "-c", file}, args...)...)
	if n.files > 0 {
		n.cmd = exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, n.files)}, n.cmd.Args...)...)
	}
	n.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.dir)}, n.env...)
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if n.log, err = os.OpenFile(n.dir+".log", os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.cmd.Stderr = n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ready, n.ended = make(chan string, 1), make(chan struct{})
	go func(cmd *exec.Cmd, ready chan string, ended chan struct{}) {
		defer close(ended)
		defer close(ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case ready <- lines.Text():
			default:
			}
		}
		_ = cmd.Wait()
	}(n.cmd, n.ready, n.ended)
	n.t.Cleanup(n.stop)
}

// waitReady returns the ready line.
func (n *node) waitReady() string {
	n.t.Helper()
	select {
	case line, ok := <-n.ready:
		if !ok {
			n.t.Fatalf("%s ended before it was ready:\n%s", n.name, n.output())
		}
		return line
	case <-time.After(patience):
		n.t.Fatalf("%s is not ready:\n%s", n.name, n.output())
		return ""
	}
}

// stop ends the process in order, and by force if it takes too long.
func (n *node) stop() {
	force := time.AfterFunc(patience, func() {
		n.t.Errorf("%s did not stop", n.name)
		_ = n.cmd.Process.Kill()
	})
	defer force.Stop()
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	<-n.ended
	_ = n.log.Close()
}

func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	<-n.ended
}

// output returns what the process has logged.
func (n *node) output() string {
	text, err := os.ReadFile(n.dir + ".log")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// muster runs one command against the node and returns what it prints.
func (n *node) muster(args ...string) string {
	n.t.Helper()
	out, errs, status := n.try(args...)
	if status != 0 {
		n.t.Fatalf("muster %s: status %d: %s\n%s", strings.Join(args, " "), status, errs, n.output())
	}
	return out
}

func (n *node) try(args ...string) (out, errs string, status int) {
	cmd := exec.Command(filepath.Join(bin, "muster"), append(args, "--data-dir", n.dir)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// until waits for a state of other processes, which have no event to wait
// for, and fails the test when it does not come.
func until(t *testing.T, within time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Since(begin) > within {
			t.Fatalf("not within %s: %s", within, what)
		}
		<-tick.C
	}
	return time.Since(begin)
}

// status returns the line of `muster cluster status`.
func (n *node) status() string {
	out, _, _ := n.try("cluster", "status")
	return strings.TrimSpace(out)
}

// statusLine is what a status must be.
func statusLine(running, stopped []*node) string {
	list := func(nodes []*node) string {
		var names []string
		for _, n := range nodes {
			names = append(names, "'"+n.name+"'")
		}
		return strings.Join(names, ",")
	}
	line := "Cluster status: [{running_nodes,[" + list(running) + "]}"
	if len(stopped) > 0 {
		line += ",{stopped_nodes,[" + list(stopped) + "]}"
	}
	return line + "]"
}

// cluster starts n nodes and waits until each sees all.
func cluster(t *testing.T, n int, extra string) []*node {
	t.Helper()
	nodes := newNodes(t, n, extra)
	for _, x := range nodes {
		x.start()
	}
	for _, x := range nodes {
		x.waitReady()
	}
	one(t, nodes, nil)
	return nodes
}

// one waits until every running node sees the running and the stopped ones.
func one(t *testing.T, running, stopped []*node) {
	t.Helper()
	want := statusLine(running, stopped)
	for _, n := range running {
		until(t, patience, n.name+": "+want, func() bool { return n.status() == want })
	}
}

// client is a paho client that keeps what it gets.
type client struct {
	mqtt.Client
	t    *testing.T
	at   *node
	got  chan string // topic=payload
	lost chan error
}

func (n *node) connect(id string) *client {
	n.t.Helper()
	c := &client{t: n.t, at: n, got: make(chan string, 1<<16), lost: make(chan error, 1)}
	o := mqtt.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", n.mqtt)).SetClientID(id).
		SetAutoReconnect(false).SetOrderMatters(true).SetConnectTimeout(patience)
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { c.got <- m.Topic() + "=" + string(m.Payload()) })
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { c.lost <- err })
	c.Client = mqtt.NewClient(o)
	c.done(c.Connect())
	n.t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func (c *client) done(t mqtt.Token) {
	c.t.Helper()
	if !t.WaitTimeout(patience) {
		c.t.Fatal("the client was not answered")
	}
	if err := t.Error(); err != nil {
		c.t.Fatal(err)
	}
}

// sub subscribes at QoS 1 and waits until all nodes route the filters.
func (c *client) sub(filters ...string) *client {
	c.t.Helper()
	kit.Subscribe(c.t, c.at.dir, c.Client, filters...)
	return c
}

// pub publishes and returns how long the acknowledgement took.
func (c *client) pub(topic, payload string, qos byte) time.Duration {
	c.t.Helper()
	begin := time.Now()
	c.done(c.Publish(topic, qos, false, payload))
	return time.Since(begin)
}

// next fails the test unless want are the next messages.
func (c *client) next(want ...string) {
	c.t.Helper()
	for _, w := range want {
		select {
		case got := <-c.got:
			if got != w {
				c.t.Fatalf("got %s, want %s", got, w)
			}
		case <-time.After(patience):
			c.t.Fatalf("%s did not come", w)
		}
	}
}

// fence publishes to the client itself, so that whatever was sent to it
// before has come when the fence does: next("fence=N") proves absence.
func (c *client) fence(from *client, topic string) {
	c.t.Helper()
	from.pub(topic, "fence", 1)
	c.next(topic + "=fence")
}

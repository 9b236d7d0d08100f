package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopTime is how long a node may take to stop in order.
const stopTime = 10 * time.Second

// maxTail bounds what is shown of a log, in bytes.
const maxTail = 3 << 10

// node is one muster process and what it needs to start again.
type node struct {
	name    string // name@host
	data    string // directory; the configuration and the log lie beside it
	mqtt    int    // ports
	cluster int

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended, with err set
	err   error
}

func (n *node) addr() string   { return fmt.Sprintf("127.0.0.1:%d", n.mqtt) }
func (n *node) config() string { return n.data + ".conf" }
func (n *node) log() string    { return n.data + ".log" }

// text is the configuration of a node that knows all nodes as seeds.
func (n *node) text(all []*node) string {
	var seeds []string
	for _, m := range all {
		seeds = append(seeds, fmt.Sprintf("\"%s:%d\"", m.name, m.cluster))
	}
	return fmt.Sprintf(`node.name = "%s"
node.data_dir = "%s"
node.port = %d
node.bind = "127.0.0.1"
node.cookie = "three-nodes-on-loopback"
cluster.name = "demo"
cluster.discovery_strategy = static
cluster.static.seeds = [%s]
listeners.tcp.default.bind = "%s"
`, n.name, n.data, n.cluster, strings.Join(seeds, ", "), n.addr())
}

// start runs the node in a process group of its own, so that a Ctrl-C at the
// terminal does not reach it before its turn.
func (n *node) start(binary string) error {
	log, err := os.OpenFile(n.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(binary, "start", "-c", n.config())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	n.cmd, n.ended = cmd, ended
	go func() {
		defer close(ended)
		if n.err = cmd.Wait(); n.err == nil {
			n.err = errors.New("exit status 0")
		}
	}()
	return nil
}

// environment is that of this process without what would configure a node: the
// story is that of the files it shows.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "MUSTER_") || strings.HasPrefix(kv, "HOCON_ENV_OVERRIDE_PREFIX=")
	})
}

// kill ends the process without a word, and waits until it is gone.
func (n *node) kill() error {
	if err := n.cmd.Process.Kill(); err != nil {
		return err
	}
	<-n.ended
	return nil
}

// stop ends the process in order. One that does not end in time is killed with
// its children, and that is an error.
func (n *node) stop() error {
	if n.cmd == nil {
		return nil
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	late := time.NewTimer(stopTime)
	defer late.Stop()
	select {
	case <-n.ended:
		return nil
	case <-late.C:
	}
	_ = syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL)
	<-n.ended
	return fmt.Errorf("%s did not stop within %v and was killed", n.name, stopTime)
}

// listens returns nil when the node accepts MQTT connections.
func (n *node) listens(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", n.addr())
	if err != nil {
		return err
	}
	return conn.Close()
}

// tail is the end of the log.
func (n *node) tail() string {
	text, err := os.ReadFile(n.log())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-maxTail):]))
}

// freePort is the first port of loopback from low on that nobody listens on,
// among a hundred, and that is not taken already.
func freePort(low int, taken map[int]bool) (int, error) {
	for port := low; port < low+100; port++ {
		if taken[port] {
			continue
		}
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			taken[port] = true
			return port, ln.Close()
		}
	}
	return 0, fmt.Errorf("no free port from %d to %d", low, low+99)
}

// Package solo runs one real node, a cluster of its own, for the tests that
// speak MQTT with it.
package solo

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/discovery/discoverytest/ports"
)

// patience bounds the start and the end of a process.
const patience = time.Minute

// Build returns the program to test: the file that MUSTER_PROGRAM names, else
// one that it builds in dir.
func Build(ctx context.Context, dir string) (string, error) {
	if program := os.Getenv("MUSTER_PROGRAM"); program != "" {
		return program, nil
	}
	program := filepath.Join(dir, "muster")
	text, err := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/muster-mqtt/muster/cmd/muster").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building muster: %w\n%s", err, text)
	}
	return program, nil
}

// Main is Build into a directory that is removed after the tests, which it
// runs, and which must leave no goroutine behind: what TestMain does.
func Main(m *testing.M, program *string) int {
	dir, err := os.MkdirTemp("", "muster-solo-")
	if err == nil {
		defer os.RemoveAll(dir)
		*program, err = Build(context.Background(), dir)
	}
	status := 1
	if err == nil {
		status = m.Run()
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = max(status, 1)
	}
	return status
}

// Node is one process of muster.
type Node struct {
	MQTT      string // address of its listener
	WebSocket string // address of its WebSocket listener, path /mqtt
	Cluster   string // address for other nodes

	program, dir, conf string
	cmd                *exec.Cmd
	ended              chan struct{}
}

// Start starts a node that keeps its data in dir, which is made, and its
// configuration and log beside it; extra is added to the configuration. It
// returns when the node is ready.
func Start(program, dir, extra string) (*Node, error) {
	n := &Node{program: program, dir: dir}
	for _, a := range []*string{&n.MQTT, &n.WebSocket, &n.Cluster} {
		var err error
		if *a, err = free(); err != nil {
			return nil, err
		}
	}
	_, port, err := net.SplitHostPort(n.Cluster)
	if err != nil {
		return nil, err
	}
	n.conf = fmt.Sprintf(`
		node { name = "n@127.0.0.1", data_dir = "%s", port = %s, bind = 127.0.0.1, cookie = "the-cookie-of-one-node-alone" }
		cluster { discovery_strategy = manual, bootstrap_expect = 1 }
		listeners.tcp.default.bind = "%s"
		listeners.ws.default { enable = on, bind = "%s" }
		%s`, dir, port, n.MQTT, n.WebSocket, extra)
	if err := n.run(); err != nil {
		return nil, err
	}
	return n, nil
}

// free returns an address of loopback that is free now.
func free() (string, error) {
	port, err := ports.Port()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}

func (n *Node) run() error {
	ready, err := n.spawn()
	if err != nil {
		return err
	}
	return n.await(ready)
}

// spawn starts the process; ready is closed when it says so.
func (n *Node) spawn() (<-chan struct{}, error) {
	if err := os.WriteFile(n.dir+".conf", []byte(n.conf), 0o600); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(n.dir+".log", os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	n.cmd = exec.Command(n.program, "start", "-c", n.dir+".conf")
	n.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.dir)}
	n.cmd.Stderr = log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	n.ended = make(chan struct{})
	go func() {
		defer close(n.ended)
		first := sync.OnceFunc(func() { close(ready) })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			first()
		}
		_ = n.cmd.Wait()
	}()
	return ready, nil
}

func (n *Node) await(ready <-chan struct{}) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-ready:
		return nil
	case <-n.ended:
		return fmt.Errorf("the node ended before it was ready:\n%s", n.Log())
	case <-late.C:
		_ = n.cmd.Process.Kill()
		<-n.ended
		return fmt.Errorf("the node was not ready in %s:\n%s", patience, n.Log())
	}
}

// Stop ends the node in order. The error says that it had to be killed, ended
// with another status than 0, or has logged a panic.
func (n *Node) Stop() error {
	force := time.AfterFunc(patience, func() { _ = n.cmd.Process.Kill() })
	defer force.Stop()
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	<-n.ended
	if log := n.Log(); !n.cmd.ProcessState.Success() || strings.Contains(log, "panic:") {
		return fmt.Errorf("the node ended badly (%s):\n%s", n.cmd.ProcessState, log)
	}
	return nil
}

// Reload makes the node read its configuration and the files that it names
// again.
func (n *Node) Reload() error { return n.cmd.Process.Signal(syscall.SIGHUP) }

// PID is the process.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Log returns what the node has logged.
func (n *Node) Log() string {
	text, err := os.ReadFile(n.dir + ".log")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

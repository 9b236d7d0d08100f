package kit

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds the start, the end and every answer of a process.
const patience = time.Minute

// Options describe a node that is to be started.
type Options struct {
	Name string // such as n1@127.0.0.1, which its cluster port is bound to
	Dir  string // of its data; its configuration and log are beside it
	Conf string // added to the configuration
	Env  []string
	Port int // of the cluster; 0: a free one
	// Quiet keeps the log out of what a failed test shows: where there are
	// many nodes, the trial shows those that matter.
	Quiet bool
}

// Node is one process of muster, with a directory that outlives its runs. Its
// methods are for the goroutine of the test, unless they say otherwise.
type Node struct {
	Name    string
	Dir     string
	Conf    string
	Port    int       // of the cluster
	MQTT    int       // of its listener on 127.0.0.1
	Started time.Time // when the process was started last

	t       testing.TB
	quiet   bool
	program string
	env     []string
	cmd     *exec.Cmd
	ready   chan string   // its ready line
	ended   chan struct{} // closed when the process has ended
}

// Node returns a node that is not running. It ends with the test, and its log
// is shown when the test has failed.
func (p Programs) Node(t testing.TB, o Options) *Node {
	t.Helper()
	free := Ports(t, 2)
	n := &Node{t: t, program: p.Path("muster"), Name: o.Name, Dir: o.Dir, Port: free[0], MQTT: free[1], env: o.Env, quiet: o.Quiet}
	if o.Port != 0 {
		n.Port = o.Port
	}
	_, host, _ := strings.Cut(o.Name, "@")
	n.Conf = fmt.Sprintf(`
		node { name = "%s", data_dir = "%s", port = %d, bind = "%s", cookie = "the-cookie-of-the-tests-of-whole-clusters" }
		listeners.tcp.default.bind = "127.0.0.1:%d"
		%s`, n.Name, n.Dir, n.Port, host, n.MQTT, o.Conf)
	t.Cleanup(n.end)
	return n
}

// Addr is where other nodes dial it.
func (n *Node) Addr() string {
	_, host, _ := strings.Cut(n.Name, "@")
	return net.JoinHostPort(host, strconv.Itoa(n.Port))
}

// Start starts the process.
func (n *Node) Start(args ...string) {
	n.t.Helper()
	if err := n.Spawn(args...); err != nil {
		n.t.Fatal(err)
	}
}

// Spawn is Start for any goroutine, one at a time.
func (n *Node) Spawn(args ...string) error {
	if err := os.WriteFile(n.Dir+".conf", []byte(n.Conf), 0o600); err != nil {
		return err
	}
	log, err := os.OpenFile(n.Dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	n.cmd = exec.Command(n.program, append([]string{"start", "-c", n.Dir + ".conf"}, args...)...)
	n.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.Dir)}, n.env...)
	n.cmd.Stderr = log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	n.Started = time.Now()
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.ready, n.ended = make(chan string, 1), make(chan struct{})
	go follow(n.cmd, bufio.NewScanner(out), n.ready, n.ended)
	return nil
}

// follow hands on the first line that a process prints, and waits for its end.
func follow(cmd *exec.Cmd, lines *bufio.Scanner, first chan<- string, ended chan<- struct{}) {
	defer close(ended)
	for lines.Scan() {
		select {
		case first <- lines.Text():
		default:
		}
	}
	_ = cmd.Wait()
}

// Ready waits for the ready line and returns it.
func (n *Node) Ready() string {
	n.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case line := <-n.ready:
		return line
	case <-n.ended:
		n.t.Fatalf("%s ended before it was ready", n.Name)
	case <-late.C:
		n.t.Fatalf("%s is not ready", n.Name)
	}
	return ""
}

// Stop ends the process in order. That it takes too long, ends with another
// status than 0 or has logged a panic fails the test.
func (n *Node) Stop() {
	n.t.Helper()
	if !n.Runs() {
		return
	}
	force := time.AfterFunc(patience, func() { _ = n.cmd.Process.Kill() })
	defer force.Stop()
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	<-n.ended
	if !n.cmd.ProcessState.Success() || strings.Contains(n.Log(), "panic:") {
		n.t.Errorf("%s ended badly: %s", n.Name, n.cmd.ProcessState)
	}
}

// end is the Stop at the end of a test.
func (n *Node) end() {
	n.Stop()
	if n.t.Failed() && !n.quiet {
		n.t.Logf("the log of %s:\n%s", n.Name, n.Log())
	}
}

// Kill ends the process at once, as the kernel does when memory runs out. Any
// goroutine may call it.
func (n *Node) Kill() {
	if n.Runs() {
		_ = n.cmd.Process.Kill()
		<-n.ended
	}
}

// Runs reports whether the process was started and has not ended.
func (n *Node) Runs() bool {
	if n.ended == nil {
		return false
	}
	select {
	case <-n.ended:
		return false
	default:
		return true
	}
}

// PID is the process.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Log returns what the node has logged, in all its runs.
func (n *Node) Log() string {
	text, err := os.ReadFile(n.Dir + ".log")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Logged returns the lines of the log that hold all the words.
func (n *Node) Logged(words ...string) (out []string) {
	for line := range strings.Lines(n.Log()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// Try runs a command of muster about the node to its end.
func (n *Node) Try(args ...string) (out, errs string, status int) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.program, append(args, "--data-dir", n.Dir)...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	if cmd.ProcessState == nil {
		return "", "the command was not started", -1
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// Muster is a Try that must succeed; it returns what was printed, trimmed.
func (n *Node) Muster(args ...string) string {
	n.t.Helper()
	out, errs, status := n.Try(args...)
	if status != 0 {
		n.t.Fatalf("muster %s: status %d: %s", strings.Join(args, " "), status, errs)
	}
	return strings.TrimSpace(out)
}

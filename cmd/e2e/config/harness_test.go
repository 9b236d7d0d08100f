package config

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// update writes the golden files instead of comparing with them.
var update = flag.Bool("update", false, "write the golden files")

// bin is where TestMain has built the program.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "muster-config-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs, err := kit.Build(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = programs.Path("muster")
	return m.Run()
}

// shell is where commands are run: a directory and an environment.
type shell struct {
	t    *testing.T
	dir  string
	home string
	env  []string
}

// command prepares one with HOME, PATH and the variables of the shell.
func (s *shell) command(args ...string) *exec.Cmd {
	cmd := exec.Command(bin, args...)
	cmd.Dir = s.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.home}, s.env...)
	return cmd
}

// muster runs a command to its end.
func (s *shell) muster(args ...string) (out, errs string, status int) {
	cmd := s.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// node is a running one.
type node struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   string // the name of the file
	ready string
	ended chan struct{}
}

// start starts a node and waits until it is ready; it ends with the test.
func (s *shell) start(args ...string) *node {
	s.t.Helper()
	n := &node{t: s.t, cmd: s.command(append([]string{"start"}, args...)...), ended: make(chan struct{})}
	log, err := os.CreateTemp(s.home, "log-*")
	if err != nil {
		s.t.Fatal(err)
	}
	n.log, n.cmd.Stderr = log.Name(), log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(n.ended)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			select {
			case ready <- lines.Text():
			default:
			}
		}
		_ = n.cmd.Wait()
		_ = log.Close()
	}()
	s.t.Cleanup(n.stop)
	select {
	case n.ready = <-ready:
	case <-n.ended:
		s.t.Fatalf("the node ended:\n%s", n.output())
	case <-time.After(time.Minute):
		s.t.Fatalf("the node is not ready:\n%s", n.output())
	}
	return n
}

// stop ends the node in order, and by force if it takes too long.
func (n *node) stop() {
	force := time.AfterFunc(time.Minute, func() {
		n.t.Error("a node did not stop")
		_ = n.cmd.Process.Kill()
	})
	defer force.Stop()
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	<-n.ended
}

func (n *node) output() string {
	text, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// says waits until the log holds a line with all the words: another process
// has no event to wait for.
func (n *node) says(words ...string) {
	n.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); ; <-tick.C {
		for line := range strings.Lines(n.output()) {
			if holds(line, words) {
				return
			}
		}
		if time.Since(begin) > time.Minute {
			n.t.Fatalf("the log has no line with %q:\n%s", words, n.output())
		}
	}
}

func holds(line string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return true
}

func (n *node) hangup() { _ = n.cmd.Process.Signal(syscall.SIGHUP) }

package target

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopTime is how long a process may take to stop in order.
const stopTime = 10 * time.Second

// maxTail bounds what is shown of a log, in bytes.
const maxTail = 2 << 10

// process is a child in a process group of its own, so that a Ctrl-C at the
// terminal does not reach it before its turn, and a kill takes its children.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when it has ended, with err set
	err   error
}

// start runs a program with its output in a file.
func start(log, program string, args ...string) (*process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := &process{cmd: exec.Command(program, args...), log: log, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = f, f
	p.cmd.Env = environment()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		if p.err = p.cmd.Wait(); p.err == nil {
			p.err = errors.New("exit status 0")
		}
	}()
	return p, nil
}

// environment is that of this process without what would configure a node:
// nothing but its file does.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "MUSTER_") || strings.HasPrefix(kv, "HOCON_ENV_OVERRIDE_PREFIX=")
	})
}

// terminate asks the process to stop.
func (p *process) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// wait waits for the end of a process that was asked to stop. One that does not
// is killed with its whole group, and that is an error.
func (p *process) wait() error {
	late := time.NewTimer(stopTime)
	defer late.Stop()
	select {
	case <-p.ended:
		return nil
	case <-late.C:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
	return fmt.Errorf("process %d did not stop within %v and was killed", p.cmd.Process.Pid, stopTime)
}

// group is the processes of the nodes of a cluster.
type group []*process

// stop ends all of them, first politely.
func (g group) stop() error {
	for _, p := range g {
		p.terminate()
	}
	var errs []error
	for _, p := range g {
		errs = append(errs, p.wait())
	}
	return errors.Join(errs...)
}

// tails are the ends of the logs of all nodes.
func (g group) tails() string {
	var b strings.Builder
	for i, p := range g {
		fmt.Fprintf(&b, "--- end of the log of node %d\n%s", i+1, p.tail())
	}
	return b.String()
}

// tail is the end of the log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error() + "\n"
	}
	return string(text[max(0, len(text)-maxTail):])
}

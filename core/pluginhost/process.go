package pluginhost

import (
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is one plugin process and its group. It is what go-plugin runs, so
// that no wait and no kill of go-plugin's lasts longer than ours.
type process struct {
	path  string        // shown; cmd.Path may be a checked copy
	drain time.Duration // after the end, for output held open by others
	cmd   *exec.Cmd
	out   *output

	files                   []*os.File     // all that Start opened for itself
	handshake               *io.PipeReader // what go-plugin reads as stdout
	handshakeWriter         *io.PipeWriter
	stdout, stderr          *os.File
	pumps                   sync.WaitGroup
	gone                    chan struct{} // closed when reaped, killed and read out
	mu                      sync.Mutex    // guards the next line
	started, reaped, doomed bool
	err                     error // how it ended; valid once gone
}

func newProcess(path string, drain time.Duration, out *output) *process {
	p := &process{path: path, drain: drain, out: out, gone: make(chan struct{})}
	p.handshake, p.handshakeWriter = io.Pipe()
	return p
}

// prepare sets what will be executed; go-plugin's variables come in env.
func (p *process) prepare(file string, args, env []string) {
	p.cmd = exec.Command(file, args...)
	p.cmd.Args[0] = p.path
	p.cmd.Env = append(env, allowed(os.Environ())...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// Start runs the process with its pipes: stdout, stderr, and as descriptor 3
// one that reports the death of this process by its end.
func (p *process) Start(context.Context) error {
	theirs, err := p.open()
	if err == nil {
		p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = theirs[0], theirs[1], theirs[2:]
		p.mu.Lock()
		err = p.cmd.Start()
		p.started = err == nil
		if p.started && p.doomed {
			p.killGroup()
		}
		p.mu.Unlock()
	}
	for _, f := range theirs {
		_ = f.Close()
	}
	if err != nil {
		p.closeFiles()
		return err
	}
	p.out.started(p.cmd.Process.Pid)
	p.pumps.Go(func() { p.out.pumpStdout(p.stdout, p.handshakeWriter) })
	p.pumps.Go(func() { p.out.pumpStderr(p.stderr) })
	go p.reap()
	return nil
}

// open makes the pipes and returns the plugin's ends.
func (p *process) open() (theirs []*os.File, err error) {
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			return theirs, err
		}
		if i == 2 { // it reads, we hold the other end
			r, w = w, r
		}
		p.files, theirs = append(p.files, r), append(theirs, w)
	}
	p.stdout, p.stderr = p.files[0], p.files[1]
	return theirs, nil
}

func (p *process) closeFiles() {
	for _, f := range p.files {
		_ = f.Close()
	}
}

// reap waits for the end, kills what is left of the group, and reads the
// output that there is: a grandchild that left the group may hold the pipes
// open, so not until their end.
func (p *process) reap() {
	var err error
	zombie := awaitExit(p.cmd.Process.Pid)
	if !zombie {
		err = p.cmd.Wait()
	}
	p.mu.Lock()
	p.killGroup() // while the pid is not free for others, where that can be had
	if zombie {
		err = p.cmd.Wait()
	}
	p.reaped = true
	p.mu.Unlock()
	deadline := time.Now().Add(p.drain)
	_ = p.stdout.SetReadDeadline(deadline)
	_ = p.stderr.SetReadDeadline(deadline)
	p.pumps.Wait()
	p.closeFiles()
	p.err = err
	close(p.gone)
}

// kill ends the whole group at once, or as soon as it is started. It may be
// called at any time, and more than once.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
	if p.started && !p.reaped {
		p.killGroup()
	}
}

func (p *process) killGroup() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

// join returns when a process that was started is gone.
func (p *process) join() {
	if p.hasStarted() {
		<-p.gone
	}
}

func (p *process) hasStarted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.started
}

// exitedBy says how the process ended if it does so within d, and by itself.
func (p *process) exitedBy(d time.Duration) string {
	if !p.hasStarted() {
		return ""
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.gone:
		status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if ok && status.Signal() == syscall.SIGKILL && p.wasKilled() {
			return ""
		}
		return p.ended()
	case <-timer.C:
		return ""
	}
}

func (p *process) wasKilled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doomed
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// ended says how the process ended, such as "exit status 3".
func (p *process) ended() string {
	if p.err == nil {
		return "exit status 0"
	}
	return p.err.Error()
}

package kubetest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// child is a process that cannot outlive ours: a shell holds it, and kills it
// when the pipe whose other end we hold says that we are gone.
type child struct {
	cmd  *exec.Cmd
	life *os.File // closed to end the process
	log  string   // file
}

const keeper = `"$@" 3<&- & child=$!; read -r _ <&3; kill -KILL $child; wait $child 2>/dev/null; exit 0`

func startChild(log, program string, args ...string) (*child, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	far, near, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer far.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", keeper, "keeper", program}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{far}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the signals of a terminal are for us
	if err := cmd.Start(); err != nil {
		_ = near.Close()
		return nil, err
	}
	return &child{cmd: cmd, life: near, log: log}, nil
}

// kill ends the process at once.
func (c *child) kill() {
	_ = c.life.Close()
	_ = c.cmd.Wait()
}

// told is the end of what the process has printed, for an error.
func (c *child) told() error {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Errorf("%s", bytes.Join(lines[max(0, len(lines)-8):], []byte("\n")))
}

//go:build linux

package standing

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	socket = "s" // in the working directory, which is the fixture's own
	serve  = "serve"
	ready  = "ready"
)

// The statuses of a program.
const (
	done   = 0
	failed = 1
	usage  = 2
	cannot = 3
)

// Options describe a program.
type Options struct {
	Args []string                // of the command line, without the program
	Talk time.Duration           // bounds one verb; 0: a minute
	Open func() (Fixture, error) // called once, in the process that stays

	vigil time.Duration // 0: the constant of that name
}

// question is a verb with its arguments; answer is what came of it.
type (
	question struct{ Args []string }
	answer   struct {
		Text   json.RawMessage `json:",omitempty"`
		Error  string          `json:",omitempty"`
		Cannot bool            `json:",omitempty"`
	}
)

// Run is the main function of the program: it carries out one verb in the
// working directory and returns the status to exit with, 3 for what the fixture
// cannot do.
func Run(o Options) int {
	if len(o.Args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: FIXTURE up|down|seed ENTRY|remove UID|fault NAME on/off|inspect")
		return usage
	}
	if o.Talk == 0 {
		o.Talk = time.Minute
	}
	a, err := o.do()
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	switch {
	case err == nil && len(a.Text) > 0:
		fmt.Println(string(a.Text))
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		if a.Cannot {
			return cannot
		}
		return failed
	}
	return done
}

func (o Options) do() (answer, error) {
	switch o.Args[0] {
	case serve:
		return answer{}, o.serve()
	case "up":
		if err := begin(); err != nil {
			return answer{}, err
		}
	}
	a, err := o.ask()
	if o.Args[0] == "down" && errors.Is(err, os.ErrNotExist) {
		err = nil // there is nothing to end
	}
	return a, err
}

// begin starts the process that stays, and waits until it listens.
func begin() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, serve)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if strings.TrimSpace(line) != ready {
		return errors.Join(fmt.Errorf("the fixture does not start: %q, %w", line, err), cmd.Wait())
	}
	return cmd.Process.Release()
}

// ask hands the verb to the process that stays.
func (o Options) ask() (a answer, err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return a, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(o.Talk)); err != nil {
		return a, err
	}
	if err := json.NewEncoder(conn).Encode(question{o.Args}); err != nil {
		return a, err
	}
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return a, err
	}
	if o.Args[0] == "down" {
		_, err = io.Copy(io.Discard, conn) // up to the end of the process
	}
	return a, err
}

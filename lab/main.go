//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// outerVar holds the network namespace that the lab's process came from.
	outerVar = "MUSTER_LAB_OUTER"
	// enterArg, as a program's own name, marks the step into a host.
	enterArg = "muster-lab-enter"
)

// state is what Main found out; tests run after it and only read it.
var state struct {
	ready     bool  // this process has the lab's namespace to itself
	forbidden error // why it cannot have one
}

// Main runs the tests of m in a namespace of their own and returns the exit
// status for os.Exit. Where the kernel forbids that, they run where they are,
// and New skips the tests that need it. Main has to be the first thing that
// TestMain does, save for recognising a program by its arguments.
func Main(m *testing.M) int {
	if os.Args[0] == enterArg {
		fmt.Fprintln(os.Stderr, "lab:", enter(os.Args[1:]))
		return 126
	}
	if outer := os.Getenv(outerVar); outer != "" && outer != namespaceOf(ownThread, "net") {
		state.forbidden = prepare()
		state.ready = state.forbidden == nil
		return m.Run()
	}
	status, err := rerun()
	if err != nil {
		state.forbidden = err
		return m.Run()
	}
	return status
}

// enter turns this process into a program within a host: the path of the
// namespace, the program's file, and its arguments from the zeroth on.
func enter(args []string) error {
	if len(args) < 3 {
		return errors.New("a namespace, a file and a name are needed")
	}
	ns, err := os.Open(args[0])
	if err != nil {
		return fmt.Errorf("enter the host: %w", err)
	}
	runtime.LockOSThread() // the thread that enters is the one that becomes the program
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the host: %w", err)
	}
	_ = ns.Close()
	return fmt.Errorf("run %s: %w", args[1], syscall.Exec(args[1], args[2:], os.Environ()))
}

// prepare checks, by raising the loopback interface, that the namespace is
// really ours: some systems grant one without any right in it.
func prepare() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback interface: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("raise the loopback interface: %w", err)
	}
	return nil
}

// rerun runs this test binary again in new namespaces. The error says that
// there can be none.
func rerun() (status int, err error) {
	// The kernel ends the tests when the thread that started them ends, so
	// that they do not outlive a killed parent. That thread has to be one that
	// stays: Main's.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), outerVar+"="+namespaceOf(ownThread, "net"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("make a user and a network namespace: %w", err)
	}
	return attend(cmd), nil
}

// attend waits for the tests, passes signals on to them, and ends what they
// left running.
func attend(cmd *exec.Cmd) (status int) {
	user := namespaceOf(fmt.Sprint(cmd.Process.Pid), "user")
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				_ = cmd.Process.Signal(s)
			case <-done:
				return
			}
		}
	}()
	err := cmd.Wait()
	signal.Stop(signals)
	close(done)
	if left := sweep("user", user); left != nil {
		err = errors.Join(err, left)
		fmt.Fprintln(os.Stderr, "lab:", left)
	}
	if status := cmd.ProcessState.ExitCode(); status > 0 {
		return status
	}
	if err != nil { // by a signal
		return 1
	}
	return 0
}

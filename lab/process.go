//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The bounds of sweep: how often it looks again, since a process may start
// others while it is killed, and how long one may take to end.
const (
	sweepRounds = 20
	killTimeout = 5 * time.Second
)

// ownThread stands for the calling thread; "self" would be the main one, which
// may just now be in a host for another goroutine.
const ownThread = "thread-self"

// namespaceOf names the namespace of that kind that a process (a number, or
// ownThread) is in; it is empty when the process is gone or not ours to know.
func namespaceOf(pid, kind string) string {
	name, err := os.Readlink("/proc/" + pid + "/ns/" + kind)
	if err != nil {
		return ""
	}
	return name
}

// sweep kills every process in a namespace but this one, and returns when
// they are gone.
func sweep(kind, namespace string) error {
	if namespace == "" || namespace == namespaceOf(ownThread, kind) {
		return nil
	}
	for range sweepRounds {
		found, err := sweepOnce(kind, namespace)
		if err != nil || !found {
			return err
		}
	}
	return fmt.Errorf("processes in %s start faster than they can be killed", namespace)
}

func sweepOnce(kind, namespace string) (found bool, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return false, fmt.Errorf("list processes: %w", err)
	}
	for _, e := range entries {
		pid, notPid := strconv.Atoi(e.Name())
		if notPid != nil || pid == os.Getpid() || !runsIn(pid, kind, namespace) {
			continue
		}
		found = true
		if err := kill(pid, kind, namespace); err != nil {
			return found, err
		}
	}
	return found, nil
}

// runsIn reports whether a process is in a namespace and not dead: one that
// nobody has waited for yet keeps its user namespace, but no other.
func runsIn(pid int, kind, namespace string) bool {
	name := strconv.Itoa(pid)
	return namespaceOf(name, kind) == namespace && namespaceOf(name, "net") != ""
}

// kill ends a process if it is still in that namespace; the descriptor holds
// the number fast, so that no other process can have taken it over.
func kill(pid int, kind, namespace string) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if !runsIn(pid, kind, namespace) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	return awaitExit(fd, pid)
}

func awaitExit(fd, pid int) error {
	deadline := time.Now().Add(killTimeout)
	for left := killTimeout; left > 0; left = time.Until(deadline) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for process %d: %w", pid, err)
		}
	}
	return fmt.Errorf("process %d does not end within %v of SIGKILL", pid, killTimeout)
}

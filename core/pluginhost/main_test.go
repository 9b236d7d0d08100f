package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/muster-mqtt/muster/discovery"
)

// The plugins of testdata, built once.
var toyPath, backedPath string

func TestMain(m *testing.M) {
	if os.Getenv(asHost) != "" {
		beHost()
		return
	}
	dir, err := os.MkdirTemp("", "pluginhost")
	if err == nil {
		toyPath = filepath.Join(dir, "muster-discovery-toy")
		backedPath = filepath.Join(dir, "muster-discovery-backed")
		for path, source := range map[string]string{toyPath: "./testdata/plugin", backedPath: "./testdata/backed"} {
			out, failed := exec.Command("go", "build", "-o", path, source).CombinedOutput()
			fmt.Fprintf(os.Stderr, "%s", out)
			err = errors.Join(err, failed)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// patience is how long a test waits for what must happen, on a busy machine.
const patience = 30 * time.Second

func silent() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// toyOptions are those of a host of the toy with a configuration. Restarts
// are quick, and no answer is late.
func toyOptions(t *testing.T, config string) Options {
	t.Helper()
	return Options{
		Strategy: "toy", Path: toyPath, RunDir: t.TempDir(), Logger: silent(),
		Config: []byte(config), Self: discovery.Self{Name: "n@h"}, ClusterName: "c", ClusterKey: []byte("0123456789abcdef0123456789abcdef"),
		Timers: Timers{
			Start: patience, Info: patience, Configure: patience, Discover: patience, Health: patience, Register: patience, Leave: patience, Claim: patience,
			Restart: []time.Duration{0, time.Millisecond},
		},
	}
}

// script returns the path of a shell script that stands in for a plugin.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a host until the test or stop ends it, and checks that nothing is
// left of it.
func run(t *testing.T, o Options) (h *Host, stop func()) {
	t.Helper()
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h, start(t, h)
}

func start(t *testing.T, h *Host) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
		dir, err := runDir(h.o.RunDir, h.o.Strategy)
		if err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", dir, err)
		}
		if s := h.Status(); s.State != Stopped || s.PID != 0 {
			t.Errorf("status after Run: %+v", s)
		}
	}
	t.Cleanup(stop)
	return stop
}

// await waits for a state of affairs.
func await(t *testing.T, h *Host, what string, ok func(Status) bool) Status {
	t.Helper()
	deadline := time.After(patience)
	for {
		changed := h.Changed()
		s := h.Status()
		if ok(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("not %s within %v: %+v", what, patience, s)
		}
	}
}

func ready(s Status) bool { return s.State == Ready }

// suspend stops a process and waits until every thread of it stands still: the
// signal alone leaves it time to answer once more.
func suspend(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(tasks, running) {
			return
		}
	}
	t.Fatalf("process %d does not stop", pid)
}

// running reports whether a thread is not stopped; one that is gone is.
func running(stat string) bool {
	text, err := os.ReadFile(stat)
	_, state, _ := strings.Cut(string(text), ") ")
	return err == nil && !strings.HasPrefix(state, "T")
}

// awaitDeath waits until a process, which need not be a child, has ended.
func awaitDeath(t *testing.T, pid int, within time.Duration) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // already gone
	}
	defer unix.Close(fd)
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	began := time.Now()
	for time.Since(began) < within {
		n, err := unix.Poll(fds, int((within-time.Since(began)).Milliseconds())+1)
		if n > 0 {
			return
		}
		if err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	t.Errorf("process %d is alive after %v", pid, within)
	_ = unix.Kill(pid, unix.SIGKILL)
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// maxTail bounds the output of a step that its report keeps, in bytes.
const maxTail = 32 << 10

// run executes the steps of a slice until one fails and returns the report as
// Markdown. The output of the steps goes to out as well.
func run(ctx context.Context, root string, s slice, out io.Writer) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, maxSlice)
	defer cancel()
	var b strings.Builder
	fmt.Fprintf(&b, "# Proof: %s\n\n%s.\n\n", s.name, s.about)
	fmt.Fprintf(&b, "Commit %s, %s, %s, %d cores, load %s.\n",
		output(ctx, root, "git", "describe", "--always", "--dirty"), time.Now().UTC().Format(time.DateOnly),
		runtime.Version(), runtime.NumCPU(), load())
	for _, argv := range s.steps {
		started := time.Now()
		tail, err := step(ctx, root, argv, out)
		fmt.Fprintf(&b, "\n`%s`: %s, %s\n\n```\n%s```\n", strings.Join(argv, " "),
			verdict(err), time.Since(started).Round(time.Second), strings.ReplaceAll(tail, "```", "'''"))
		if err != nil {
			return b.String(), fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
		}
	}
	return b.String(), nil
}

func verdict(err error) string {
	if err != nil {
		return "FAILED (" + err.Error() + ")"
	}
	return "passed"
}

// step runs one command in a process group of its own, so that nothing of it
// survives the deadline, and returns the end of its output.
func step(ctx context.Context, root string, argv []string, out io.Writer) (string, error) {
	var kept tail
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "MAKEFLAGS=--no-print-directory")
	cmd.Stdout = io.MultiWriter(out, &kept)
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		err = ctx.Err()
	}
	return kept.String(), err
}

// output is the trimmed standard output of a command, "unknown" if it fails.
func output(ctx context.Context, root string, argv ...string) string {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = root
	text, err := cmd.Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// load is the load average of the last one, five and fifteen minutes.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); err == nil && len(fields) >= 3 {
		return strings.Join(fields[:3], " ")
	}
	return "unknown"
}

// tail is a writer that keeps the last maxTail bytes, from the start of a line.
type tail struct {
	buf bytes.Buffer
	cut bool
}

var _ io.Writer = (*tail)(nil)

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if over := t.buf.Len() - maxTail; over > 0 {
		t.buf.Next(over)
		t.cut = true
	}
	return len(p), nil
}

// String returns what was kept and says so when it is not all.
func (t *tail) String() string {
	text := t.buf.String()
	if t.cut {
		_, rest, _ := strings.Cut(text, "\n")
		text = "(the beginning was left out)\n" + rest
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

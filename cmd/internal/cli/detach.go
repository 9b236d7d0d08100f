package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/core/admin"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Bounds of --detach.
const (
	readyTime = 60 * time.Second // for the node to become ready
	maxLine   = 64 << 10         // bytes of the ready line, and of the log that is looked at
)

// detach starts the node as a process of its own and returns when it is ready.
func (c *cli) detach(cmd *cobra.Command, source Source) error {
	settings, err := c.Load(source)
	if err != nil {
		return err
	}
	if err := alreadyRuns(cmd.Context(), settings.DataDir); err != nil {
		return err
	}
	log, err := openLog(settings.DataDir)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	child, err := c.child(rebuild(cmd.Flags()), log, w)
	_ = w.Close()
	if err != nil {
		return fmt.Errorf("cannot start the node: %w", err)
	}
	_ = r.SetReadDeadline(time.Now().Add(readyTime)) // first: an interrupt brings it forward
	stop := context.AfterFunc(cmd.Context(), func() { _ = r.SetReadDeadline(time.Unix(0, 1)) })
	defer stop()
	line, err := bufio.NewReaderSize(io.LimitReader(r, maxLine), maxLine).ReadString('\n')
	if err != nil {
		return notReady(cmd.Context(), child, log, err)
	}
	c.say("%s", strings.TrimSuffix(line, "\n"))
	return child.Process.Release()
}

// alreadyRuns returns an error if a node answers in dataDir: its log is not to
// be put aside while it writes there.
func alreadyRuns(ctx context.Context, dataDir string) error {
	path := filepath.Join(dataDir, admin.SocketName)
	client, err := admin.NewClient(path)
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := client.Cluster(ctx); errors.Is(err, admin.ErrNoNode) {
		return nil
	}
	return fmt.Errorf("%w: it answers at %s: stop it first, or give this node another --data-dir", admin.ErrRunning, path)
}

// openLog opens the file that a detached node logs to. That of the run before
// is kept beside it, so that two files at most pile up.
func openLog(dataDir string) (*os.File, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the data directory: %w", err)
	}
	name := filepath.Join(dataDir, "muster.log")
	if err := os.Rename(name, name+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("cannot put the old log aside: %w", err)
	}
	return os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
}

// child starts this program again, in a session of its own, with ready as its
// descriptor 3.
func (c *cli) child(args []string, log, ready *os.File) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.Command(self, args...)
	child.Env = c.Environ
	child.Stdout, child.Stderr = log, log
	child.ExtraFiles = []*os.File{ready}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return child, child.Start()
}

// rebuild returns the command line of the detached node: the flags that were
// given, but for --detach.
func rebuild(f *pflag.FlagSet) []string {
	args := []string{"start", "--ready-fd=3"}
	f.Visit(func(flag *pflag.Flag) {
		if flag.Name == "detach" || flag.Name == "ready-fd" {
			return
		}
		values := []string{flag.Value.String()}
		if list, err := f.GetStringArray(flag.Name); err == nil {
			values = list
		}
		for _, v := range values {
			args = append(args, "--"+flag.Name+"="+v)
		}
	})
	return args
}

// notReady says why no ready line came. The end of the pipe means that the
// node is no more; else it is told to stop.
func notReady(ctx context.Context, child *exec.Cmd, log *os.File, err error) error {
	why := fmt.Sprintf("the node was not ready within %s", readyTime)
	switch {
	case errors.Is(err, io.EOF):
		why = "the node ended before it was ready"
	case ctx.Err() != nil:
		why = "interrupted"
	}
	_ = child.Process.Signal(syscall.SIGTERM)
	end := time.AfterFunc(readyTime, func() { _ = child.Process.Kill() })
	_ = child.Wait()
	end.Stop()
	return fmt.Errorf("%s: %s (log: %s)", why, lastLine(log), log.Name())
}

// lastLine returns the last line of a log, which says what went wrong.
func lastLine(log *os.File) string {
	info, err := log.Stat()
	if err != nil {
		return err.Error()
	}
	tail := make([]byte, min(info.Size(), maxLine))
	if _, err := log.ReadAt(tail, info.Size()-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	tail = bytes.TrimSpace(tail)
	if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
		tail = tail[i+1:]
	}
	if len(tail) == 0 {
		return "it logged nothing"
	}
	return string(tail)
}

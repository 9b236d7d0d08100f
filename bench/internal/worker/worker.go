// Package worker runs the load generator in processes of its own, so that what
// it costs is not counted as the broker's.
package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/load"
	"github.com/muster-mqtt/muster/bench/internal/proc"
)

// maxResult bounds the line that a worker answers with, in bytes: a histogram
// of every bucket is far below.
const maxResult = 1 << 20

// Worker is a process of the load generator.
type Worker struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	said  bytes.Buffer // its standard error
	ended bool
	used  time.Duration // processor time when it had told its result
}

// Start starts the running program once more, with "load" as the first
// argument, and waits until its clients are connected. The process ends with
// ctx, and with this one, whose end of the pipe it watches. A program that
// calls Start hands such arguments to load.Main.
func Start(ctx context.Context, o load.Options) (*Worker, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &Worker{cmd: exec.CommandContext(ctx, exe, append([]string{"load"}, o.Args()...)...)}
	w.cmd.WaitDelay = time.Second
	w.cmd.Stderr = &w.said
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.lines = bufio.NewScanner(out)
	w.lines.Buffer(nil, maxResult)
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	if !w.lines.Scan() || w.lines.Text() != load.Ready {
		return nil, w.failed(errors.New("it did not get ready"))
	}
	return w, nil
}

// Tell gives the word that a worker waits for.
func (w *Worker) Tell() error {
	if _, err := io.WriteString(w.in, "go\n"); err != nil {
		return w.failed(err)
	}
	return nil
}

// Result waits for the end of the worker and reads what it found.
func (w *Worker) Result(into any) error {
	if !w.lines.Scan() {
		return w.failed(errors.New("it ended without a result"))
	}
	if err := json.Unmarshal(w.lines.Bytes(), into); err != nil {
		return w.failed(err)
	}
	used, err := w.CPU()
	w.used = used
	return errors.Join(err, w.End())
}

// CPU is the processor time that the worker has used; after Result, until that.
func (w *Worker) CPU() (time.Duration, error) {
	if w.ended {
		return w.used, nil
	}
	return proc.CPU(w.cmd.Process.Pid)
}

// End waits for the process, which the end of its input ends if nothing else
// does; calling it again is harmless.
func (w *Worker) End() error {
	if w.ended {
		return nil
	}
	w.ended = true
	_ = w.in.Close()
	return w.cmd.Wait()
}

// failed ends the worker and tells what it said itself.
func (w *Worker) failed(err error) error {
	err = errors.Join(err, w.End())
	return fmt.Errorf("load process: %w: %s", err, strings.TrimSpace(w.said.String()))
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// kind is a way to bring messages from one process to another.
type kind struct {
	name string
	near func(ctx context.Context, addr string) (sender, error)
	far  func(ctx context.Context) (receiver, error)
}

// sender is the side that sends.
type sender interface {
	// send sends messages and returns when all may have arrived.
	send(ctx context.Context, messages, size int) error
	// ask sends a question and waits for the answer.
	ask(ctx context.Context, size int) error
	close() error
}

// receiver is the other side; it counts what comes and answers questions.
type receiver interface {
	addr() string
	// counted waits until so many messages have come, none of which came twice.
	counted(ctx context.Context, messages int) error
	close() error
}

// kinds are those that there are; all are compared with the first.
var kinds = []kind{
	{"bare", nearBare, farBare},
	{"tcp", nearTCP, farTCP},
	{"bare NATS", nearBareNATS, farBareNATS},
	{"nats", nearNATS, farNATS},
}

// far is the other side: it tells where it listens, and for each line with a
// number says so when that many messages have come. The end of its input ends it.
func far(ctx context.Context, name string, std streams) error {
	for _, k := range kinds {
		if k.name != name {
			continue
		}
		r, err := k.far(ctx)
		if err != nil {
			return err
		}
		return errors.Join(serve(ctx, r, std), r.close())
	}
	return fmt.Errorf("%w: %q is none of the kinds", errUsage, name)
}

func serve(ctx context.Context, r receiver, std streams) error {
	fmt.Fprintln(std.out, r.addr())
	for lines := bufio.NewScanner(std.in); lines.Scan(); {
		var messages int
		if _, err := fmt.Sscan(lines.Text(), &messages); err != nil {
			return err
		}
		if err := r.counted(ctx, messages); err != nil {
			return err
		}
		fmt.Fprintln(std.out, messages)
	}
	return nil
}

// process is the other side as this one sees it.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	addr  string
}

// startFar starts this program once more. It ends with ctx, and with this
// process, whose end of the pipe it watches.
func startFar(ctx context.Context, name string) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, exe, "far", name)}
	p.cmd.Stderr, p.cmd.WaitDelay = os.Stderr, time.Second
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if !p.lines.Scan() {
		return nil, errors.Join(errors.New("the other side does not start"), p.end())
	}
	p.addr = p.lines.Text()
	return p, nil
}

// counted waits until the other side has counted so many messages.
func (p *process) counted(messages int) error {
	if _, err := fmt.Fprintln(p.in, messages); err != nil {
		return err
	}
	if !p.lines.Scan() || strings.TrimSpace(p.lines.Text()) != fmt.Sprint(messages) {
		return errors.New("the other side did not count all messages")
	}
	return nil
}

func (p *process) end() error {
	_ = p.in.Close()
	return p.cmd.Wait()
}

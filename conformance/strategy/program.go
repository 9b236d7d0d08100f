package strategy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// cannotStatus is the exit status by which a fixture program says ErrCannot.
const cannotStatus = 3

// Bounds of a fixture program.
const (
	fixtureTime = 2 * time.Minute // for one verb
	maxReply    = 1 << 20
)

// program is a fixture that is a program in any language: it is called as
// PROGRAM verb [args], with its directory in $FIXTURE_DIR and as its working
// directory, and prints one JSON object or nothing. Exit status 3 says that it
// cannot do that; any other but 0, with standard error, that it failed.
type program struct{ path, dir string }

var _ Fixture = program{}

// Program returns the fixture that the program at path is.
func Program(path string) (NewFixture, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("fixture: %w", err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return nil, fmt.Errorf("fixture %s is not an executable file", path)
	}
	return func(dir string) (Fixture, error) { return program{path: path, dir: dir}, nil }, nil
}

func (p program) Do(ctx context.Context, verb string, args ...string) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, fixtureTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, append([]string{verb}, args...)...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "FIXTURE_DIR="+p.dir)
	// A backend that "up" leaves running must not hold our pipes: it is read
	// from files.
	stdout, stderr, err := p.outputs(verb)
	if err != nil {
		return Reply{}, err
	}
	defer stdout.Close()
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == cannotStatus {
		return Reply{}, fmt.Errorf("%w: %s %s", ErrCannot, verb, strings.Join(args, " "))
	}
	if err != nil {
		return Reply{}, fmt.Errorf("fixture %s: %w: %s", verb, err, tail(stderr.Name()))
	}
	return decodeReply(stdout.Name(), verb)
}

func (p program) outputs(verb string) (stdout, stderr *os.File, err error) {
	stdout, err = os.CreateTemp(p.dir, ".stdout-"+verb+"-*")
	if err != nil {
		return nil, nil, err
	}
	stderr, err = os.CreateTemp(p.dir, ".stderr-"+verb+"-*")
	if err != nil {
		_ = stdout.Close()
	}
	return stdout, stderr, err
}

func decodeReply(path, verb string) (r Reply, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if len(text) > maxReply {
		return r, fmt.Errorf("fixture %s: printed %d bytes, more than %d", verb, len(text), maxReply)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return r, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("fixture %s: printed what is no reply: %w: %.200s", verb, err, text)
	}
	return r, nil
}

// tail is the end of what a fixture said on standard error.
func tail(path string) string {
	text, _ := os.ReadFile(path)
	text = bytes.TrimSpace(text)
	return strings.Join(strings.Fields(string(text[max(len(text)-400, 0):])), " ")
}

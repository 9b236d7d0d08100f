//go:build linux

package standing

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asFixture makes this program a fixture, which tells the socket that it names
// of every "down". broken is a fixture that cannot be opened.
const (
	asFixture = "MUSTER_TEST_STANDING"
	broken    = "broken"
)

func TestMain(m *testing.M) {
	told := os.Getenv(asFixture)
	if told == "" {
		goleak.VerifyTestMain(m)
		return
	}
	os.Exit(Run(Options{Args: os.Args[1:], vigil: 20 * time.Millisecond, Open: func() (Fixture, error) {
		if told == broken {
			return nil, errors.New("there is no backend")
		}
		return &memory{told: told}, nil
	}}))
}

// memory is a fixture that remembers its seeds.
type memory struct {
	told  string
	seeds []string
}

var _ Fixture = (*memory)(nil)

func (m *memory) Do(verb string, args ...string) ([]byte, error) {
	switch verb {
	case "up":
		return []byte(`{"config":{}}`), nil
	case "seed":
		m.seeds = append(m.seeds, args[0])
		return nil, nil
	case "inspect":
		return fmt.Appendf(nil, "%q", strings.Join(m.seeds, " ")), nil
	case "down":
		conn, err := net.Dial("unix", m.told)
		if err == nil {
			err = conn.Close()
		}
		return nil, err
	case "fault":
		return nil, fmt.Errorf("%w: %s", ErrCannot, args[0])
	}
	return nil, errors.New("no such verb")
}

// program is a fixture in a directory of its own.
type program struct {
	t    *testing.T
	dir  string
	mode string
	down net.Listener // is told of every "down"
}

func newProgram(t *testing.T) *program {
	t.Helper()
	p := &program{t: t, dir: filepath.Join(t.TempDir(), "f")}
	p.mode = filepath.Join(t.TempDir(), "down")
	var err error
	if p.down, err = net.Listen("unix", p.mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.down.Close() })
	return p
}

// run carries out a verb and returns the status, and what is printed where the
// status wants it.
func (p *program) run(args ...string) (int, string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), os.Args[0], args...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), asFixture+"="+p.mode, "GORACE=atexit_sleep_ms=0") // else a second each
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	if status := cmd.ProcessState.ExitCode(); status != done {
		return status, strings.TrimSpace(errs.String())
	}
	return done, strings.TrimSpace(out.String())
}

// ended waits for the "down" of the process that stays.
func (p *program) ended() {
	p.t.Helper()
	if err := p.down.(*net.UnixListener).SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	conn, err := p.down.Accept()
	if err != nil {
		p.t.Fatalf("the process that stays does not end: %v", err)
	}
	_ = conn.Close()
}

// The verbs share what the process that stays has; each has its status.
func TestVerbs(t *testing.T) {
	p := newProgram(t)
	for _, x := range []struct {
		args   string
		status int
		want   string
	}{
		{"", usage, "usage: FIXTURE"},
		{"down", done, ""},
		{"inspect", failed, "no such file"},
		{"up", done, `{"config":{}}`},
		{"up", failed, "already in use"},
		{"seed a", done, ""},
		{"seed b", done, ""},
		{"inspect", done, `"a b"`},
		{"fault cut", cannot, "cannot do that: cut"},
		{"dance", failed, "no such verb"},
		{"inspect", done, `"a b"`},
	} {
		status, got := p.run(strings.Fields(x.args)...)
		if status != x.status || !strings.Contains(got, x.want) || x.want == "" && got != "" {
			t.Errorf("%q: status %d, %q", x.args, status, got)
		}
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		p.ended()
	}()
	if status, got := p.run("down"); status != done || got != "" {
		t.Errorf("down: status %d, %q", status, got)
	}
	<-told
}

// One whose directory is removed ends its backend.
func TestVigil(t *testing.T) {
	p := newProgram(t)
	if status, got := p.run("up"); status != done {
		t.Fatal(got)
	}
	if err := os.RemoveAll(p.dir); err != nil {
		t.Fatal(err)
	}
	p.ended()
}

// Why there is no backend is what every verb says, "down" ends it all the same.
func TestNoBackend(t *testing.T) {
	p := newProgram(t)
	p.mode = broken
	for _, verb := range []string{"up", "inspect", "down"} {
		if status, got := p.run(verb); status != failed || got != "there is no backend" {
			t.Errorf("%s: status %d, %q", verb, status, got)
		}
	}
	if status, got := p.run("down"); status != done {
		t.Errorf("down again: %q", got)
	}
}

// Who asks nothing, or nonsense, is hung up on.
func TestNonsense(t *testing.T) {
	for _, text := range []string{"{}\n", "[1]\n", "x"} {
		near, far := net.Pipe()
		go func() {
			_, _ = far.Write([]byte(text))
			_ = far.Close()
		}()
		if answerOne(near, &memory{}) {
			t.Errorf("%q ends the fixture", text)
		}
	}
}

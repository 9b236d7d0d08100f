package epmd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/transport/internal/porttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what must happen.
const patience = time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// erlang is the port mapper of Erlang. A machine without it cannot show that
// we speak its protocol.
func erlang(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("epmd")
	if err != nil {
		t.Fatal("epmd is not installed: it is in Debian's erlang-base (.ci/install installs it)")
	}
	return path
}

// free is a port that nobody has.
func free(t *testing.T) int { return porttest.Port(t) }

// erlangs runs the mapper of Erlang until the test, or stop, ends it.
func erlangs(t *testing.T, port int) (stop func()) {
	t.Helper()
	cmd := exec.Command(erlang(t), "-port", strconv.Itoa(port), "-address", "127.0.0.1")
	cmd.Env = append(os.Environ(), "ERL_EPMD_PORT="+strconv.Itoa(port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	awaitPort(t, port)
	return stop
}

// awaitPort waits until a process listens, which says nothing when it does.
func awaitPort(t *testing.T, port int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx := within(t); ; {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("nobody listens on", port)
		}
	}
}

// ours runs our mapper until the test, or stop, ends it.
func ours(t *testing.T, port int) (stop func()) {
	t.Helper()
	ln := must[net.Listener](t)(net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))))
	s := NewServer(nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// names is what `epmd -names` of Erlang prints.
func names(t *testing.T, port int) string {
	t.Helper()
	cmd := exec.CommandContext(within(t), erlang(t), "-port", strconv.Itoa(port), "-names")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("epmd -names: %v: %s", err, out)
	}
	return string(out)
}

// lines is a log that a test reads line by line.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}

func (l lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l lines) await(t *testing.T, word string) {
	t.Helper()
	for ctx := within(t); ; {
		select {
		case line := <-l:
			if strings.Contains(line, word) {
				return
			}
		case <-ctx.Done():
			t.Fatalf("nobody said %q", word)
		}
	}
}

func nodeNamed(i int) Node { return Node{Name: fmt.Sprint("n", i), Port: 6369 + i} }

package discovery

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func pluginCommand(t *testing.T, cookie bool) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	h := Handshake()
	cmd.Env = []string{asPlugin + "=1", "TMPDIR=" + t.TempDir(), "PLUGIN_PROTOCOL_VERSIONS=1"}
	if cookie {
		cmd.Env = append(cmd.Env, h.MagicCookieKey+"="+h.MagicCookieValue)
	}
	return cmd
}

func TestByHandItExplainsItself(t *testing.T) {
	out, err := pluginCommand(t, false).CombinedOutput()
	var exit *exec.ExitError
	if !asExit(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("got %v, want exit status 1", err)
	}
	if !strings.HasPrefix(string(out), "toy 1 is a discovery plugin of muster") {
		t.Errorf("printed %q", out)
	}
}

func asExit(err error, to **exec.ExitError) (ok bool) {
	*to, ok = err.(*exec.ExitError)
	return ok
}

// A plugin ends within 300 ms of its host: the best of some trials counts, as
// a busy machine may be late for one.
func TestDiesWithItsHost(t *testing.T) {
	least := time.Hour
	for range 3 {
		least = min(least, diesWithItsHost(t))
	}
	if least > 300*time.Millisecond {
		t.Errorf("plugins outlive their host by %v at the least", least)
	}
}

// diesWithItsHost returns how long a plugin lives without its host. It runs as
// go-plugin starts it; closing the pipe is what the kernel does when the host
// dies.
func diesWithItsHost(t *testing.T) time.Duration {
	cmd := pluginCommand(t, true)
	alive, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{alive}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = alive.Close()
	lines := bufio.NewReader(stdout)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "1|1|unix|") {
		t.Errorf("handshake %q, %v", line, err)
	}
	began := time.Now()
	_ = hold.Close()
	rest, _ := io.ReadAll(lines)
	_ = cmd.Wait()
	took := time.Since(began)
	if len(rest) > 0 {
		t.Errorf("printed %q after the handshake", rest)
	}
	return took
}

func TestLogLinesAreHclog(t *testing.T) {
	var out bytes.Buffer
	newLogger(&out).With(slog.Group("g", "level", 1)).Warn("hello", "seed", "a@b")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["@level"] != "warn" || line["@message"] != "hello" || line["seed"] != "a@b" || line["@timestamp"] == nil {
		t.Errorf("logged %s", out.String())
	}
}

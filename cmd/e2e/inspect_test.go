package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// result is what one run of the command line has brought.
type result struct {
	out, errs string
	status    int
	took      time.Duration
}

// command runs the command line to its end, with nothing in its environment but
// what is given, PATH and HOME.
func command(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // also in a Cleanup
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "muster"), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}, environ...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	_ = cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("muster %s does not end:\n%s", strings.Join(args, " "), stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(begin)}
}

// refused fails the test unless r is a refusal: the status, nothing on
// standard output, and one line that holds every one of words.
func (r result) refused(t *testing.T, status int, words ...string) {
	t.Helper()
	if r.status != status || r.out != "" || strings.Count(r.errs, "\n") != 1 || !strings.HasSuffix(r.errs, "\n") {
		t.Errorf("status %d, stdout %q, stderr %q; want status %d and one line on stderr", r.status, r.out, r.errs, status)
	}
	for _, w := range words {
		if !strings.Contains(r.errs, w) {
			t.Errorf("%q does not say %q", strings.TrimSpace(r.errs), w)
		}
	}
}

// write writes the configuration of a node that is not started by start.
func (n *node) write() (file string) {
	n.t.Helper()
	file = n.dir + ".conf"
	if err := os.WriteFile(file, []byte(n.conf), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return file
}

// get asks the admin socket and returns the body.
func (n *node) get(path string) string {
	n.t.Helper()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(n.dir, "muster.sock"))
	}}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr, Timeout: patience}).Get("http://localhost" + path)
	if err != nil {
		n.t.Fatalf("%s: %v", n.name, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		n.t.Fatalf("%s: %s: %v", n.name, path, err)
	}
	return string(body)
}

// count returns the sum of the metrics whose name, with labels, begins with
// muster_prefix.
func (n *node) count(prefix string) (sum float64) {
	n.t.Helper()
	for line := range strings.Lines(n.get("/metrics")) {
		at := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		if strings.HasPrefix(line, "muster_"+prefix) && err == nil {
			sum += v
		}
	}
	return sum
}

// plugin is a row of `muster plugins --json`.
type plugin struct {
	PID       int    `json:"pid"`
	State     string `json:"state"`
	Restarts  int    `json:"restarts"`
	LastError string `json:"last_error"`
}

// plugin returns what the node says of its only plugin.
func (n *node) plugin() plugin {
	n.t.Helper()
	var all struct {
		Plugins []plugin `json:"plugins"`
	}
	if err := json.Unmarshal([]byte(n.muster("plugins", "--json")), &all); err != nil || len(all.Plugins) != 1 {
		n.t.Fatalf("plugins: %v, %v", all, err)
	}
	return all.Plugins[0]
}

// readyPlugin waits until the plugin is at work and is not the process old.
func (n *node) readyPlugin(old int) plugin {
	n.t.Helper()
	var p plugin
	until(n.t, patience, "a plugin at work", func() bool {
		p = n.plugin()
		return p.State == "ready" && p.PID != old
	})
	return p
}

// logged returns the lines of the log that hold all words.
func (n *node) logged(words ...string) (lines []string) {
	n.t.Helper()
	for _, line := range strings.Split(n.output(), "\n") {
		all := line != ""
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			lines = append(lines, line)
		}
	}
	return lines
}

// runs reports whether a process runs; one that has ended and that nobody has
// waited for does not.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// proc returns a file of /proc of a process.
func proc(t *testing.T, pid int, file string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// resident returns the resident memory of the node, in bytes.
func (n *node) resident() int {
	n.t.Helper()
	_, rest, _ := strings.Cut(proc(n.t, n.cmd.Process.Pid, "status"), "VmRSS:")
	var kb int
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		n.t.Fatalf("VmRSS: %v", err)
	}
	return kb << 10
}

// descriptors returns how many files the node has open.
func (n *node) descriptors() int {
	n.t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	return len(open)
}

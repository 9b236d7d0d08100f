package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// started runs `muster start` with args and returns what Run was given.
func started(t *testing.T, args ...string) (Source, result) {
	t.Helper()
	var source Source
	got := call(t, Invocation{Args: args, Environ: []string{"A=1"}, Run: func(_ context.Context, o StartOptions) error {
		source = o.Source
		o.Ready("a@h1 is ready")
		o.Ready("twice")
		return nil
	}})
	return source, got
}

func TestStartFlags(t *testing.T) {
	environ := []string{"A=1"}
	tests := []struct {
		args string
		want Source
	}{
		{"start", Source{Environ: environ}},
		{"agent", Source{Environ: environ}},
		{"start -c one --config two -cthree", Source{Environ: environ, Files: []string{"one", "two", "three"}}},
		{"start -config-dir d", Source{Environ: environ, ConfigDir: "d"}},
		{"start --set a=b --set=c=d,e", Source{Environ: environ, Set: []string{"a=b", "c=d,e"}}},
		{"agent -server -bootstrap-expect 3 -data-dir d -node n1 -bind ::1 -join h1 -join=h2:4371", Source{Environ: environ, Flags: []Flag{
			{"node.role", "core", "--server"}, {"cluster.bootstrap_expect", "3", "--bootstrap-expect"}, {"node.data_dir", "d", "--data-dir"},
			{"node.name", "n1", "--node"}, {"node.bind", "::1", "--bind"}, {"cluster.join", "h1,h2:4371", "--join"},
		}}},
	}
	for _, c := range tests {
		source, got := started(t, strings.Fields(c.args)...)
		check(t, c.args, result{0, "a@h1 is ready\n", ""}, got)
		if diff := cmp.Diff(c.want, source, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
}

func TestStartFails(t *testing.T) {
	got := call(t, Invocation{Args: []string{"start"}, Run: func(context.Context, StartOptions) error {
		return errors.New("port 4371 is in use")
	}})
	check(t, "start", result{1, "", "port 4371 is in use\n"}, got)
}

// TestDetach starts a process, asks it and stops it, as a user would.
func TestDetach(t *testing.T) {
	dir := t.TempDir()
	environ := append(os.Environ(), childMode+"=serve")
	got := call(t, Invocation{Args: []string{"start", "--detach", "--data-dir", dir, "--set", "a=b", "-set=c=d e"}, Environ: environ})
	if got.Status != 0 || !strings.HasPrefix(got.Stdout, "a@h1 is ready, process ") || got.Stderr != "" {
		t.Fatalf("%+v", got)
	}
	if members := run(t, dir, "members", "--data-dir", "DIR"); !strings.Contains(members.Stdout, " a=b c=d e ") {
		t.Errorf("%+v", members)
	}
	check(t, "stop", result{0, "Stop the node successfully.\n", ""}, run(t, dir, "stop", "--data-dir", "DIR"))
	reap(t, got.Stdout)
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 || filepath.Base(files[0]) != "muster.log" {
		t.Errorf("left behind: %v", files)
	}
}

// reap waits for the end of the process that a ready line names: it is a child
// of this one.
func reap(t *testing.T, ready string) {
	t.Helper()
	_, text, _ := strings.Cut(strings.TrimSpace(ready), "process ")
	pid, err := strconv.Atoi(text)
	if err == nil {
		_, err = syscall.Wait4(pid, nil, 0, nil)
	}
	if err != nil {
		t.Errorf("%q: %v", ready, err)
	}
}

// TestDetachFails has a node that ends before it is ready.
func TestDetachFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	environ := append(os.Environ(), childMode+"=fail")
	for range 2 {
		got := call(t, Invocation{Args: []string{"start", "--detach", "--data-dir", dir}, Environ: environ})
		log := filepath.Join(dir, "muster.log")
		check(t, "start", result{1, "", "the node ended before it was ready: port 4371 is in use (log: " + log + ")\n"}, got)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 2 {
		t.Errorf("left behind: %v", files)
	}
}

// TestDetachTwice starts a second node where one runs.
func TestDetachTwice(t *testing.T) {
	dir := serve(t, newFake())
	got := call(t, Invocation{Args: []string{"start", "--detach", "--data-dir", dir}, Environ: append(os.Environ(), childMode+"=serve")})
	check(t, "start", result{1, "", "another node runs on this data directory: it answers at " + socket(dir) + ": stop it first, or give this node another --data-dir\n"}, got)
}

// TestDetachInterrupted gives up on a node that never gets ready.
func TestDetachInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr strings.Builder
	status := Main(ctx, Invocation{
		Args: []string{"start", "--detach", "--data-dir", t.TempDir()}, Environ: append(os.Environ(), childMode+"=never ready"),
		Stdout: &stdout, Stderr: &stderr, Load: loadFake,
	})
	if status != 1 || stdout.String() != "" || !strings.HasPrefix(stderr.String(), "interrupted: ") {
		t.Errorf("%d %q %q", status, &stdout, &stderr)
	}
}

func TestNormalise(t *testing.T) {
	tests := map[string]string{
		"-join a --join b":              "--join a --join b",
		"-c f -cf -h -config-dir=d":     "-c f -cf -h --config-dir=d",
		"-help -config-dir d -config x": "--help --config-dir d -config x",
		"-- -join":                      "-- -join",
		"- --":                          "- --",
		"-json=true":                    "--json=true",
		"":                              "",
		"__complete -jo -atlas":         "__complete -jo -atlas",
	}
	for in, want := range tests {
		got, err := normalise(strings.Fields(in))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v, want %s", in, got, err, want)
		}
	}
}

// FuzzArgs checks that no command line makes the program fall over, or run a
// node that was not asked for.
func FuzzArgs(f *testing.F) {
	for _, s := range []string{"start -c x", "cluster -join", "-atlas", "help help", "__complete start -", "config check \x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		ran := false
		args := strings.Split(line, " ")
		if strings.Contains(line, "detach") {
			return
		}
		inv := Invocation{
			Args: args, Run: func(context.Context, StartOptions) error { ran = true; return nil },
			Load: func(Source) (Settings, error) { return Settings{}, errors.New("no configuration") },
		}
		got := call(t, inv)
		if ran && !strings.Contains(line, "start") && !strings.Contains(line, "agent") {
			t.Errorf("%q ran a node", line)
		}
		if got.Status < 0 || got.Status > 2 || got.Status != 0 && got.Stderr == "" {
			t.Errorf("%q: %+v", line, got)
		}
	})
}

// Package program builds the plugin whose tests run, for those that want it as
// a process.
package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// buildTime bounds the building of a plugin on a cold machine.
const buildTime = 10 * time.Minute

// TB is the part of testing.TB that is needed.
type TB interface {
	Helper()
	TempDir() string
	Fatalf(format string, args ...any)
}

// M is what runs the tests of a package: *testing.M.
type M interface{ Run() int }

// Build builds the main package of the working directory as a user would, under
// the name muster-discovery-NAME, and returns its path. It is gone after the
// test.
func Build(t TB, name string) string {
	t.Helper()
	path, err := build(t.TempDir(), name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return path
}

// Main is Build for all tests of a package: it sets the path, runs them, and
// returns the status to exit with.
func Main(m M, name string, path *string) int {
	dir, err := os.MkdirTemp("", "muster-"+name+"-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if *path, err = build(dir, name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(dir, name string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	path := filepath.Join(dir, "muster-discovery-"+name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", path, err, out)
	}
	return path, nil
}

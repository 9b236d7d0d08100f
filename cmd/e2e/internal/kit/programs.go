package kit

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// module is what the paths of all programs begin with.
const module = "github.com/muster-mqtt/muster/"

// buildTime bounds the building of one program on a cold machine.
const buildTime = 5 * time.Minute

// atOnce is how many tests run side by side, whatever the number of cores: they
// wait most of the time.
const atOnce = "8"

// Programs is the directory of the programs under test.
type Programs string

// Main builds muster and what else is named into a new directory, runs the
// tests, and removes it: what TestMain does. A name is that of a directory
// below plugins: "dns" is a plugin, "dns/fixture" the fixture of its backend.
func Main(m *testing.M, bin *Programs, names ...string) int {
	dir, err := os.MkdirTemp("", "muster-kit-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if *bin, err = Build(dir, names...); err == nil {
		err = flag.Set("test.parallel", atOnce)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Build builds muster and what else is named, as for Main, into dir.
func Build(dir string, names ...string) (Programs, error) {
	if err := build(filepath.Join(dir, "muster"), "cmd/muster"); err != nil {
		return "", err
	}
	for _, name := range names {
		if err := build(filepath.Join(dir, fileOf(name)), "plugins/"+name); err != nil {
			return "", err
		}
	}
	return Programs(dir), nil
}

// fileOf is where a plugin or a fixture is, within the directory.
func fileOf(name string) string {
	if strategy, ok := strings.CutSuffix(name, "/fixture"); ok {
		return "fixture-" + strategy
	}
	return "plugins/muster-discovery-" + name
}

func build(file, pkg string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", file, module+pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// Path is the file of a program: "muster", or a name as for Main.
func (p Programs) Path(name string) string {
	if name == "muster" {
		return filepath.Join(string(p), name)
	}
	return filepath.Join(string(p), fileOf(name))
}

package outsiders

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// root is the top of the source tree.
const root = "../../.."

// bin is where the programs are, built by TestMain; the two plugins are where
// a node looks for them.
var bin string

// strategies are the outsiders, by the names of their reports.
var strategies = map[string]string{"hello-go": "hello", "hello-python": "hello-python"}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "muster-outsiders-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	if err := buildAll(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// buildAll builds the plugins by the commands of their READMEs.
func buildAll() error {
	for _, b := range []struct {
		dir  string
		argv []string
		work string
	}{
		{"cmd/muster", []string{"go", "build", "-o", filepath.Join(bin, "muster"), "."}, ""},
		{"conformance/cmd/muster-conformance", []string{"go", "build", "-o", filepath.Join(bin, "muster-conformance"), "."}, ""},
		{"examples/hello-strategy", []string{"go", "build", "-o", plugin("hello"), "."}, "off"},
	} {
		cmd := exec.Command(b.argv[0], b.argv[1:]...)
		cmd.Dir = filepath.Join(root, b.dir)
		if b.work != "" {
			cmd.Env = append(os.Environ(), "GOWORK="+b.work)
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", b.dir, err, text)
		}
	}
	return nil
}

func plugin(strategy string) string {
	return filepath.Join(bin, "plugins", "muster-discovery-"+strategy)
}

// python builds the plugin in Python, where that can be done.
func python(t *testing.T) {
	t.Helper()
	for _, command := range [][]string{{"protoc", "--version"}, {"/usr/bin/python3", "-c", "import grpc, google.protobuf, cryptography"}} {
		if text, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("skip: no packages for a plugin in Python (.ci/install does): %v %s", err, text)
		}
	}
	if _, err := os.Stat(plugin("hello-python")); err == nil {
		return
	}
	if text, err := exec.Command(filepath.Join(root, "examples/hello-strategy-python/build.sh"), plugin("hello-python")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// each runs a test with each of the outsiders.
func each(t *testing.T, f func(t *testing.T, strategy string)) {
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		f(t, "hello")
	})
	t.Run("python", func(t *testing.T) {
		python(t)
		t.Parallel()
		f(t, "hello-python")
	})
}

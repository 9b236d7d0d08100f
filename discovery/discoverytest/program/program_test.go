package program

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// module makes the working directory a module with one main file.
func module(t *testing.T, text string) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("GOWORK", "off")
	for name, text := range map[string]string{"go.mod": "module x\n\ngo 1.26\n", "main.go": "package main\n\n" + text + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const good = `func main() { println("hello") }`

func runs(t *testing.T, path string) {
	t.Helper()
	if out, err := exec.Command(path).CombinedOutput(); err != nil || string(out) != "hello\n" || filepath.Base(path) != "muster-discovery-x" {
		t.Errorf("%s says %q, %v", path, out, err)
	}
}

// fatal is a test that remembers how it failed.
type fatal struct {
	*testing.T
	said string
}

func (f *fatal) Fatalf(_ string, args ...any) { f.said = args[0].(error).Error() }

func TestBuild(t *testing.T) {
	module(t, good)
	runs(t, Build(t, "x"))
	module(t, "func main() { nonsense }")
	f := &fatal{T: t}
	if Build(f, "x"); !strings.Contains(f.said, "undefined: nonsense") {
		t.Errorf("what cannot be built: %q", f.said)
	}
}

// tests are those of a package.
type tests func() int

var _ M = tests(nil)

func (f tests) Run() int { return f() }

func TestMainOfAPackage(t *testing.T) {
	module(t, good)
	path := ""
	if status := Main(tests(func() int { runs(t, path); return 7 }), "x", &path); status != 7 {
		t.Errorf("status %d", status)
	}
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("the program is still there")
	}
	module(t, "nonsense")
	if status := Main(tests(func() int { t.Error("the tests run"); return 0 }), "x", &path); status != 1 {
		t.Errorf("what cannot be built: status %d", status)
	}
}

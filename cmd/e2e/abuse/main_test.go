package abuse

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bin is where TestMain has built the programs.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "muster-abuse-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	programs := map[string]string{"muster": "cmd/muster"}
	for _, p := range plugins {
		programs["plugins/"+program(p.strategy)] = "plugins/" + p.strategy
		if p.fixture != "" {
			programs["fixture-"+p.strategy] = p.fixture
		}
	}
	for out, pkg := range programs {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, out), ".")
		build.Dir = filepath.Join("../../..", pkg)
		if text, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", pkg, err, text)
			return 1
		}
	}
	// The plugins are tried side by side, whatever the number of cores: they
	// wait most of the time.
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// program is the file name of a strategy's plugin.
func program(strategy string) string { return "muster-discovery-" + strategy }

// proving says that the trials have the length of the promise, each node by
// itself and then all of them; else they are short, on all nodes at once.
func proving() bool { return os.Getenv("MUSTER_PROVE") != "" }

// lasting is how long a trial lasts.
func lasting(short, promised time.Duration) time.Duration {
	if proving() {
		return promised
	}
	return short
}

// until waits for a state of other processes, which have no event to wait
// for, and fails the test when it has not come within that long of since.
func until(t *testing.T, since time.Time, within time.Duration, what func() (still string)) time.Duration {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		still := what()
		took := time.Since(since)
		if still == "" && took <= within {
			return took
		}
		if took > within {
			t.Fatalf("not within %s but for %s: %s", within, took.Round(time.Millisecond), still)
		}
		<-tick.C
	}
}

// during calls f at once and at each tick until that long has passed.
func during(d, every time.Duration, f func()) {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		f()
		select {
		case <-tick.C:
		case <-end.C:
			return
		}
	}
}

// words joins what is wrong with several things; empty is well.
func words(of []string) string { return strings.Join(of, "; ") }

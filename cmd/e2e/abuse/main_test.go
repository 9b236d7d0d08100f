package abuse

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// bin is where TestMain has built the programs.
var bin kit.Programs

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "muster-abuse-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	var names []string
	for _, p := range plugins {
		names = append(names, p.strategy)
		if p.fixture != "" {
			names = append(names, p.fixture)
		}
	}
	// The plugins are tried side by side, whatever the number of cores: they
	// wait most of the time.
	if bin, err = kit.Build(dir, names...); err == nil {
		err = flag.Set("test.parallel", "16")
	}
	if err != nil {
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

package clauses

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// within bounds every wait for something that must come.
const within = 30 * time.Second

var (
	program string // what is tested
	root    string // of what this run writes
	common  *solo.Node
	start   = sync.OnceValue(func() (err error) {
		common, err = solo.Start(program, filepath.Join(root, "common"), "")
		return err
	})
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (status int) {
	flag.Parse()
	// The scenes wait for time more than they use it.
	err := flag.Set("test.parallel", "16")
	if err == nil {
		root, err = os.MkdirTemp("", "muster-clauses-")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(root)
	if program, err = solo.Build(context.Background(), root); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status = m.Run()
	if common != nil {
		if err := common.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	return status
}

// own starts a node for one test, which its end stops.
func own(t *testing.T, extra string) *solo.Node {
	t.Helper()
	n, err := solo.Start(program, filepath.Join(t.TempDir(), "data"), extra)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// alone is own as the nodes of scenes.
func alone(t *testing.T, extra string) []*solo.Node {
	t.Helper()
	return []*solo.Node{own(t, extra)}
}

// shared returns the node that most tests use together.
func shared(t *testing.T) *solo.Node {
	t.Helper()
	if err := start(); err != nil {
		t.Fatal(err)
	}
	return common
}

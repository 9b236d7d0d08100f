package foreign

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// within bounds every wait for something that must come.
const within = time.Minute

// node is the node that all tests use.
var node *solo.Node

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (status int) {
	dir, err := os.MkdirTemp("", "muster-foreign-")
	if err == nil {
		defer os.RemoveAll(dir)
		var program string
		if program, err = solo.Build(context.Background(), dir); err == nil {
			node, err = solo.Start(program, filepath.Join(dir, "data"), "")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status = m.Run()
	if err := errors.Join(node.Stop(), goleak.Find()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// topicOf returns a topic, and a client ID, of the test's own.
func topicOf(t *testing.T, name string) string {
	return strings.NewReplacer("/", "-", "#", "-").Replace(t.Name()) + "/" + name
}

func idOf(t *testing.T, name string) string {
	return strings.ReplaceAll(topicOf(t, name), "/", "-")
}

// hostPort are those of the node's listener.
func hostPort(t *testing.T) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(node.MQTT)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// wait returns the next value of a channel.
func wait[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case v, ok := <-ch:
		if !ok {
			t.Fatalf("%s: it ended", what)
		}
		return v
	case <-late.C:
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

package solo

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestNode: a node that is ready takes connections, and is gone after Stop.
func TestNode(t *testing.T) {
	program, err := Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	n, err := Start(program, filepath.Join(t.TempDir(), "data"), "mqtt.max_inflight = 7")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", n.MQTT)
	if err != nil {
		t.Fatal(err)
	}
	// A CONNECT, so that there is something to count, and its CONNACK.
	if _, err := c.Write([]byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if all, err := n.Counters(t.Context()); err != nil || len(all) == 0 {
		t.Errorf("counters %v, %v", all, err)
	}
	pid := n.PID()
	n.Kill()
	if err := n.Again(); err != nil {
		t.Fatal(err)
	}
	if n.PID() == pid {
		t.Error("the same process after a restart")
	}
	if err := n.Reload(); err != nil {
		t.Error(err)
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", n.MQTT); err == nil {
		_ = c.Close()
		t.Error("the listener outlives its node")
	}
}

// TestBadConfiguration: the error shows what the node said.
func TestBadConfiguration(t *testing.T) {
	program, err := Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(program, filepath.Join(t.TempDir(), "data"), "mqtt.no_such_key = 7"); err == nil || !strings.Contains(err.Error(), "no_such_key") {
		t.Errorf("got %v", err)
	}
}

// TestCounters: comments and zeros are left out, and nonsense is an error.
func TestCounters(t *testing.T) {
	all, err := counters(strings.NewReader("# HELP a what\na 0\nb{c=\"d e\"} 2\n\nf 1e3\n"))
	if err != nil || len(all) != 2 || all[`b{c="d e"}`] != 2 || all["f"] != 1000 {
		t.Errorf("got %v, %v", all, err)
	}
	if _, err := counters(strings.NewReader("a b\n")); err == nil {
		t.Error("nonsense was taken")
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "muster" {
		os.Exit(pretend(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// pretend is a node that can start, and tell the status that an environment
// variable gives it.
func pretend(args []string) int {
	told := os.Getenv("PRETEND")
	switch {
	case told == "broken":
		fmt.Fprintln(os.Stderr, "port 4371 is in use")
		return 1
	case args[0] == "start":
		if err := listen(args[2]); err != nil {
			fmt.Println(err)
			return 1
		}
		<-make(chan struct{}) // until the signal
	case os.Getenv("ASKED") != "":
		note(os.Getenv("ASKED"))
	}
	fmt.Println(told)
	return 0
}

// note makes a file longer, by which the test sees that a node was asked.
func note(file string) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.WriteString("?")
	}
	if err != nil {
		fmt.Println(err)
	}
	_ = f.Close()
}

// listen takes clients where the configuration file says.
func listen(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(text), "listeners.tcp.default.bind = \"")
	addr, _, _ := strings.Cut(rest, "\"")
	_, err = net.Listen("tcp", addr)
	return err
}

// pretended is a cluster of such nodes.
func pretended(t *testing.T, told string) *cluster {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "muster")
	if err := os.Symlink(exe, binary); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PRETEND", told)
	dir := t.TempDir()
	c, err := newCluster(binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Error("the files are still there")
		}
	})
	return c
}

const allRunning = `{"running_nodes":["n3@127.0.0.1","n1@127.0.0.1","n2@127.0.0.1"],"stopped_nodes":[]}`

func TestNodesStartDieAndReturn(t *testing.T) {
	c := pretended(t, allRunning)
	for _, n := range c.nodes {
		if err := c.start(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.await(t.Context(), c.nodes, nil); err != nil {
		t.Error(err)
	}
	first := c.nodes[2].cmd.Process.Pid
	if err := c.nodes[2].kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.start(c.nodes[2]); err != nil || c.nodes[2].cmd.Process.Pid == first {
		t.Errorf("pid %d again, %v", first, err)
	}
}

func TestAwaitTellsWhatItSaw(t *testing.T) {
	c := pretended(t, `{"running_nodes":["n1@127.0.0.1"],"stopped_nodes":["n3@127.0.0.1"]}`)
	if err := c.start(c.nodes[0]); err != nil {
		t.Fatal(err)
	}
	if err := c.await(t.Context(), c.nodes[:1], c.nodes[2:]); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := filepath.Join(t.TempDir(), "asked")
	t.Setenv("ASKED", asked)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		askedTwice(ctx, asked)
		cancel()
	}()
	err := c.await(ctx, c.nodes[:1], c.nodes[1:])
	cancel()
	<-watched
	if err == nil || !strings.Contains(err.Error(), "but it sees [n1@127.0.0.1] running, [n3@127.0.0.1] stopped") {
		t.Errorf("error %v", err)
	}
}

// askedTwice waits until a node was asked for the second time, when its first
// answer is known, or until ctx ends.
func askedTwice(ctx context.Context, file string) {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if info, err := os.Stat(file); err == nil && info.Size() > 1 {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

func TestBrokenNode(t *testing.T) {
	c := pretended(t, "broken")
	if err := c.start(c.nodes[0]); err != nil {
		t.Fatal(err)
	}
	err := c.await(t.Context(), c.nodes[:1], nil)
	if err == nil || !strings.Contains(err.Error(), "n1@127.0.0.1 ended: exit status 1") {
		t.Errorf("error %v", err)
	}
	var out strings.Builder
	c.tails(newTranscript(&out, false))
	if !strings.Contains(out.String(), "The end of the log of n1@127.0.0.1\n     port 4371 is in use\n") {
		t.Errorf("told %q", out.String())
	}
}

func TestRunLeavesNothing(t *testing.T) {
	binary := pretended(t, "broken").binary
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	if err := run(t.Context(), binary, false, newTranscript(io.Discard, false)); err == nil {
		t.Error("broken nodes tell the story")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := run(t.Context(), "/nonsense", false, newTranscript(io.Discard, false)); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("error %v", err)
	}
}

func TestConfigurationText(t *testing.T) {
	a := &node{name: "n1@127.0.0.1", data: "/tmp/x/n1", mqtt: 1883, cluster: 4371}
	b := &node{name: "n2@127.0.0.1", cluster: 4390}
	text := a.text([]*node{a, b})
	for _, line := range []string{
		`node.name = "n1@127.0.0.1"`, `node.data_dir = "/tmp/x/n1"`, "node.port = 4371", `node.bind = "127.0.0.1"`,
		"cluster.discovery_strategy = static", `cluster.static.seeds = ["n1@127.0.0.1:4371", "n2@127.0.0.1:4390"]`,
		`listeners.tcp.default.bind = "127.0.0.1:1883"`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("lacks %s:\n%s", line, text)
		}
	}
}

func TestFreePort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	busy := ln.Addr().(*net.TCPAddr).Port
	taken := map[int]bool{busy + 1: true}
	got, err := freePort(busy, taken)
	if err != nil || got < busy+2 || !taken[got] {
		t.Errorf("from %d on, with the next one taken: %d, %v", busy, got, err)
	}
}

func TestTranscript(t *testing.T) {
	var out strings.Builder
	tr := newTranscript(&out, false)
	tr.chapter("One %s", "thing")
	tr.command("muster members", "Node\nn1")
	tr.verdict(publication{topic: "t/a", qos: 1}, "client2", nil)
	tr.verdict(publication{topic: "t/b", qos: 0}, "nobody", fmt.Errorf("client2 did not get it"))
	want := `
1  One thing
   $ muster members
     Node
     n1
   t/a      QoS 1  →  client2                     ok
   t/b      QoS 0  →  nobody                      WRONG: client2 did not get it
`
	if out.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", out.String(), want)
	}
	out.Reset()
	newTranscript(&out, true).chapter("One")
	if out.String() != "\n\x1b[1m1  One\x1b[0m\n" {
		t.Errorf("in colour: %q", out.String())
	}
}

// TestDemo tells the whole story with the real nodes.
func TestDemo(t *testing.T) {
	const binary = "../../bin/muster"
	if _, err := os.Stat(binary); err != nil {
		t.Skip("skip: bin/muster is not built (make build)")
	}
	t.Setenv("TMPDIR", t.TempDir())
	var out strings.Builder
	if err := run(t.Context(), binary, false, newTranscript(&out, false)); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

package target

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "muster":
		os.Exit(pretend(os.Args[1:]))
	case "mosquitto":
		os.Exit(pretendMosquitto(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// pretend is a node that only knows how to start, to tell its status, and, as
// an environment variable says, how to misbehave.
func pretend(args []string) int {
	mode := os.Getenv("PRETEND")
	switch {
	case args[0] == "version":
		fmt.Println("muster 1.2.3\nand more")
	case mode == "broken":
		fmt.Println("port 4371 is in use")
		return 1
	case args[0] == "cluster" && mode == "alone":
		note(os.Getenv("ASKED"))
		fmt.Println(`{"running_nodes":["n1@127.0.0.1"]}`)
	case args[0] == "cluster":
		fmt.Println(`{"running_nodes":["n1@127.0.0.1","n2@127.0.0.1"],"stopped_nodes":[]}`)
	default:
		if err := listen(args[2]); err != nil {
			fmt.Println(err)
			return 1
		}
		<-make(chan struct{}) // until the signal
	}
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

// pretender links this test binary to be called muster.
func pretender(t *testing.T, mode string) *Muster {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	binary := filepath.Join(dir, "muster")
	if err := os.Symlink(exe, binary); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PRETEND", mode)
	return &Muster{Binary: binary, Nodes: 2}
}

func TestStartAndStop(t *testing.T) {
	m := pretender(t, "")
	if name := m.Name(); name != "muster (muster 1.2.3)" {
		t.Errorf("name %q", name)
	}
	nodes, err := m.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(nodes) != 2 || nodes[0].Addr == nodes[1].Addr {
		t.Errorf("nodes %v", nodes)
	}
	if used, err := CPU(nodes); err != nil || used < 0 || used > time.Minute {
		t.Errorf("used %v, %v", used, err)
	}
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := CPU(nodes); err == nil {
		t.Error("a stopped node has CPU times")
	}
	noTraces(t, m)
}

// noTraces: nothing is left but the link to the binary.
func noTraces(t *testing.T, m *Muster) {
	t.Helper()
	left, err := os.ReadDir(filepath.Dir(m.Binary))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestStartTellsWhy(t *testing.T) {
	table := []struct {
		mode, want string
	}{
		{"broken", "port 4371 is in use"},
		{"alone", "it sees 1 of 2 nodes running, and should listen"},
	}
	for _, c := range table {
		m := pretender(t, c.mode)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		asked := filepath.Join(t.TempDir(), "asked")
		t.Setenv("ASKED", asked)
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			askedTwice(ctx, asked)
			cancel()
		}()
		_, err := m.Start(ctx)
		cancel()
		<-watched
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.mode, err, c.want)
		}
		noTraces(t, m)
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

func TestStartRefuses(t *testing.T) {
	for _, m := range []*Muster{{Binary: os.Args[0]}, {Binary: os.Args[0], Nodes: MaxNodes + 1}, {Binary: "/nonsense", Nodes: 1}} {
		if _, err := m.Start(t.Context()); err == nil {
			t.Errorf("%+v started", m)
		}
	}
}

func TestConfigText(t *testing.T) {
	c := nodeConfig{number: 2, data: "/tmp/x", cluster: []int{4371, 4372}, mqtt: 1884, tls: 8884, files: Files{"/c", "/k"}}
	text := c.text()
	for _, line := range []string{
		`node.name = "n2@127.0.0.1"`, `node.data_dir = "/tmp/x"`, "node.port = 4372",
		`cluster.static.seeds = ["n1@127.0.0.1:4371", "n2@127.0.0.1:4372"]`, `listeners.tcp.default.bind = "127.0.0.1:1884"`,
		`listeners.ssl.default.bind = "127.0.0.1:8884"`, `listeners.ssl.default.ssl_options.certfile = "/c"`,
		`listeners.ssl.default.ssl_options.keyfile = "/k"`, "listeners.ssl.default.enable = on",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("lacks %s:\n%s", line, text)
		}
	}
}

func TestConfigOfOneNode(t *testing.T) {
	text := nodeConfig{number: 1, data: "/tmp/x", cluster: []int{4371}, mqtt: 1884}.text()
	if !strings.Contains(text, "bootstrap_expect = 1\n") || strings.Contains(text, "ssl") {
		t.Errorf("configured\n%s", text)
	}
}

func TestFreePortsDiffer(t *testing.T) {
	ports, err := freePorts(20)
	seen := map[int]bool{}
	for _, p := range ports {
		seen[p] = true
	}
	if err != nil || len(seen) != 20 {
		t.Errorf("%v, %v", ports, err)
	}
}

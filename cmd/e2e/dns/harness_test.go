package dns

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bin is where TestMain has built the programs.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "muster-dns-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	for out, pkg := range map[string]string{"muster": "../../muster", "plugins/muster-discovery-dns": "../../../plugins/dns"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, out), ".")
		build.Dir = pkg
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", pkg, err, text)
			return 1
		}
	}
	return m.Run()
}

// zone is a dnsmasq on an address of loopback of its own.
type zone struct {
	t       *testing.T
	path    string
	host    string
	cmd     *exec.Cmd
	started <-chan string
}

func newZone(t *testing.T) *zone {
	t.Helper()
	path, err := exec.LookPath("dnsmasq")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/dnsmasq"); err != nil {
			t.Skip("skip: dnsmasq is not installed; .ci/install does")
		}
	}
	var b [3]byte
	_, _ = rand.Read(b[:])
	z := &zone{t: t, path: path, host: fmt.Sprintf("127.%d.%d.%d", b[0], b[1], b[2]%253+1)}
	t.Cleanup(func() {
		if z.cmd != nil {
			z.kill()
		}
	})
	return z
}

func (z *zone) addr() string { return z.host + ":5300" }

// start starts the server with a record for each node.
func (z *zone) start(nodes []*node) {
	z.t.Helper()
	if z.cmd != nil && z.cmd.ProcessState == nil {
		z.kill()
	}
	args := []string{"--no-daemon", "--conf-file=/dev/null", "--pid-file=", "--no-hosts", "--no-resolv", "--local=/test/",
		"--port=5300", "--listen-address=" + z.host, "--bind-interfaces", "--local-ttl=1", "--host-record=nodes.test,127.0.0.1"}
	for _, n := range nodes {
		args = append(args, fmt.Sprintf("--srv-host=_muster._tcp.test,nodes.test,%d", n.port))
	}
	z.cmd = exec.Command(z.path, args...)
	log, err := z.cmd.StderrPipe()
	if err != nil {
		z.t.Fatal(err)
	}
	if err := z.cmd.Start(); err != nil {
		z.t.Fatal(err)
	}
	z.started = firstLine(log)
	if line := <-z.started; !strings.Contains(line, "started") {
		z.t.Fatalf("dnsmasq says %q", line)
	}
}

func (z *zone) kill() {
	if z.cmd.ProcessState != nil {
		return
	}
	_ = z.cmd.Process.Kill()
	for range z.started { // until its output ends
	}
	_ = z.cmd.Wait()
}

// firstLine hands on the first line and drops the others.
func firstLine(r io.Reader) <-chan string {
	first := make(chan string, 1)
	go func() {
		defer close(first)
		for lines := bufio.NewScanner(r); lines.Scan(); {
			select {
			case first <- lines.Text():
			default:
			}
		}
	}()
	return first
}

// node is one process of muster that knows the name and nobody else.
type node struct {
	t      *testing.T
	name   string
	dir    string
	port   int
	server string
	cmd    *exec.Cmd
	log    *os.File
}

func newNodes(t *testing.T, n int) (out []*node) {
	t.Helper()
	root := t.TempDir()
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		name := fmt.Sprintf("n%d@127.0.0.1", i+1)
		out = append(out, &node{t: t, name: name, dir: filepath.Join(root, strconv.Itoa(i)), port: l.Addr().(*net.TCPAddr).Port})
	}
	return out
}

func (n *node) start() {
	n.t.Helper()
	conf := fmt.Sprintf(`
		node { name = "%s", data_dir = "%s", port = %d, bind = 127.0.0.1, cookie = "the-cookie-of-the-dns-tests" }
		cluster { discovery_strategy = dns, dns { name = _muster._tcp.test, record_type = srv, server = "%s" } }
		listeners.tcp.default.bind = "127.0.0.1:0"`, n.name, n.dir, n.port, n.server)
	if err := os.WriteFile(n.dir+".conf", []byte(conf), 0o600); err != nil {
		n.t.Fatal(err)
	}
	log, err := os.Create(n.dir + ".log")
	if err != nil {
		n.t.Fatal(err)
	}
	n.log = log
	n.cmd = exec.Command(filepath.Join(bin, "muster"), "start", "-c", n.dir+".conf")
	n.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.dir)}
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(n.stop)
}

func (n *node) stop() {
	force := time.AfterFunc(20*time.Second, func() {
		n.t.Errorf("%s did not stop", n.name)
		_ = n.cmd.Process.Kill()
	})
	defer force.Stop()
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	_ = n.cmd.Wait()
	_ = n.log.Close()
	if n.t.Failed() {
		text, _ := os.ReadFile(n.dir + ".log")
		n.t.Logf("%s:\n%s", n.name, text)
	}
}

// has reports whether a command about the node prints the words.
func (n *node) has(words string, args ...string) bool {
	cmd := exec.Command(filepath.Join(bin, "muster"), append(args, "--data-dir", n.dir)...)
	out, _ := cmd.Output()
	return strings.Contains(string(out), words)
}

// pluginRSS is the resident memory of the node's plugin in KB, 0 if unknown.
func (n *node) pluginRSS() (kb int) {
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", n.cmd.Process.Pid))
	for _, file := range children {
		text, _ := os.ReadFile(file)
		for pid := range strings.FieldsSeq(string(text)) {
			status, _ := os.ReadFile("/proc/" + pid + "/status")
			if _, after, ok := strings.Cut(string(status), "VmRSS:"); ok {
				_, _ = fmt.Sscan(after, &kb)
			}
		}
	}
	return kb
}

// one waits until every node sees all of them and no other.
func one(t *testing.T, nodes []*node) {
	t.Helper()
	var names []string
	for _, n := range nodes {
		names = append(names, "'"+n.name+"'")
	}
	want := "[{running_nodes,[" + strings.Join(names, ",") + "]}]"
	for _, n := range nodes {
		until(t, n.name+" says "+want, func() bool { return n.has(want, "cluster", "status") })
	}
}

// until waits for a state of other processes, which have no event to wait for.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(40 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("it did not come: %s", what)
		}
		<-tick.C
	}
}

package dns

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// zone is a dnsmasq, a name server that is not ours, on an address of loopback
// of its own.
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
func (z *zone) start(nodes []*kit.Node) {
	z.t.Helper()
	if z.cmd != nil && z.cmd.ProcessState == nil {
		z.kill()
	}
	args := []string{"--no-daemon", "--conf-file=/dev/null", "--pid-file=", "--no-hosts", "--no-resolv", "--local=/test/",
		"--port=5300", "--listen-address=" + z.host, "--bind-interfaces", "--local-ttl=1", "--host-record=nodes.test,127.0.0.1"}
	for _, n := range nodes {
		args = append(args, fmt.Sprintf("--srv-host=_muster._tcp.test,nodes.test,%d", n.Port))
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

// Three nodes that know a name become one cluster, at the ports of its SRV
// records. A name server that goes costs nobody its membership, and one that
// comes back lets a new node in.
func TestFormationByDnsmasq(t *testing.T) {
	t.Parallel()
	zone := newZone(t)
	nodes := newNodes(t, zone.addr(), 4, func(int) string { return "_muster._tcp.test" })
	zone.start(nodes[:3])
	startAll(nodes[:3])
	took := kit.One(t, formed, nodes[:3]...)
	t.Logf("three nodes were one cluster %v after their start", took.Round(time.Millisecond))

	zone.kill()
	kit.Until(t, formed, "the plugin of the first node says that the server is gone", func() bool {
		return strings.Contains(nodes[0].Muster("plugins"), "nothing listens at "+zone.addr())
	})
	kit.One(t, formed, nodes[:3]...)

	zone.start(nodes)
	startAll(nodes[3:])
	kit.One(t, formed, nodes...)

	// The name is gone, the members stay.
	zone.kill()
	zone.start(nil)
	kit.Until(t, formed, "the plugin of the first node says that the name is gone", func() bool {
		return strings.Contains(nodes[0].Muster("plugins"), "NXDOMAIN")
	})
	kit.One(t, formed, nodes...)
}

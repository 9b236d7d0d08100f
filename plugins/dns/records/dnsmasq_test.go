package records

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
)

// dnsmasq runs a name server that is not ours, with the zone x, until the test
// ends, and returns its address.
func dnsmasq(t *testing.T, records ...string) string {
	t.Helper()
	path, err := exec.LookPath("dnsmasq")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/dnsmasq"); err != nil {
			t.Skip("skip: dnsmasq is not installed; .ci/install does")
		}
	}
	var host [3]byte
	_, _ = rand.Read(host[:])
	ip := fmt.Sprintf("127.%d.%d.%d", host[0], host[1], host[2]%253+1)
	args := []string{"--no-daemon", "--conf-file=/dev/null", "--pid-file=", "--no-hosts", "--no-resolv", "--local=/x/",
		"--port=5300", "--listen-address=" + ip, "--bind-interfaces", "--local-ttl=7"}
	cmd := exec.Command(path, append(args, records...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started := awaitStart(log)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		for range started { // until its output ends
		}
		_ = cmd.Wait()
	})
	select {
	case line, ok := <-started:
		if !ok || !strings.Contains(line, "started") {
			t.Fatalf("dnsmasq says %q", line)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("dnsmasq does not start")
	}
	return ip + ":5300"
}

// awaitStart hands on the first line and drops the others.
func awaitStart(log io.Reader) <-chan string {
	first := make(chan string, 1)
	go func() {
		defer close(first)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			select {
			case first <- lines.Text():
			default:
			}
		}
	}()
	return first
}

// What we understand is DNS, and not just what our own test server speaks.
func TestDnsmasq(t *testing.T) {
	records := []string{"--host-record=n1.x,10.0.0.1,fd00::1", "--host-record=n2.x,10.0.0.2", "--cname=a.x,n1.x",
		"--srv-host=_m._tcp.x,n1.x,4371", "--srv-host=_m._tcp.x,n2.x,4372", "--txt-record=here.x,text"}
	for i := range 200 {
		records = append(records, fmt.Sprintf("--host-record=many.x,10.1.0.%d", i+1))
	}
	server := dnsmasq(t, records...)
	c := discoverytest.Start(t, Info("1"), New)
	for _, q := range []struct {
		keys string
		want string
		of   discovery.Class
	}{
		{`"name":"n1.x"`, "10.0.0.1:0,[fd00::1]:0", 0},
		{`"name":"a.x"`, "10.0.0.1:0,[fd00::1]:0", 0},
		{`"name":"_m._tcp.x","record_type":"srv"`, "10.0.0.1:4371,[fd00::1]:4371\n10.0.0.2:4372", 0},
		{`"name":"n2.x","record_type":"aaaa"`, "", 0},
		{`"name":"here.x"`, "", 0},
		{`"name":"no.x"`, "", discovery.SourceNotFound},
		{`"name":"elsewhere.y"`, "", discovery.Auth},
	} {
		if _, err := c.Configure(t.Context(), setup(fmt.Sprintf(`{"server":%q,%s}`, server, q.keys))); err != nil {
			t.Fatal(err)
		}
		a, err := c.Discover(t.Context())
		if discovery.ClassOf(err) != q.of || shown(a) != q.want {
			t.Errorf("%s: %q, %v", q.keys, shown(a), err)
		}
		if q.want != "" && (a.NextPoll != 7*time.Second || a.Completeness != discovery.Complete) {
			t.Errorf("%s: next in %v, %v, %q", q.keys, a.NextPoll, a.Completeness, a.Warnings)
		}
	}
	if _, err := c.Configure(t.Context(), setup(fmt.Sprintf(`{"server":%q,"name":"many.x"}`, server))); err != nil {
		t.Fatal(err)
	}
	if a, err := c.Discover(t.Context()); err != nil || len(a.Candidates) != 200 {
		t.Errorf("%d of 200 addresses, %v", len(a.Candidates), err)
	}
}

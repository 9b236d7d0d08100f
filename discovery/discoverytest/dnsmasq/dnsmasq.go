// Package dnsmasq runs dnsmasq, a name server that is not ours, on an address
// of loopback of its own.
package dnsmasq

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// patience bounds the start.
const patience = 30 * time.Second

// port is that of every server, which each has on its own address: it is below
// those that the kernel gives to sockets.
const port = 5300

// TB is the part of testing.TB that is needed.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Skip(args ...any)
}

// Server is a name server that can be started again and again. Its methods are
// for one goroutine.
type Server struct {
	t       TB
	program string
	host    string
	cmd     *exec.Cmd // nil while stopped
	said    <-chan string
}

// New returns a server that is not running, and ends with the test. It skips
// the test where dnsmasq is not installed.
func New(t TB) *Server {
	t.Helper()
	program, err := exec.LookPath("dnsmasq")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/dnsmasq"); err != nil {
			t.Skip("skip: dnsmasq is not installed; .ci/install does")
		}
	}
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	s := &Server{t: t, program: program, host: fmt.Sprintf("127.%d.%d.%d", b[0], b[1], b[2]%253+1)}
	t.Cleanup(s.Stop)
	return s
}

// Addr is host:port, UDP and TCP.
func (s *Server) Addr() string { return fmt.Sprintf("%s:%d", s.host, port) }

// Start starts the server, or starts it anew, with a zone, such as "test", of
// which it alone knows everything, and with records as options of dnsmasq,
// such as --host-record=a.test,10.0.0.1. It knows nothing else.
func (s *Server) Start(zone string, records ...string) {
	s.t.Helper()
	s.Stop()
	args := []string{"--no-daemon", "--conf-file=/dev/null", "--pid-file=", "--no-hosts", "--no-resolv", "--local=/" + zone + "/",
		fmt.Sprintf("--port=%d", port), "--listen-address=" + s.host, "--bind-interfaces"}
	cmd := exec.Command(s.program, append(args, records...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatalf("dnsmasq: %v", err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("dnsmasq: %v", err)
	}
	s.cmd, s.said = cmd, firstLine(log)
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case line := <-s.said:
		if !strings.Contains(line, "started") {
			s.t.Fatalf("dnsmasq says %q", line)
		}
	case <-late.C:
		s.t.Fatalf("dnsmasq does not start within %v", patience)
	}
}

// Stop kills the server; nobody listens at its address after that.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	for range s.said { // until its output ends
	}
	_ = s.cmd.Wait()
	s.cmd = nil
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

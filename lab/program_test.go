//go:build linux

package lab

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// programs are what this test binary is when its first argument says so.
var programs = map[string]func(args []string) error{
	"prog-serve":     serve,
	"prog-call":      call,
	"prog-interface": func([]string) error { return interfaces(os.Stdout) },
	"prog-socket":    socket,
	"prog-group":     group,
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && programs[os.Args[1]] != nil {
		if err := programs[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	status := Main(m)
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// serve echoes lines on a TCP port and prints each that it hears.
func serve([]string) error {
	l, err := net.Listen("tcp", ":7")
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				fmt.Println("heard", lines.Text())
				_, _ = fmt.Fprintln(conn, lines.Text())
			}
		}()
	}
}

// call connects, within a minute or the time that is its second argument, and
// for each line of its input, "TIMEOUT TEXT", sends the text and prints whether
// its echo came in time.
func call(args []string) error {
	limit := time.Minute
	if len(args) > 1 {
		var err error
		if limit, err = time.ParseDuration(args[1]); err != nil {
			return err
		}
	}
	conn, err := net.DialTimeout("tcp", args[0]+":7", limit)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	echo := bufio.NewReader(conn)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		limit, text, _ := strings.Cut(in.Text(), " ")
		timeout, err := time.ParseDuration(limit)
		if err != nil {
			return err
		}
		start := time.Now()
		_ = conn.SetReadDeadline(start.Add(timeout))
		_, _ = fmt.Fprintln(conn, text)
		if awaitLine(echo, text) != nil {
			fmt.Println("silence")
			continue
		}
		fmt.Println("echo", time.Since(start))
	}
	return nil
}

// awaitLine skips echoes that come too late.
func awaitLine(from *bufio.Reader, want string) error {
	for {
		line, err := from.ReadString('\n')
		if err != nil || line == want+"\n" {
			return err
		}
	}
}

// interfaces prints what network a program sees.
func interfaces(to io.Writer) error {
	all, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			return err
		}
		for _, a := range addrs {
			if a.(*net.IPNet).IP.To4() != nil {
				_, _ = fmt.Fprintln(to, i.Name, a)
			}
		}
	}
	return nil
}

// socket prints that to the first who asks through a Unix socket.
func socket(args []string) error {
	l, err := net.Listen("unix", args[0])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return interfaces(conn)
}

// group joins a multicast group and prints what it hears there; with an
// argument it sends that to the group instead.
func group(args []string) error {
	addr := &net.UDPAddr{IP: net.IPv4(239, 192, 0, 1), Port: 4369}
	if len(args) > 0 {
		conn, err := net.DialUDP("udp4", nil, addr)
		if err != nil {
			return err
		}
		_, err = conn.Write([]byte(args[0]))
		return err
	}
	eth, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	conn, err := net.ListenMulticastUDP("udp4", eth, addr)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	buf := make([]byte, 100)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		fmt.Printf("heard %s\n", buf[:n])
	}
}

// program is one of them, running in a host.
type program struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	raw *os.File
	out *bufio.Reader
}

// start runs a program and kills it when the test ends, if it still runs.
func start(t *testing.T, h *Host, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: h.Command("/proc/self/exe", args...)}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = os.Stderr
	p.in, p.raw, p.out = in, out.(*os.File), bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

// say writes a line to the program's input.
func (p *program) say(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
}

// want reads the next line of output, which must begin so.
func (p *program) want(begin string) (rest string) {
	p.t.Helper()
	_ = p.raw.SetReadDeadline(time.Now().Add(time.Minute))
	line, err := p.out.ReadString('\n')
	line = strings.TrimSpace(line)
	if err != nil || !strings.HasPrefix(line, begin) {
		p.t.Fatalf("%v printed %q, %v; want %q…", p.cmd.Args[3:], line, err, begin)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, begin))
}

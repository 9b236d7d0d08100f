package ports

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// draw makes this program one that draws a row of ports, says which, and waits
// to be ended.
const draw = "MUSTER_TEST_DRAW"

func TestMain(m *testing.M) {
	if os.Getenv(draw) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	low, err := Row(4)
	if err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString(strconv.Itoa(low) + "\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// listen is a listener at a port, until the test ends.
func listen(t *testing.T, host string, port int) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// Ports are in the range, differ, whoever asks, and can be listened on.
func TestPort(t *testing.T) {
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[int]bool{}
	for range 8 {
		all.Go(func() {
			for range 20 {
				port, err := Port()
				mu.Lock()
				if err != nil || seen[port] || port < Low || port >= High {
					t.Errorf("port %d, %v; twice: %v", port, err, seen[port])
				}
				seen[port] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for port := range seen {
		listen(t, "127.0.0.1", port)
	}
}

func TestRow(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 100} {
		low, err := Row(n)
		if err != nil || low%n != 0 || low < Low || low+n > High {
			t.Fatalf("%d ports from %d on, %v", n, low, err)
		}
		for port := low; port < low+n; port++ {
			listen(t, "127.0.0.1", port)
			if err := take(port, 1); err == nil {
				t.Errorf("port %d of a row is free", port)
			}
		}
	}
	for _, n := range []int{-1, 0, 101} {
		if low, err := Row(n); err == nil {
			t.Errorf("%d ports from %d on", n, low)
		}
	}
}

// A port is not free while somebody listens on it, by either family.
func TestTaken(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		if !taken(host) {
			continue // there is no IPv6
		}
		port := listen(t, host, 0).Addr().(*net.TCPAddr).Port
		if err := take(port, 1); err == nil {
			t.Errorf("port %d of %s is free", port, host)
		}
		if _, ok := held.Load(port); ok {
			t.Errorf("port %d is held", port)
		}
	}
	if taken("192.0.2.1") {
		t.Error("an address that is none of this machine has ports")
	}
}

// What one process has drawn is not free for another, used or not, until the
// first has ended.
func TestOtherProcess(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), draw+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 10)
	n, err := out.Read(line)
	low, bad := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err := errors.Join(err, bad); err != nil {
		t.Fatal(err)
	}
	if err := take(low+3, 1); err == nil {
		t.Errorf("port %d is free", low+3)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if err := take(low, 4); err != nil {
		t.Errorf("after the end of the other process: %v", err)
	}
}

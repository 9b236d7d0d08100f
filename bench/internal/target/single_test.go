package target

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pretendMosquitto listens where its configuration file says.
func pretendMosquitto(args []string) int {
	if args[0] == "-h" {
		fmt.Println("mosquitto version 9.8.7\nand more")
		return 3
	}
	if os.Getenv("PRETEND") == "broken" {
		fmt.Println("Error: no room")
		return 1
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for _, line := range strings.Split(string(text), "\n") {
		var port int
		if _, err := fmt.Sscanf(line, "listener %d 127.0.0.1", &port); err != nil {
			continue
		}
		if _, err := net.Listen("tcp", address(port)); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	<-make(chan struct{}) // until the signal
	return 0
}

// mosquitto links this test binary to be called that.
func mosquitto(t *testing.T, mode string) *Single {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("PRETEND", mode)
	program := filepath.Join(dir, "mosquitto")
	if err := os.Symlink(exe, program); err != nil {
		t.Fatal(err)
	}
	b, err := Mosquitto("no-such-broker", program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	return b
}

func TestSingle(t *testing.T) {
	b := mosquitto(t, "")
	b.TLS = true
	if b.Name() != "mosquitto 9.8.7" {
		t.Errorf("name %q", b.Name())
	}
	nodes, err := b.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := nodes[0]; len(nodes) != 1 || n.Addr == n.TLSAddr || n.TLSAddr == "" || n.PID == 0 {
		t.Errorf("nodes %+v", nodes)
	}
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
}

func TestSingleTellsWhy(t *testing.T) {
	b := mosquitto(t, "broken")
	if _, err := b.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "Error: no room") {
		t.Errorf("error %v", err)
	}
}

func TestSingleThatNeverListens(t *testing.T) {
	b := mosquitto(t, "")
	command := b.Command
	b.Command = func(s Site) ([]string, error) {
		s.Port, s.TLSPort = 0, 0
		return command(s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := b.Start(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestSingleWithoutCommand(t *testing.T) {
	b := mosquitto(t, "")
	no := errors.New("no")
	b.Command = func(Site) ([]string, error) { return nil, no }
	if _, err := b.Start(t.Context()); !errors.Is(err, no) {
		t.Errorf("error %v", err)
	}
	b.Command = func(Site) ([]string, error) { return []string{"/nonsense"}, nil }
	if _, err := b.Start(t.Context()); err == nil {
		t.Error("/nonsense started")
	}
}

func TestMosquittoIsAbsent(t *testing.T) {
	if _, err := Mosquitto("/nonsense", "no-such-broker"); !errors.Is(err, ErrAbsent) {
		t.Errorf("error %v", err)
	}
}

func TestReference(t *testing.T) {
	b := Reference("/bin/bench", "nats", "v1")
	argv, err := b.Command(Site{Dir: "/d", Port: 1883, TLSPort: 8883, TLS: Files{"/c", "/k"}})
	want := "/bin/bench broker nats -addr 127.0.0.1:1883 -dir /d -tls 127.0.0.1:8883 -cert /c -key /k"
	if got := strings.Join(argv, " "); err != nil || got != want || b.Name() != "nats v1" {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// TestCertificate: a client that trusts the certificate accepts it.
func TestCertificate(t *testing.T) {
	f, err := makeFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: "127.0.0.1", Roots: roots}); err != nil {
		t.Error(err)
	}
	if _, err := makeFiles("/nonsense"); err == nil {
		t.Error("a directory that there is not was written to")
	}
}

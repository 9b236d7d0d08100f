package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// readyTime is how long a broker may take until it listens.
const readyTime = 15 * time.Second

// Site is where a broker of one process is to run.
type Site struct {
	Dir     string // its own, empty
	Port    int    // of 127.0.0.1, for MQTT
	TLSPort int    // for MQTT over TLS; 0: none
	TLS     Files
}

// Single is a broker of one process that is no node of ours.
type Single struct {
	Label   string                         // product and version
	Command func(s Site) ([]string, error) // program and arguments; it may write into s.Dir
	TLS     bool                           // with a second listener, for TLS

	dir  string
	proc *process
}

var _ Target = (*Single)(nil)

// Name implements Target.
func (b *Single) Name() string { return b.Label }

// Start implements Target.
func (b *Single) Start(ctx context.Context) ([]Node, error) {
	dir, err := os.MkdirTemp("", "muster-bench-")
	if err != nil {
		return nil, err
	}
	b.dir = dir
	n, err := b.start(ctx)
	if err != nil {
		if b.proc != nil {
			err = fmt.Errorf("%w\n--- end of its log\n%s", err, b.proc.tail())
		}
		return nil, errors.Join(err, b.Stop())
	}
	return []Node{n}, nil
}

func (b *Single) start(ctx context.Context) (Node, error) {
	s, n, err := site(b.dir, b.TLS)
	if err != nil {
		return Node{}, err
	}
	argv, err := b.Command(s)
	if err != nil {
		return Node{}, err
	}
	if b.proc, err = start(b.dir+"/log", argv[0], argv[1:]...); err != nil {
		return Node{}, err
	}
	n.PID = b.proc.cmd.Process.Pid
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return n, b.proc.listening(ctx, n)
}

// site finds ports, and makes a certificate if there is to be TLS.
func site(dir string, withTLS bool) (s Site, n Node, err error) {
	ports, err := freePorts(2)
	if err != nil {
		return s, n, err
	}
	s = Site{Dir: dir, Port: ports[0]}
	n.Addr = address(s.Port)
	if !withTLS {
		return s, n, nil
	}
	if s.TLS, err = makeFiles(dir); err != nil {
		return s, n, err
	}
	s.TLSPort, n.TLSAddr, n.CA = ports[1], address(ports[1]), s.TLS.Cert
	return s, n, nil
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// listening waits until a process takes connections at all addresses of a node.
func (p *process) listening(ctx context.Context, n Node) error {
	for !listens(ctx, n.Addr) || n.TLSAddr != "" && !listens(ctx, n.TLSAddr) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("it should listen on %s %s: %w", n.Addr, n.TLSAddr, ctx.Err())
		case <-p.ended:
			return fmt.Errorf("it ended: %w", p.err)
		case <-time.After(askEvery):
		}
	}
	return nil
}

// Stop implements Target.
func (b *Single) Stop() error {
	var err error
	if b.proc != nil {
		b.proc.terminate()
		err = b.proc.wait()
		b.proc = nil
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// ErrAbsent: the broker is not installed.
var ErrAbsent = errors.New("not installed")

// Mosquitto is the broker of that name, at the first of these paths, or names
// on the PATH, that there is; ErrAbsent when there is none.
func Mosquitto(candidates ...string) (*Single, error) {
	var program string
	for _, c := range candidates {
		if found, err := exec.LookPath(c); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		return nil, fmt.Errorf("mosquitto: %w (looked for %s)", ErrAbsent, strings.Join(candidates, ", "))
	}
	// It tells its version with a status that is not 0.
	text, _ := exec.Command(program, "-h").Output()
	first, _, _ := strings.Cut(string(text), "\n")
	label := "mosquitto " + strings.TrimPrefix(strings.TrimSpace(first), "mosquitto version ")
	return &Single{Label: label, Command: func(s Site) ([]string, error) {
		file := s.Dir + "/mosquitto.conf"
		return []string{program, "-c", file}, os.WriteFile(file, []byte(mosquittoConfig(s)), 0o600)
	}}, nil
}

// mosquittoConfig leaves everything at its defaults except where it listens,
// and whom it becomes when root starts it: nobody else, to read its files.
func mosquittoConfig(s Site) string {
	text := fmt.Sprintf("user root\nallow_anonymous true\nlistener %d 127.0.0.1\n", s.Port)
	if s.TLSPort != 0 {
		text += fmt.Sprintf("listener %d 127.0.0.1\ncertfile %s\nkeyfile %s\n", s.TLSPort, s.TLS.Cert, s.TLS.Key)
	}
	return text
}

// Reference is a broker that program runs itself when its first arguments are
// "broker" and kind.
func Reference(program, kind, version string) *Single {
	return &Single{Label: kind + " " + version, Command: func(s Site) ([]string, error) {
		argv := []string{program, "broker", kind, "-addr", address(s.Port), "-dir", s.Dir}
		if s.TLSPort != 0 {
			argv = append(argv, "-tls", address(s.TLSPort), "-cert", s.TLS.Cert, "-key", s.TLS.Key)
		}
		return argv, nil
	}}
}

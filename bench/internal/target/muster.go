package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The waits: how long a cluster may take to form, and how often it is asked.
const (
	formTime = 30 * time.Second
	askEvery = 100 * time.Millisecond
)

// MaxNodes bounds the nodes of a cluster on one machine.
const MaxNodes = 16

// Muster is a cluster of muster nodes that find each other by the static
// strategy on loopback.
type Muster struct {
	Binary string // of the node; its plugins are in plugins/ beside it
	Nodes  int    // 1 to MaxNodes
	TLS    bool   // with a second listener, for TLS

	dir   string
	procs group
}

var _ Target = (*Muster)(nil)

// Name is "muster" and the version that the binary tells.
func (m *Muster) Name() string {
	out, err := exec.Command(m.Binary, "version").Output()
	if err != nil {
		return "muster"
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return "muster (" + first + ")"
}

// Start writes a configuration and a data directory for each node under a
// temporary directory. The error of a node that fails tells the end of its log.
func (m *Muster) Start(ctx context.Context) ([]Node, error) {
	if m.Nodes < 1 || m.Nodes > MaxNodes {
		return nil, fmt.Errorf("%d nodes: from 1 to %d", m.Nodes, MaxNodes)
	}
	if _, err := os.Stat(m.Binary); err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	dir, err := os.MkdirTemp("", "muster-bench-")
	if err != nil {
		return nil, err
	}
	m.dir = dir
	nodes, err := m.startAll(ctx)
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, m.procs.tails())
		return nil, errors.Join(err, m.Stop())
	}
	return nodes, nil
}

func (m *Muster) startAll(ctx context.Context) ([]Node, error) {
	configs, nodes, err := m.plan()
	if err != nil {
		return nil, err
	}
	for i, c := range configs {
		p, err := m.startOne(c)
		if err != nil {
			return nil, err
		}
		m.procs = append(m.procs, p)
		nodes[i].PID = p.cmd.Process.Pid
	}
	ctx, cancel := context.WithTimeout(ctx, formTime)
	defer cancel()
	for i, p := range m.procs {
		if err := m.formed(ctx, i, nodes[i].Addr); err != nil {
			return nil, err
		}
		if err := p.listening(ctx, nodes[i]); err != nil {
			return nil, fmt.Errorf("node %d: %w", i+1, err)
		}
	}
	return nodes, nil
}

// plan finds ports for all nodes, and a certificate if there is to be TLS.
func (m *Muster) plan() ([]nodeConfig, []Node, error) {
	ports, err := freePorts(3 * m.Nodes)
	if err != nil {
		return nil, nil, err
	}
	var files Files
	if m.TLS {
		if files, err = makeFiles(m.dir); err != nil {
			return nil, nil, err
		}
	}
	configs, nodes := make([]nodeConfig, m.Nodes), make([]Node, m.Nodes)
	for i := range m.Nodes {
		c := nodeConfig{number: i + 1, data: m.data(i), cluster: ports[:m.Nodes], mqtt: ports[m.Nodes+i], files: files}
		nodes[i].Addr = address(c.mqtt)
		if m.TLS {
			c.tls = ports[2*m.Nodes+i]
			nodes[i].TLSAddr, nodes[i].CA = address(c.tls), files.Cert
		}
		configs[i] = c
	}
	return configs, nodes, nil
}

func (m *Muster) data(i int) string { return filepath.Join(m.dir, fmt.Sprintf("n%d", i+1)) }

func (m *Muster) startOne(c nodeConfig) (*process, error) {
	if err := os.MkdirAll(c.data, 0o700); err != nil {
		return nil, err
	}
	file := c.data + ".conf"
	if err := os.WriteFile(file, []byte(c.text()), 0o600); err != nil {
		return nil, err
	}
	return start(c.data+".log", m.Binary, "start", "-c", file)
}

// formed waits until node i sees all nodes running and takes clients at addr.
func (m *Muster) formed(ctx context.Context, i int, addr string) error {
	last := "it has not answered yet"
	for {
		running, err := m.running(ctx, i)
		switch {
		case err == nil && running == m.Nodes && listens(ctx, addr):
			return nil
		case err == nil:
			last = fmt.Sprintf("it sees %d of %d nodes running, and should listen on %s", running, m.Nodes, addr)
		case ctx.Err() == nil: // else the question was cut off
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("node %d is not in the cluster of all: %s: %w", i+1, last, ctx.Err())
		case <-m.procs[i].ended:
			return fmt.Errorf("node %d ended: %w", i+1, m.procs[i].err)
		case <-time.After(askEvery):
		}
	}
}

// listens reports whether somebody accepts connections at addr.
func listens(ctx context.Context, addr string) bool {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// running asks node i how many nodes it sees.
func (m *Muster) running(ctx context.Context, i int) (int, error) {
	cmd := exec.CommandContext(ctx, m.Binary, "cluster", "status", "--json", "--data-dir", m.data(i))
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	var status struct {
		Running []string `json:"running_nodes"`
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return 0, fmt.Errorf("the status is not the JSON expected: %w", err)
	}
	return len(status.Running), nil
}

// Stop ends the nodes, first politely, and removes their files.
func (m *Muster) Stop() error {
	return errors.Join(m.procs.stop(), os.RemoveAll(m.dir))
}

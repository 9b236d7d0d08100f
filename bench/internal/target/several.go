package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Several is a cluster of brokers that are no nodes of ours, one process each.
type Several struct {
	Label   string
	Nodes   int                                  // at least 1
	Command func(s Site, m Mate) (argv []string) // program and arguments of one of them
	Ready   string                               // file in Site.Dir that it makes when it is one with the others

	dir   string
	procs group
}

// Mate is what a node of a cluster knows of the cluster.
type Mate struct {
	Name    string
	Cluster string   // host:port of its own, for the others
	All     []string // that of every node
}

var _ Target = (*Several)(nil)

// ReferenceCluster is a cluster of the broker one, which must be a Reference
// of a kind that knows clusters.
func ReferenceCluster(one *Single, nodes int) *Several {
	return &Several{Label: fmt.Sprintf("%s, %d nodes", one.Label, nodes), Nodes: nodes, Ready: "ready", Command: func(s Site, m Mate) []string {
		argv, _ := one.Command(s) // that of a Reference has no errors
		return append(argv, "-name", m.Name, "-cluster", m.Cluster, "-routes", strings.Join(m.All, ","))
	}}
}

// Name implements Target.
func (c *Several) Name() string { return c.Label }

// Start implements Target.
func (c *Several) Start(ctx context.Context) ([]Node, error) {
	dir, err := os.MkdirTemp("", "muster-bench-")
	if err != nil {
		return nil, err
	}
	c.dir = dir
	nodes, err := c.startAll(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, c.procs.tails()), c.Stop())
	}
	return nodes, nil
}

func (c *Several) startAll(ctx context.Context) ([]Node, error) {
	ports, err := freePorts(2 * c.Nodes)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, port := range ports[:c.Nodes] {
		all = append(all, address(port))
	}
	nodes := make([]Node, c.Nodes)
	for i := range nodes {
		s := Site{Dir: c.site(i), Port: ports[c.Nodes+i]}
		if err := os.MkdirAll(s.Dir, 0o700); err != nil {
			return nil, err
		}
		argv := c.Command(s, Mate{Name: fmt.Sprintf("n%d", i+1), Cluster: all[i], All: all})
		p, err := start(s.Dir+".log", argv[0], argv[1:]...)
		if err != nil {
			return nil, err
		}
		c.procs = append(c.procs, p)
		nodes[i] = Node{Addr: address(s.Port), PID: p.cmd.Process.Pid}
	}
	ctx, cancel := context.WithTimeout(ctx, formTime)
	defer cancel()
	for i, p := range c.procs {
		if err := errors.Join(p.made(ctx, filepath.Join(c.site(i), c.Ready)), p.listening(ctx, nodes[i])); err != nil {
			return nil, fmt.Errorf("node %d: %w", i+1, err)
		}
	}
	return nodes, nil
}

func (c *Several) site(i int) string { return filepath.Join(c.dir, fmt.Sprintf("n%d", i+1)) }

// made waits until a process has made a file.
func (p *process) made(ctx context.Context, file string) error {
	for {
		if _, err := os.Stat(file); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it should make %s: %w", filepath.Base(file), ctx.Err())
		case <-p.ended:
			return fmt.Errorf("it ended: %w", p.err)
		case <-time.After(askEvery):
		}
	}
}

// Stop implements Target.
func (c *Several) Stop() error {
	return errors.Join(c.procs.stop(), os.RemoveAll(c.dir))
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// askEvery is the pause between two questions to the command line, and
// changeTime bounds the wait for a change of the membership.
const (
	askEvery   = 200 * time.Millisecond
	changeTime = 45 * time.Second
)

// status is what "cluster status --json" says of the membership.
type status struct {
	Running []string `json:"running_nodes"`
	Stopped []string `json:"stopped_nodes"`
}

// cluster is the three nodes.
type cluster struct {
	binary string
	dir    string
	nodes  []*node
}

// newCluster chooses ports and writes the configurations. The directory is the
// cluster's from now on, also after an error.
func newCluster(binary, dir string) (*cluster, error) {
	c := &cluster{binary: binary, dir: dir}
	if err := c.lay(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *cluster) lay() error {
	taken := make(map[int]bool)
	for i := range 3 {
		n := &node{name: fmt.Sprintf("n%d@127.0.0.1", i+1), data: filepath.Join(c.dir, fmt.Sprintf("n%d", i+1))}
		var err error
		if n.mqtt, err = freePort(1883+i, taken); err != nil {
			return err
		}
		if n.cluster, err = freePort(4371+i, taken); err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		if err := os.WriteFile(n.config(), []byte(n.text(c.nodes)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// start starts a node.
func (c *cluster) start(n *node) error {
	if err := n.start(c.binary); err != nil {
		return fmt.Errorf("starting %s: %w", n.name, err)
	}
	return nil
}

// command runs the command line against a node and returns what it prints.
func (c *cluster) command(ctx context.Context, n *node, words ...string) (string, error) {
	var problems strings.Builder
	cmd := exec.CommandContext(ctx, c.binary, append(words, "--data-dir", n.data)...)
	cmd.Stderr = &problems
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("muster %s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(problems.String()))
	}
	return strings.TrimRight(string(out), "\n"), nil
}

// await waits until each of the nodes sees exactly these running and stopped.
func (c *cluster) await(ctx context.Context, running, stopped []*node) error {
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	for _, n := range running {
		if err := c.awaitAt(ctx, n, status{names(running), names(stopped)}); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) awaitAt(ctx context.Context, n *node, want status) error {
	last := "it has not answered yet"
	for {
		got, err := c.status(ctx, n)
		switch {
		case err == nil && slices.Equal(got.Running, want.Running) && slices.Equal(got.Stopped, want.Stopped):
			if err = n.listens(ctx); err == nil {
				return nil
			}
			last = err.Error()
		case err == nil:
			last = fmt.Sprintf("it sees %v running, %v stopped", got.Running, got.Stopped)
		case ctx.Err() == nil: // else the question was cut off
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was to see %v running, %v stopped, but %s: %w", n.name, want.Running, want.Stopped, last, ctx.Err())
		case <-n.ended:
			return fmt.Errorf("%s ended: %w", n.name, n.err)
		case <-time.After(askEvery):
		}
	}
}

// status asks a node; the names come sorted.
func (c *cluster) status(ctx context.Context, n *node) (status, error) {
	out, err := c.command(ctx, n, "cluster", "status", "--json")
	if err != nil {
		return status{}, err
	}
	var s status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		return status{}, fmt.Errorf("the status is not the JSON expected: %w", err)
	}
	slices.Sort(s.Running)
	slices.Sort(s.Stopped)
	return s, nil
}

// close stops all nodes and removes every file.
func (c *cluster) close() error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.stop())
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}

// tails shows the ends of the logs.
func (c *cluster) tails(out *transcript) {
	for _, n := range c.nodes {
		out.chapter("The end of the log of %s", n.name)
		out.output(n.tail())
	}
}

// names lists the names of nodes, sorted.
func names(nodes []*node) []string {
	var list []string
	for _, n := range nodes {
		list = append(list, n.name)
	}
	slices.Sort(list)
	return list
}

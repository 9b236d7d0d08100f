package kit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Etcd is a real etcd in a process of its own, with users; the fixture program
// of the strategy runs it.
type Etcd struct {
	Config string // cluster.etcd, JSON

	program string
	dir     string
}

// Etcd starts one; it ends with the test.
func (p Programs) Etcd(t testing.TB) *Etcd {
	t.Helper()
	e := &Etcd{program: p.Path("etcd/fixture"), dir: t.TempDir()}
	t.Cleanup(func() {
		if _, err := e.Do("down"); err != nil {
			t.Error(err)
		}
	})
	up, err := e.Do("up")
	var out struct{ Config json.RawMessage }
	if err == nil {
		err = json.Unmarshal(up, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	e.Config = string(out.Config)
	return e
}

// Do carries out a verb of the fixture and returns what it prints.
func (e *Etcd) Do(args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, e.program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = e.dir, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the fixture of etcd, %v: %w: %s", args, err, stderr.String())
	}
	return stdout.Bytes(), nil
}

// Keys are what etcd holds of a cluster, without what they all begin with:
// "claim" and "nodes/<name>". Any goroutine may call it.
func (e *Etcd) Keys(cluster string) ([]string, error) {
	text, err := e.Do("inspect")
	if err != nil {
		return nil, err
	}
	var c struct{ Entries, Claims []string }
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	out := []string{}
	for _, key := range append(c.Claims, c.Entries...) {
		if rest, ok := strings.CutPrefix(key, "/conf/"+cluster+"/"); ok {
			out = append(out, rest)
		}
	}
	return out, nil
}

// Cluster is the configuration of a node that finds the others of a cluster
// through this etcd.
func (e *Etcd) Cluster(name string, ttl time.Duration) string {
	return fmt.Sprintf("cluster { name = %q, discovery_strategy = etcd, etcd = %s, etcd.node_ttl = %s }", name, e.Config, ttl)
}

// Names is a name server in a process of its own, which is what a test makes
// of it: the fixture program of the strategy dns.
type Names struct {
	Addr string // host:port, UDP and TCP

	t     testing.TB
	in    io.WriteCloser
	lines *bufio.Scanner
}

// Asked is how many questions a name server had, by how they came.
type Asked struct{ UDP, TCP int }

// order is one line to the fixture. What is absent stays as it is.
type order struct {
	Zone  []string `json:"zone,omitzero"`
	Fault *string  `json:"fault,omitzero"`
	Up    *bool    `json:"up,omitzero"`
}

// Names starts a name server without records; it ends with the test.
func (p Programs) Names(t testing.TB) *Names {
	t.Helper()
	cmd := exec.Command(p.Path("dns/fixture"))
	cmd.Stderr = os.Stderr
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
	s := &Names{t: t, in: in, lines: bufio.NewScanner(out)}
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		for s.lines.Scan() {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the name server: %v", err)
		}
	})
	s.order(order{})
	return s
}

// Zone replaces all records, each a line of a zone file.
func (s *Names) Zone(lines ...string) {
	s.t.Helper()
	s.order(order{Zone: append([]string{}, lines...)})
}

// Fault makes the server answer badly: "servfail", "refused", "silent" (not at
// all), "truncated" (too long for a datagram) and "untold" (the same, and TCP
// fails). "" ends that.
func (s *Names) Fault(name string) {
	s.t.Helper()
	s.order(order{Fault: &name})
}

// Up stops the server, or starts it again at its address.
func (s *Names) Up(yes bool) {
	s.t.Helper()
	s.order(order{Up: &yes})
}

// Asked is how many questions there were so far.
func (s *Names) Asked() Asked {
	s.t.Helper()
	return s.order(order{})
}

func (s *Names) order(o order) Asked {
	s.t.Helper()
	line, err := json.Marshal(o)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(s.in, "%s\n", line); err != nil {
		s.t.Fatalf("the name server: %v", err)
	}
	var answer struct {
		Addr, Error string
		Asked
	}
	if !s.lines.Scan() {
		s.t.Fatalf("the name server does not answer: %v", s.lines.Err())
	}
	if err := json.Unmarshal(s.lines.Bytes(), &answer); err != nil || answer.Error != "" {
		s.t.Fatalf("the name server: %v %s", err, answer.Error)
	}
	s.Addr = answer.Addr
	return answer.Asked
}

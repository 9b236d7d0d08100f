package kit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

var bin Programs

func TestMain(m *testing.M) {
	code := Main(m, &bin, "static", "dns/fixture")
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// fake is a test that must fail.
type fake struct {
	testing.TB
	mu     sync.Mutex
	errors []string
}

func (f *fake) Helper() {}

func (f *fake) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func newNode(t *testing.T, conf string) *Node {
	t.Helper()
	return bin.Node(t, Options{Name: "n1@127.0.0.1", Dir: filepath.Join(t.TempDir(), "1"), Conf: conf})
}

// A node is what its commands and its clients say of it, through a kill and a
// second start.
func TestNode(t *testing.T) {
	n := newNode(t, "cluster.discovery_strategy = manual")
	if n.Runs() || n.View() != "" {
		t.Error("it runs before its start")
	}
	n.Start()
	if line := n.Ready(); !strings.Contains(line, n.Name) {
		t.Errorf("the ready line is %q", line)
	}
	One(t, patience, n)
	c := n.Connect("c").Sub("a/#")
	c.Retain("a/b", "1")
	c.Next("a/b=1")
	c.Undropped()
	if got := n.Connect("d").Sub("a/#").Within(patience, 1); len(got) != 1 || !got["a/b=1"] {
		t.Errorf("retained: %v", got)
	}
	pid := n.PID()
	n.Kill()
	if _, errs, status := n.Try("cluster", "status"); status == 0 || errs == "" {
		t.Errorf("a killed node answers: status %d, %q", status, errs)
	}
	n.Start()
	One(t, patience, n)
	if n.PID() == pid || len(n.Logged("plugin")) > 0 || len(n.Logged("formation", "found")) != 1 {
		t.Errorf("pid %d, %d; log:\n%s", pid, n.PID(), n.Log())
	}
	uid := n.ClusterUID()
	n.Stop()
	n.Stop() // again is nothing
	if uid == "" || n.ClusterUID() != "" {
		t.Errorf("cluster %q, after the end %q", uid, n.ClusterUID())
	}
}

// A panic in the log fails the test, whatever the exit status.
func TestBadEndIsAFailure(t *testing.T) {
	n := newNode(t, "cluster.discovery_strategy = manual")
	n.Start()
	n.Ready()
	if err := os.WriteFile(n.Dir+".log", []byte("panic: not really\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fake{TB: t}
	n.t = f
	n.Stop()
	n.t = t
	if len(f.errors) != 1 || !strings.Contains(f.errors[0], "ended badly") {
		t.Errorf("%q", f.errors)
	}
}

// A load that nothing disturbs loses nothing.
func TestLoad(t *testing.T) {
	n := newNode(t, "cluster.discovery_strategy = manual")
	n.Start()
	One(t, patience, n)
	l := StartLoad(t, "load", n, n)
	l.More(1)
	if sent, slowest := l.End(); sent == 0 || slowest <= 0 {
		t.Errorf("%d messages, the slowest %v", sent, slowest)
	}
}

// The name server does as it is told, and says how often it was asked.
func TestNames(t *testing.T) {
	s := bin.Names(t)
	s.Zone("a.test 5 A 127.0.0.1")
	s.Zone()
	for _, fault := range []string{"servfail", "refused", "silent", "truncated", "untold", ""} {
		s.Fault(fault)
	}
	s.Up(false)
	s.Up(true)
	if n := s.Asked(); n != (Asked{}) || s.Addr == "" {
		t.Errorf("%+v at %q", n, s.Addr)
	}
}

func TestEach(t *testing.T) {
	var running, most, calls atomic.Int32
	f := &fake{TB: t}
	Each(f, 3, 20, func(i int) error {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		calls.Add(1)
		if i == 4 {
			return errors.New("odd")
		}
		return nil
	})
	if calls.Load() != 20 || most.Load() > 3 || !slices.Equal(f.errors, []string{"trial 5 of 20: odd"}) {
		t.Errorf("%d calls, %d at once, %q", calls.Load(), most.Load(), f.errors)
	}
}

func TestPorts(t *testing.T) {
	seen := map[int]bool{}
	for range 20 {
		for _, p := range Ports(t, 5) {
			if seen[p] {
				t.Errorf("port %d", p)
			}
			seen[p] = true
		}
	}
}

func TestAgreed(t *testing.T) {
	a, b := &Node{Name: "a@h"}, &Node{Name: "b@h"}
	both := "u running [a@h b@h] stopped []"
	for _, c := range []struct {
		views   []string
		stopped []*Node
		want    bool
	}{
		{[]string{both, both}, nil, true},
		{[]string{both, ""}, nil, false},
		{[]string{"", ""}, nil, false},
		{[]string{both, strings.Replace(both, "u", "v", 1)}, nil, false},
		{[]string{both, "u running [b@h] stopped [a@h]"}, nil, false},
		{[]string{both, both}, []*Node{{Name: "c@h"}}, false},
		{[]string{strings.Replace(both, "stopped []", "stopped [c@h]", 1)}, []*Node{{Name: "c@h"}}, true},
	} {
		if got := Agreed(c.views, []*Node{b, a}, c.stopped); got != c.want {
			t.Errorf("%q: %v", c.views, got)
		}
	}
}

func TestPaths(t *testing.T) {
	for name, want := range map[string]string{
		"muster": "/d/muster", "dns": "/d/plugins/muster-discovery-dns", "dns/fixture": "/d/fixture-dns",
	} {
		if got := Programs("/d").Path(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

package epmd

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mappers are Erlang's and ours: whatever holds for one holds for the other.
var mappers = map[string]func(*testing.T, int) func(){"Erlang's": erlangs, "ours": ours}

func onEach(t *testing.T, f func(t *testing.T, c Client, stop func())) {
	for name, run := range mappers {
		t.Run(name, func(t *testing.T) {
			port := free(t)
			f(t, Client{Port: port}, run(t, port))
		})
	}
}

// TestRegister: who is registered is found by name, in the list, and by
// Erlang's own tool, until the registration is closed.
func TestRegister(t *testing.T) {
	onEach(t, func(t *testing.T, c Client, _ func()) {
		a := must[*Registration](t)(c.Register(within(t), nodeNamed(1)))
		b := must[*Registration](t)(c.Register(within(t), nodeNamed(2)))
		defer b.Close()
		got := must[Node](t)(c.Lookup(within(t), "127.0.0.1", "n2"))
		if diff := cmp.Diff(Node{Name: "n2", Port: 6371, Ours: true}, got); diff != "" {
			t.Error(diff)
		}
		list := must[[]Node](t)(c.Names(within(t), "127.0.0.1"))
		slices.SortFunc(list, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
		if diff := cmp.Diff([]Node{nodeNamed(1), nodeNamed(2)}, list); diff != "" {
			t.Error(diff)
		}
		out := names(t, c.Port)
		for _, want := range []string{"up and running on port " + strconv.Itoa(c.Port), "name n1 at port 6370", "name n2 at port 6371"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if _, err := c.Register(within(t), nodeNamed(1)); !errors.Is(err, ErrTaken) {
			t.Errorf("a name twice: %v", err)
		}
		_ = a.Close()
		awaitGone(t, c, "n1")
		if list := must[[]Node](t)(c.Names(within(t), "127.0.0.1")); len(list) != 1 {
			t.Errorf("%v", list)
		}
	})
}

// awaitGone waits until a mapper has seen that a connection ended: Lookup has
// no event to wait for.
func awaitGone(t *testing.T, c Client, name string) {
	t.Helper()
	for ctx := within(t); ctx.Err() == nil; {
		if _, err := c.Lookup(ctx, "127.0.0.1", name); errors.Is(err, ErrUnknown) {
			return
		}
	}
	t.Fatalf("%s is still there", name)
}

func TestUnknown(t *testing.T) {
	onEach(t, func(t *testing.T, c Client, stop func()) {
		for _, name := range []string{"nobody", "", strings.Repeat("x", 200)} {
			if _, err := c.Lookup(within(t), "127.0.0.1", name); !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrProtocol) {
				t.Errorf("%q: %v", name, err)
			}
		}
		if list := must[[]Node](t)(c.Names(within(t), "127.0.0.1")); len(list) != 0 {
			t.Errorf("%v", list)
		}
		stop()
		if _, err := c.Lookup(within(t), "127.0.0.1", "n"); err == nil || !strings.Contains(err.Error(), "port mapper of 127.0.0.1:") {
			t.Errorf("a mapper that has gone: %v", err)
		}
		if _, err := c.Register(within(t), nodeNamed(1)); err == nil {
			t.Error("registered with nobody")
		}
	})
}

// TestKeep: a node is registered again with a mapper that was started anew,
// and also when none was there at first.
func TestKeep(t *testing.T) {
	for name, run := range mappers {
		t.Run(name, func(t *testing.T) {
			port := free(t)
			c, log := Client{Port: port}, make(lines, 1000)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- c.Keep(ctx, nodeNamed(1), log.logger()) }()
			log.await(t, "not registered")
			for range 2 {
				stop := run(t, port)
				log.await(t, `msg="registered with the port mapper"`) // not "not registered …", said while the mapper starts
				if n := must[Node](t)(c.Lookup(within(t), "127.0.0.1", "n1")); n.Port != 6370 {
					t.Error(n)
				}
				stop()
				log.await(t, "has ended")
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestKeepTaken: a node whose name is taken when it begins is told so; one
// whose name is lost later goes on trying.
func TestKeepTaken(t *testing.T) {
	onEach(t, func(t *testing.T, c Client, _ func()) {
		r := must[*Registration](t)(c.Register(within(t), nodeNamed(1)))
		if err := c.Keep(within(t), nodeNamed(1), slog.New(slog.DiscardHandler)); !errors.Is(err, ErrTaken) {
			t.Errorf("%v", err)
		}
		_ = r.Close()
		awaitGone(t, c, "n1")
		ctx, cancel := context.WithCancel(within(t))
		cancel()
		if err := c.Keep(ctx, nodeNamed(1), slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("%v", err)
		}
	})
}

// TestKill: Erlang's tool can ask ours to end, and ours does not.
func TestKill(t *testing.T) {
	port := free(t)
	ours(t, port)
	for _, what := range [][]string{{"-kill"}, {"-stop", "n1"}} {
		out, _ := exec.CommandContext(within(t), erlang(t), append([]string{"-port", strconv.Itoa(port)}, what...)...).CombinedOutput()
		t.Logf("%v: %s", what, out)
	}
	if out := names(t, port); !strings.Contains(out, "up and running") {
		t.Error(out)
	}
}

// TestRoom: there is room for so many nodes, and for those who ask besides.
func TestRoom(t *testing.T) {
	s := NewServer(slog.New(slog.DiscardHandler))
	for i := range maxNames {
		if _, ok := s.add(own(nodeNamed(i)), nil); !ok {
			t.Fatal(i)
		}
	}
	if _, ok := s.add(own(nodeNamed(maxNames)), nil); ok || s.Refused() != 1 || len(s.Nodes()) != maxNames {
		t.Errorf("%d nodes, %d refused", len(s.Nodes()), s.Refused())
	}
}

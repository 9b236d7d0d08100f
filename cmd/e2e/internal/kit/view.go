package kit

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core/admin"
)

// answerTime bounds one question to the admin API.
const answerTime = 5 * time.Second

// Ask calls f with a client of the node's admin API. Any goroutine may call
// it.
func (n *Node) Ask(f func(context.Context, *admin.Client) error) error {
	c, err := admin.NewClient(filepath.Join(n.Dir, "muster.sock"))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	return f(ctx, c)
}

// View is what the node says of its cluster as one line, "" while it does not
// answer or is in none: the uid of the cluster, who runs, who is stopped. Any
// goroutine may call it.
func (n *Node) View() string {
	var v admin.Cluster
	err := n.Ask(func(ctx context.Context, c *admin.Client) (err error) {
		v, err = c.Cluster(ctx)
		return err
	})
	if err != nil || v.UID == nil {
		return ""
	}
	return view(v.UID.String(), v.Running, v.Stopped)
}

func view[T ~string](uid string, running, stopped []T) string {
	return fmt.Sprintf("%s running %v stopped %v", uid, running, stopped)
}

// ClusterUID is that of the cluster that the node is in; "" for none.
func (n *Node) ClusterUID() string {
	uid, _, _ := strings.Cut(n.View(), " ")
	return uid
}

// Strategy is what the node says of a discovery strategy of its own; nothing
// while it does not answer. Any goroutine may call it.
func (n *Node) Strategy(name string) (found admin.Strategy) {
	_ = n.Ask(func(ctx context.Context, c *admin.Client) error {
		d, err := c.Discovery(ctx)
		for _, s := range d.Strategies {
			if s.Name == name {
				found = s
			}
		}
		return err
	})
	return found
}

// One waits until the nodes are one cluster, all of them running and nobody
// else in it, and returns how long that took.
func One(t testing.TB, within time.Duration, nodes ...*Node) time.Duration {
	t.Helper()
	return Sees(t, within, nodes, nil)
}

// Sees waits until each of running sees the others, and the stopped ones, in
// one cluster.
func Sees(t testing.TB, within time.Duration, running, stopped []*Node) time.Duration {
	t.Helper()
	took, err := Becomes(within, running, stopped)
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// Agreed reports whether the views are those of one cluster of these nodes.
func Agreed(views []string, running, stopped []*Node) bool {
	uid, _, _ := strings.Cut(views[0], " ")
	want := view(uid, names(running), names(stopped))
	return uid != "" && !slices.ContainsFunc(views, func(v string) bool { return v != want })
}

// Becomes waits as Sees does, and returns an error instead of failing a test:
// any goroutine may call it.
func Becomes(within time.Duration, running, stopped []*Node) (time.Duration, error) {
	var views []string
	took, came := Wait(within, func() bool {
		views = views[:0]
		for _, n := range running {
			views = append(views, n.View())
		}
		return Agreed(views, running, stopped)
	})
	if !came {
		return took, fmt.Errorf("no one cluster of %s within %s; the last views:\n%s",
			strings.Join(names(running), ", "), within, strings.Join(views, "\n"))
	}
	return took, nil
}

// Stays looks once a second, for so long, whether the nodes are one cluster, all
// of them running and nobody else in it; the error says when they were not. Any
// goroutine may call it.
func Stays(d time.Duration, nodes ...*Node) error {
	for began := time.Now(); ; Pass(time.Second) {
		if _, err := Becomes(0, nodes, nil); err != nil {
			return fmt.Errorf("%v into it: %w", time.Since(began).Round(time.Millisecond), err)
		}
		if time.Since(began) >= d {
			return nil
		}
	}
}

func names(nodes []*Node) []string {
	out := []string{}
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	slices.Sort(out)
	return out
}

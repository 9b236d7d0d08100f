package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeNode is a node that does as it is told and remembers what it was asked.
type fakeNode struct {
	cluster core.Cluster
	members []core.Member
	routes  []core.Route
	refuse  error
	block   chan struct{} // if set, Leave waits for it

	mu    sync.Mutex
	asked []string
}

var (
	_ Viewer   = (*fakeNode)(nil)
	_ Operator = (*fakeNode)(nil)
)

func (f *fakeNode) Cluster() core.Cluster  { return f.cluster }
func (f *fakeNode) Members() []core.Member { return append([]core.Member(nil), f.members...) }
func (f *fakeNode) Routes() []core.Route   { return f.routes }
func (f *fakeNode) RoutesOf(topic core.Topic) (out []core.Route) {
	for _, r := range f.routes {
		if r.Filter.Matches(topic) {
			out = append(out, r)
		}
	}
	return out
}

func (f *fakeNode) ask(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return f.refuse
}

func (f *fakeNode) Join(_ context.Context, target string) error { return f.ask("join %s", target) }
func (f *fakeNode) Merge(_ context.Context, addrs []string) (int, error) {
	return len(addrs), f.ask("merge %s", strings.Join(addrs, " "))
}

func (f *fakeNode) Leave(ctx context.Context) error {
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return f.ask("leave")
}

func (f *fakeNode) ForceLeave(_ context.Context, name core.NodeID) error {
	return f.ask("force-leave %s", name)
}

func (f *fakeNode) told() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "; ")
}

var founded = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func uid(n byte) core.UID { return core.UID{6: 0x40, 8: 0x80, 15: n} }

// threeNodes is a cluster of one running, one failed and one stopped node.
func threeNodes() *fakeNode {
	member := func(n byte, state core.MemberState) core.Member {
		return core.Member{
			UID: uid(n), Incarnation: 2, Name: core.NodeID(fmt.Sprintf("n%d@h", n)), Addr: fmt.Sprintf("h:%d", 4370+int(n)),
			State: state, Role: "core", Build: "v1", Protocol: 1, Datacenter: "dc1", Joined: core.StampAt(founded),
		}
	}
	n2 := member(2, core.Failed)
	n2.Since = founded.Add(time.Minute)
	return &fakeNode{
		cluster: core.Cluster{UID: uid(9), Founded: core.StampAt(founded)},
		members: []core.Member{member(3, core.Left), member(1, core.Alive), n2},
		routes:  []core.Route{{Filter: "a/#", Node: "n1@h"}, {Filter: "a/b", Node: "n2@h"}, {Filter: "c", Node: "n1@h"}},
	}
}

// options returns Options around a fake node; what it logs ends up in log.
func options(f *fakeNode, log *bytes.Buffer) Options {
	return Options{
		Self: "n1@h", ClusterName: "mustercl", Viewer: f, Operator: f, Stop: func() { _ = f.ask("stop") },
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	}
}

func newHandler(t *testing.T, o Options) http.Handler {
	t.Helper()
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var errRefused = errors.New("n9@h refused the connection:\nis the node running?")

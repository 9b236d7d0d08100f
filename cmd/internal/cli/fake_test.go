package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/admin"
	"go.uber.org/goleak"
)

// childMode tells a copy of the test binary to be a muster that --detach
// started; its value is what the node does.
const childMode = "MUSTER_TEST_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		os.Exit(child(mode))
	}
	goleak.VerifyTestMain(m)
}

func child(mode string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return Main(ctx, Invocation{
		Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Load: loadFake,
		Run: func(ctx context.Context, o StartOptions) error {
			switch mode {
			case "fail":
				_, _ = fmt.Fprintln(os.Stderr, "an earlier line")
				return errors.New("port 4371 is in use")
			case "never ready":
				<-ctx.Done()
				return nil
			}
			return serveChild(ctx, o)
		},
	})
}

// serveChild is a node that shows in its API how it was started.
func serveChild(ctx context.Context, o StartOptions) error {
	settings, err := loadFake(o.Source)
	if err != nil {
		return err
	}
	l, err := admin.ListenUnix(settings.DataDir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := newFake()
	f.members[0].Build = strings.Join(o.Source.Set, " ")
	log := slog.New(slog.DiscardHandler)
	h, err := admin.New(admin.Options{Self: "a@h1", Viewer: f, Operator: f, Stop: cancel, Logger: log})
	if err != nil {
		return err
	}
	s := admin.NewServer(h, log)
	context.AfterFunc(ctx, func() { _ = s.Shutdown(context.Background()) })
	o.Ready(fmt.Sprintf("a@h1 is ready, process %d", os.Getpid()))
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// loadFake is a configuration that knows the data directory only.
func loadFake(s Source) (Settings, error) {
	out := Settings{DataDir: "data", Entries: []Entry{
		{"cluster.name", "mustercl", "default"}, {"node.cookie", "******", "/etc/m.conf:3:5"},
	}}
	for _, file := range s.Files {
		switch {
		case strings.HasPrefix(file, "bad"):
			return Settings{}, fmt.Errorf("%s:1:1: unknown key nod.name: did you mean node.name?", file)
		case strings.HasPrefix(file, "warn"):
			out.Warnings = append(out.Warnings, file+":2:1: cluster.discovery is an older spelling")
		default:
			out.DataDir = file
		}
	}
	for _, f := range s.Flags {
		if f.Path == "node.data_dir" {
			out.DataDir = f.Value
		}
	}
	return out, nil
}

// fakeNode does as it is told.
type fakeNode struct {
	members []core.Member
	routes  []core.Route
	refuse  error

	mu    sync.Mutex
	asked []string
}

var (
	_ admin.Viewer   = (*fakeNode)(nil)
	_ admin.Operator = (*fakeNode)(nil)
)

var founded = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func uid(n byte) core.UID { return core.UID{6: 0x40, 8: 0x80, 15: n} }

func newFake() *fakeNode {
	member := func(n byte, name core.NodeID, state core.MemberState) core.Member {
		return core.Member{
			UID: uid(n), Incarnation: core.Incarnation(n), Name: name, Addr: "10.0.0." + fmt.Sprint(n) + ":4370", State: state,
			Role: "core", Build: "0.1.0", Protocol: 1, Datacenter: "dc1", Joined: core.StampAt(founded),
		}
	}
	c := member(3, "c@h3", core.Failed)
	c.Since = founded.Add(time.Hour)
	return &fakeNode{
		members: []core.Member{member(1, "a@h1", core.Alive), member(2, "b@h2", core.Suspect), c},
		routes:  []core.Route{{Filter: "sensors/#", Node: "b@h2"}, {Filter: "sensors/+/t", Node: "a@h1"}},
	}
}

func (f *fakeNode) Cluster() core.Cluster {
	return core.Cluster{UID: uid(9), Founded: core.StampAt(founded)}
}
func (f *fakeNode) Members() []core.Member { return slices.Clone(f.members) }
func (f *fakeNode) Routes() []core.Route   { return f.routes }
func (f *fakeNode) RoutesOf(t core.Topic) (out []core.Route) {
	for _, r := range f.routes {
		if r.Filter.Matches(t) {
			out = append(out, r)
		}
	}
	return out
}

func (f *fakeNode) ask(words ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, strings.Join(words, " "))
	return f.refuse
}

func (f *fakeNode) told() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "; ")
}

func (f *fakeNode) Join(_ context.Context, target string) error { return f.ask("join", target) }
func (f *fakeNode) Leave(context.Context) error                 { return f.ask("leave") }
func (f *fakeNode) Merge(_ context.Context, addrs []string) (int, error) {
	return len(addrs), f.ask("merge", strings.Join(addrs, " "))
}

func (f *fakeNode) ForceLeave(_ context.Context, name core.NodeID) error {
	return f.ask("force-leave", string(name))
}

// serve runs the admin API of f and returns its data directory.
func serve(t *testing.T, f *fakeNode, plugins ...admin.Plugin) string {
	t.Helper()
	return serveWith(t, f, func(o *admin.Options) { o.Plugins = func() []admin.Plugin { return plugins } })
}

func serveWith(t *testing.T, f *fakeNode, change func(*admin.Options)) string {
	t.Helper()
	dir := t.TempDir()
	l, err := admin.ListenUnix(dir)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	o := admin.Options{
		Self: "a@h1", ClusterName: "mustercl", Viewer: f, Operator: f, Logger: log,
		Stop: func() { _ = f.ask("stop"); _ = l.Close() },
	}
	change(&o)
	h, err := admin.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := admin.NewServer(h, log)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return dir
}

// result is what one call of the command line came to.
type result struct {
	Status         int
	Stdout, Stderr string
}

// run calls the command line; an argument DIR stands for the data directory.
func run(t *testing.T, dir string, args ...string) result {
	t.Helper()
	return call(t, Invocation{Args: fill(dir, args)})
}

func call(t *testing.T, inv Invocation) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	inv.Stdout, inv.Stderr, inv.Version = &stdout, &stderr, "0.1.0"
	if inv.Load == nil {
		inv.Load = loadFake
	}
	status := Main(t.Context(), inv)
	return result{status, stdout.String(), stderr.String()}
}

func fill(dir string, args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		out[i] = strings.ReplaceAll(arg, "DIR", dir)
	}
	return out
}

func check(t *testing.T, name string, want, got result) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func socket(dir string) string { return filepath.Join(dir, admin.SocketName) }

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/conformance/strategy"
	"github.com/muster-mqtt/muster/core/pluginhost"
	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest/program"
	"github.com/muster-mqtt/muster/discovery/discoverytest/standing"
	"github.com/muster-mqtt/muster/plugins/etcd/internal/etcdtest"
)

// subject is the plugin, built once.
var subject string

func TestMain(m *testing.M) { os.Exit(program.Main(m, "etcd", &subject)) }

// fixture is an etcdtest.Fixture in the words of the suite.
type fixture struct{ etcd *etcdtest.Fixture }

var _ strategy.Fixture = fixture{}

func newFixture(dir string) (strategy.Fixture, error) {
	return fixture{&etcdtest.Fixture{Dir: dir, Cluster: "conformance"}}, nil
}

func (f fixture) Do(_ context.Context, verb string, args ...string) (r strategy.Reply, err error) {
	text, err := f.etcd.Do(verb, args...)
	if errors.Is(err, standing.ErrCannot) {
		return r, fmt.Errorf("%w: %w", strategy.ErrCannot, err)
	}
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// The whole suite, on a real etcd that is cut off, held up, restarted, and
// that takes the rights away. No case is skipped.
func TestConformance(t *testing.T) {
	report, err := strategy.Check(t.Context(), strategy.Options{Plugin: subject, Fixture: newFixture, Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if r.Status != strategy.Passed {
			t.Errorf("%s", strategy.Line(r))
		}
	}
}

// maxIdle is what the process may hold while it keeps an entry and a watch,
// in bytes.
const maxIdle = 30 << 20

func TestIdleMemory(t *testing.T) {
	f := &etcdtest.Fixture{Dir: t.TempDir(), Cluster: "idle"}
	text, err := f.Do("up")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Do("down")
	var up strategy.Reply
	if err := json.Unmarshal(text, &up); err != nil {
		t.Fatal(err)
	}
	life, err := pluginhost.Launch(t.Context(), pluginhost.Options{
		Strategy: "etcd", Path: subject, RunDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Timers: pluginhost.Timers{Start: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer life.Stop(false)
	self := discovery.Self{NodeUID: "u", Name: "n1@h", Endpoints: []discovery.Endpoint{{Host: "h", Port: 1}}}
	c := life.Client()
	if _, err := c.Configure(t.Context(), discovery.Setup{Config: up.Config, Self: self, ClusterName: "idle"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(t.Context(), self, time.Minute); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = c.Watch(ctx, "", func(discovery.Event) error { return errIdle })
	if !errors.Is(err, errIdle) {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := c.Discover(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if rss := resident(t, life.PID()); rss > maxIdle {
		t.Errorf("the plugin holds %d bytes, over %d", rss, maxIdle)
	} else {
		t.Logf("the plugin holds %.1f MB", float64(rss)/1e6)
	}
}

var errIdle = errors.New("seen")

// resident is the memory of a process, in bytes [proc(5)].
func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var all, pages int
	if _, err := fmt.Sscan(string(text), &all, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// The fixture program does for muster-conformance what the suite does here.
func TestFixtureProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "fixture")
	if out, err := exec.Command("go", "build", "-o", program, "./fixture").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := strategy.Program(program)
	if err != nil {
		t.Fatal(err)
	}
	report, err := strategy.Check(t.Context(), strategy.Options{Plugin: subject, Fixture: f, Only: "claim.survives", Scratch: t.TempDir()})
	if err != nil || report.Passed != 2 {
		t.Fatalf("%v\n%s", err, report.Summary())
	}
}

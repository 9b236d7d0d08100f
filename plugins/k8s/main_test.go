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
	"github.com/muster-mqtt/muster/plugins/k8s/internal/kubetest"
)

// subject is the plugin, built once.
var subject string

func TestMain(m *testing.M) { os.Exit(program.Main(m, "k8s", &subject)) }

// start starts the API server that the cases share, each with a namespace.
func start(t *testing.T) *kubetest.Server {
	t.Helper()
	built(t)
	s, err := kubetest.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func built(t *testing.T) {
	t.Helper()
	if err := kubetest.Built(); errors.Is(err, kubetest.ErrAbsent) {
		t.Skipf("skip: %v", err)
	}
}

// fixture is a kubetest.Fixture in the words of the suite.
type fixture struct{ kube *kubetest.Fixture }

var _ strategy.Fixture = fixture{}

func (f fixture) Do(_ context.Context, verb string, args ...string) (r strategy.Reply, err error) {
	text, err := f.kube.Do(verb, args...)
	if errors.Is(err, standing.ErrCannot) {
		return r, fmt.Errorf("%w: %w", strategy.ErrCannot, err)
	}
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// The whole suite, on a real API server that is cut off, held up, and that
// takes the rights away; once with pods, once with EndpointSlices. What is
// skipped needs what Kubernetes does not have: uids of nodes, registration.
func TestConformance(t *testing.T) {
	server := start(t)
	for name, slices := range map[string]bool{"pods": false, "EndpointSlices": true} {
		t.Run(name, func(t *testing.T) {
			// On two cores, more cases at a time only wait for one another
			// at the server, some for longer than a call may take.
			report, err := strategy.Check(t.Context(), strategy.Options{Plugin: subject, Scratch: t.TempDir(), Parallel: 3,
				Fixture: func(dir string) (strategy.Fixture, error) {
					return fixture{&kubetest.Fixture{Dir: dir, Server: server, Slices: slices}}, nil
				}})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				needless := r.Case == "discover.identity" || len(r.Case) > 9 && r.Case[:9] == "register."
				if r.Status != strategy.Passed && (!needless || r.Status != strategy.Skipped) {
					t.Errorf("%s", strategy.Line(r))
				}
			}
		})
	}
}

// maxIdle is what the process may hold while it keeps a watch, in bytes.
const maxIdle = 30 << 20

func TestIdleMemory(t *testing.T) {
	f := &kubetest.Fixture{Dir: t.TempDir(), Server: start(t)}
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
		Strategy: "k8s", Path: subject, RunDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Timers: pluginhost.Timers{Start: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer life.Stop(false)
	c := life.Client()
	if _, err := c.Configure(t.Context(), discovery.Setup{Config: up.Config, ClusterName: "idle"}); err != nil {
		t.Fatal(err)
	}
	seen := errors.New("seen")
	if err = c.Watch(t.Context(), "", func(discovery.Event) error { return seen }); !errors.Is(err, seen) {
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
	built(t)
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

package pods

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
	"github.com/muster-mqtt/muster/plugins/k8s/internal/kubetest"
)

// wait bounds everything that a test waits for.
const wait = time.Minute

// kube is the one API server of all tests of this package, each of which has
// a namespace. It is started by the first that needs it.
var kube struct {
	once   sync.Once
	server *kubetest.Server
	err    error
	dir    string
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	code := m.Run()
	if kube.server != nil {
		kube.server.Close()
	}
	if kube.dir != "" {
		_ = os.RemoveAll(kube.dir)
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// space is a namespace on the real API server.
type space struct {
	*kubetest.Space
	t *testing.T
}

func newSpace(t *testing.T) *space {
	t.Helper()
	kube.once.Do(func() {
		if kube.dir, kube.err = os.MkdirTemp("", "kube"); kube.err == nil {
			kube.server, kube.err = kubetest.Start(kube.dir)
		}
	})
	return spaceOf(t, kube.server, kube.err)
}

func spaceOf(t *testing.T, server *kubetest.Server, err error) *space {
	t.Helper()
	if errors.Is(err, kubetest.ErrAbsent) {
		t.Skipf("skip: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	sp, err := server.Space("t-"+strings.ToLower(rand.Text()), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sp.Close)
	return &space{sp, t}
}

// must fails the test on an error.
func (s *space) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// pods is a plugin that reads the pods with the label app=muster.
func (s *space) pods(more kubetest.Object) *discovery.Client {
	s.t.Helper()
	conf := kubetest.Object{"selector": "app=muster"}
	maps.Copy(conf, more)
	return s.plugin(conf)
}

// plugin is a plugin that reads EndpointSlices, if more does not say otherwise.
func (s *space) plugin(more kubetest.Object) *discovery.Client {
	s.t.Helper()
	c, applied := s.configured(more)
	if len(applied.Warnings) > 0 {
		s.t.Errorf("Configure warns: %q", applied.Warnings)
	}
	return c
}

func (s *space) configured(more kubetest.Object) (*discovery.Client, discovery.Applied) {
	s.t.Helper()
	return configured(s.t, s.Config(more))
}

func configured(t *testing.T, conf json.RawMessage) (*discovery.Client, discovery.Applied) {
	t.Helper()
	c := discoverytest.Start(t, Info("1"), New)
	applied, err := c.Configure(t.Context(), discovery.Setup{Config: conf, ClusterName: "c"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Shutdown(context.Background(), time.Second); err != nil {
			t.Error(err)
		}
	})
	return c, applied
}

// found are the candidates of an answer as "address readiness", sorted.
func found(a discovery.Answer) []string {
	out := []string{}
	for _, c := range a.Candidates {
		var ends []string
		for _, e := range c.Endpoints {
			ends = append(ends, e.String())
		}
		out = append(out, strings.Join(ends, ",")+" "+map[discovery.Readiness]string{
			discovery.Ready: "ready", discovery.NotReady: "not-ready", discovery.Terminating: "terminating",
		}[c.Readiness])
	}
	slices.Sort(out)
	return out
}

func discover(t *testing.T, c *discovery.Client) discovery.Answer {
	t.Helper()
	a, err := c.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// events are what a watch tells, with the patience of these tests.
type events struct {
	*discoverytest.Watching
	t *testing.T
}

func watching(t *testing.T, c *discovery.Client) *events {
	t.Helper()
	return &events{discoverytest.Watch(t, c.Watch), t}
}

func (w *events) until(what string, ok func(discovery.Event) bool) {
	w.t.Helper()
	w.Until(wait, what, ok)
}

func (w *events) snapshot(what string, want ...string) {
	w.t.Helper()
	var last []string
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the last snapshot: %q", last)
		}
	}()
	w.until(what, func(ev discovery.Event) bool {
		if ev.Snapshot != nil {
			last = found(*ev.Snapshot)
		}
		return ev.Snapshot != nil && slices.Equal(last, want)
	})
}

// ends waits for the end of the watch and checks the class of its error.
func (w *events) ends(want discovery.Class) {
	w.t.Helper()
	err := w.End(wait)
	if class := discovery.ClassOf(err); class != want {
		w.t.Errorf("the watch ends with %v, not %v: %v", class, want, err)
	}
}

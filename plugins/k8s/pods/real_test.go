package pods

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/internal/kubetest"
)

// Pods that a label selects are nodes from the moment that they have an
// address, ready or not, until they have ended.
func TestPods(t *testing.T) {
	s := newSpace(t)
	c := s.pods(nil)
	if got := found(discover(t, c)); len(got) != 0 {
		t.Errorf("an empty namespace: %q", got)
	}
	s.must(s.PutPod(kubetest.Pod{Name: "a", IPs: []string{"10.0.0.1", "fd00::1"}, Port: 4375, Ready: true}))
	s.must(s.PutPod(kubetest.Pod{Name: "b", IPs: []string{"10.0.0.2"}}))
	s.must(s.PutPod(kubetest.Pod{Name: "pending"}))
	s.must(s.PutPod(kubetest.Pod{Name: "done", IPs: []string{"10.0.0.3"}, Ended: "Succeeded"}))
	s.must(s.PutPod(kubetest.Pod{Name: "dead", IPs: []string{"10.0.0.4"}, Ended: "Failed"}))
	s.must(s.PutPod(kubetest.Pod{Name: "other", IPs: []string{"10.0.0.5"}, Labels: map[string]string{"app": "x"}}))
	a := discover(t, c)
	want := []string{"10.0.0.1:4375,[fd00::1]:4375 ready", "10.0.0.2:0 not-ready"}
	if diff := cmp.Diff(want, found(a)); diff != "" {
		t.Error(diff)
	}
	if a.Completeness != discovery.Complete || a.SourceRevision == "" || a.Candidates[0].Attributes["pod"] != "a" {
		t.Errorf("%+v", a)
	}
}

// The controllers of Kubernetes make the EndpointSlices here: of a service
// without pods, of pods that are not ready and of such that end; and a service
// that is not there is no empty list.
func TestRealEndpointSlices(t *testing.T) {
	s := newSpace(t)
	if kube.server.StartControllers() != nil {
		t.Fatal("the controllers do not start")
	}
	c := s.plugin(nil)
	if _, err := c.Discover(t.Context()); discovery.ClassOf(err) != discovery.SourceNotFound || !strings.Contains(err.Error(), s.Name) {
		t.Errorf("without a service: %v", err)
	}
	s.must(s.PutMachine("m-"+s.Name, "west"))
	s.must(s.PutService())
	answers(t, "no pods", c)
	w := watching(t, c)
	snapshot := func(what string, want ...string) {
		t.Helper()
		w = w.through(c, what, want...)
	}
	snapshot("no pods")
	pod := kubetest.Pod{Name: "a-0", IPs: []string{"10.0.0.1"}, Port: 4370, Machine: "m-" + s.Name, Hostname: "a-0"}
	s.must(s.PutPod(pod))
	snapshot("a pod that is not ready", "10.0.0.1:4370 not-ready")
	got := answers(t, "a pod that is not ready", c, "10.0.0.1:4370 not-ready").Candidates[0].Attributes
	if diff := cmp.Diff(map[string]string{"pod": "a-0", "pod_uid": got["pod_uid"], "machine": "m-" + s.Name, "zone": "west", "hostname": "a-0"}, got); diff != "" {
		t.Error(diff)
	}
	pod.Ready = true
	s.must(s.SayPod(pod))
	snapshot("a pod that is ready", "10.0.0.1:4370 ready")
	s.must(s.RemovePod("a-0"))
	snapshot("the end of the pod")
	pod.IPs = []string{"10.0.0.9"}
	s.must(s.PutPod(pod))
	snapshot("its successor, at another address", "10.0.0.9:4370 ready")
}

// through is snapshot, of this watch or of one after it, which is returned. The
// controllers of Kubernetes may take a service's only slices away, by an old
// view of them, before they make others. That is no list without pods but an
// error, after which the host watches again.
func (w *events) through(c *discovery.Client, what string, want ...string) *events {
	w.t.Helper()
	for late := time.Now().Add(wait); ; {
		ended, err := w.UntilOrEnd(time.Until(late), what, func(ev discovery.Event) bool {
			return ev.Snapshot != nil && slices.Equal(found(*ev.Snapshot), want)
		})
		if !ended {
			return w
		}
		if discovery.ClassOf(err) != discovery.SourceNotFound {
			w.t.Fatalf("the watch ends instead of telling of %s: %v", what, err)
		}
		answers(w.t, what, c, want...)
		w = watching(w.t, c)
	}
}

// answers waits until Discover answers with no error.
func answers(t *testing.T, what string, c *discovery.Client, want ...string) discovery.Answer {
	t.Helper()
	tick, late := every(t)
	for {
		a, err := c.Discover(t.Context())
		if err == nil && slices.Equal(found(a), append([]string{}, want...)) {
			return a
		}
		select {
		case <-tick:
		case <-late:
			t.Fatalf("%s: %q, %v", what, found(a), err)
		}
	}
}

// A missing right is named when the plugin is configured, and again by the
// call that lacks it.
func TestMissingRights(t *testing.T) {
	s := newSpace(t)
	s.must(s.PutSlice("x", "IPv4", 0))
	for _, x := range []struct {
		verb, resource string
		conf           kubetest.Object
		use            func(c *discovery.Client) error
	}{
		{"list", "endpointslices.discovery.k8s.io", nil, func(c *discovery.Client) error { _, err := c.Discover(t.Context()); return err }},
		{"watch", "endpointslices.discovery.k8s.io", nil, watchError(t)},
		{"list", "pods", kubetest.Object{"selector": "a=b"}, func(c *discovery.Client) error { _, err := c.Discover(t.Context()); return err }},
		{"watch", "pods", kubetest.Object{"selector": "a=b"}, watchError(t)},
		{"create", "leases.coordination.k8s.io", nil, func(c *discovery.Client) error { _, err := c.Claim(t.Context(), "c", []byte("v")); return err }},
		{"get", "leases.coordination.k8s.io", nil, func(c *discovery.Client) error { _, err := c.Unclaim(t.Context(), "c", []byte("v")); return err }},
		{"delete", "leases.coordination.k8s.io", nil, func(c *discovery.Client) error {
			if _, err := c.Claim(t.Context(), "c", []byte("v")); err != nil {
				return err
			}
			_, err := c.Unclaim(t.Context(), "c", []byte("v"))
			return err
		}},
	} {
		s.must(s.Grant(kubetest.AllRights().Without(x.verb, x.resource)))
		s.must(s.Await(x.verb, x.resource, false))
		c, applied := s.configured(x.conf)
		resource, _, _ := strings.Cut(x.resource, ".")
		want := x.verb + " " + resource
		if len(applied.Warnings) != 1 || !strings.Contains(applied.Warnings[0], want) || !strings.Contains(applied.Warnings[0], s.Name) {
			t.Errorf("without %s Configure warns: %q", want, applied.Warnings)
		}
		if err := x.use(c); discovery.ClassOf(err) != discovery.Auth || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", want, err)
		}
		h, err := c.Health(t.Context())
		if err != nil || len(h.Notes) != 1 || h.Backend == discovery.BackendOK {
			t.Errorf("without %s Health says %+v, %v", want, h, err)
		}
		s.must(s.Grant(kubetest.AllRights()))
		s.must(s.Await(x.verb, x.resource, true))
	}
	s.plugin(nil) // warns of nothing
}

func watchError(t *testing.T) func(c *discovery.Client) error {
	return func(c *discovery.Client) error {
		return c.Watch(t.Context(), "", func(discovery.Event) error { return nil })
	}
}

// A token that is revoked is an AUTH error; the one that takes its place in
// the file is used by the next call.
func TestTokenIsReplaced(t *testing.T) {
	s := newSpace(t)
	s.must(s.PutPod(kubetest.Pod{Name: "a", IPs: []string{"10.0.0.1"}}))
	c := s.pods(nil)
	w := watching(t, c)
	w.snapshot("the pod", "10.0.0.1:0 not-ready")
	s.must(s.Revoke())
	_, err := c.Discover(t.Context())
	if discovery.ClassOf(err) != discovery.Auth || !strings.Contains(err.Error(), "token") {
		t.Errorf("with a token that was revoked: %v", err)
	}
	token, err := s.Token()
	s.must(err)
	if _, err := c.Discover(t.Context()); strings.Contains(err.Error(), token) {
		t.Error("the error holds the token")
	}
	_, applied := s.configured(kubetest.Object{"selector": "app=muster"})
	if len(applied.Warnings) != 1 || !strings.Contains(applied.Warnings[0], "token") {
		t.Errorf("Configure with a token that was revoked warns: %q", applied.Warnings)
	}
	s.must(s.Rotate())
	if got := found(discover(t, c)); len(got) != 1 {
		t.Errorf("with a new token: %q", got)
	}
}

// The API server is killed and started again: errors of its class meanwhile,
// and everything works as before afterwards. What was claimed still stands.
func TestServerRestarts(t *testing.T) {
	server, err := kubetest.Start(t.TempDir())
	s := spaceOf(t, server, err)
	defer server.Close()
	s.must(s.PutPod(kubetest.Pod{Name: "a", IPs: []string{"10.0.0.1"}}))
	c := s.pods(nil)
	if got, err := c.Claim(t.Context(), "c", []byte("one")); err != nil || string(got) != "one" {
		t.Errorf("%q, %v", got, err)
	}
	w := watching(t, c)
	w.snapshot("the pod", "10.0.0.1:0 not-ready")
	server.StopAPI()
	w.ends(discovery.BackendUnavailable)
	if _, err := c.Discover(t.Context()); discovery.ClassOf(err) != discovery.BackendUnavailable {
		t.Errorf("without a server: %v", err)
	}
	if _, err := c.Claim(t.Context(), "c", []byte("two")); discovery.ClassOf(err) != discovery.BackendUnavailable {
		t.Errorf("a claim without a server: %v", err)
	}
	s.must(server.StartAPI())
	s.Reconnect()
	answers(t, "after the restart", c, "10.0.0.1:0 not-ready")
	if got, err := c.Claim(t.Context(), "c", []byte("three")); err != nil || string(got) != "one" {
		t.Errorf("after the restart %q stands, %v", got, err)
	}
}

// Over http no token leaves the machine, and the operator is told.
func TestPlainHTTP(t *testing.T) {
	s := newSpace(t)
	s.must(s.PutPod(kubetest.Pod{Name: "a", IPs: []string{"10.0.0.1"}, Ready: true}))
	gate, err := kube.server.NewGate(false)
	s.must(err)
	defer gate.Close()
	c, applied := s.configured(kubetest.Object{"apiserver": gate.URL(), "selector": "app=muster", "namespace": s.Name})
	if len(applied.Warnings) != 1 || !strings.Contains(applied.Warnings[0], "http") {
		t.Errorf("warns: %q", applied.Warnings)
	}
	if got := found(discover(t, c)); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if _, err := c.Claim(t.Context(), "c", []byte("v")); err != nil {
		t.Error(err)
	}
	if lists, _, tokens := gate.Asked(); lists != 1 || tokens != 0 {
		t.Errorf("%d lists, %d calls with a token", lists, tokens)
	}
}

// A selector that the server does not understand is the operator's to correct.
func TestBadSelector(t *testing.T) {
	s := newSpace(t)
	c := s.plugin(kubetest.Object{"selector": "a in in b"})
	if _, err := c.Discover(t.Context()); discovery.ClassOf(err) != discovery.ConfigInvalid {
		t.Error(err)
	}
}

// More pods than a page holds are all found, at one version.
func TestPages(t *testing.T) {
	s := newSpace(t)
	for i := range pageSize + 7 {
		s.must(s.PutSlice("s"+string(rune('a'+i/26))+string(rune('a'+i%26)), "IPv4", 0, kubetest.Object{"addresses": []string{"10.1." + itoa(i) + ".1"}}))
	}
	if a := discover(t, s.plugin(nil)); len(a.Candidates) != pageSize+7 || a.Completeness != discovery.Complete {
		t.Errorf("%d of %d", len(a.Candidates), pageSize+7)
	}
}

// The claim is an object that people can read and that nobody else's is taken
// for.
func TestClaimIsALease(t *testing.T) {
	s := newSpace(t)
	c := s.plugin(nil)
	value := `{"cluster_uid":"x","founded":1}`
	for _, key := range []string{"prod", "Prod", "p.rod", strings.Repeat("long", 30), "prod "} {
		if got, err := c.Claim(t.Context(), key, []byte(value)); err != nil || string(got) != value {
			t.Errorf("%q: %q, %v", key, got, err)
		}
	}
	for _, odd := range []string{"\x00\xff", "base64:", " a", "a\n"} {
		if got, err := c.Claim(t.Context(), odd2key(odd), []byte(odd)); err != nil || string(got) != odd {
			t.Errorf("%q: %q, %v", odd, got, err)
		}
		if got, err := c.Claim(t.Context(), odd2key(odd), []byte("x")); err != nil || string(got) != odd {
			t.Errorf("%q again: %q, %v", odd, got, err)
		}
	}
	var l lease
	s.must(s.Lease("muster-prod", &l))
	if l.Spec.HolderIdentity != value || l.Metadata.Annotations[annotation] != "prod" {
		t.Errorf("%+v", l)
	}
	s.must(s.PutLease("muster-taken", "somebody"))
	if _, err := c.Claim(t.Context(), "taken", []byte("v")); discovery.ClassOf(err) != discovery.Conflict || !strings.Contains(err.Error(), "muster-taken") {
		t.Errorf("somebody's lease: %v", err)
	}
	if removed, err := c.Unclaim(t.Context(), "taken", []byte("somebody")); removed || discovery.ClassOf(err) != discovery.Conflict {
		t.Errorf("somebody's lease is removed: %v, %v", removed, err)
	}
	if removed, err := c.Unclaim(t.Context(), "never", []byte("v")); removed || err != nil {
		t.Errorf("no claim: %v, %v", removed, err)
	}
	if err := s.As("no-token", http.MethodGet, "/api", nil, nil); err == nil {
		t.Error("the server takes anybody: the tests prove nothing")
	}
}

func odd2key(s string) string { return "odd-" + itoa(len(s)) + "-" + itoa(int(s[0])) }

package pluginhost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// ask calls Discover and returns the attributes of the one candidate.
func ask(t *testing.T, h *Host) (map[string]string, discovery.Answer) {
	t.Helper()
	a, err := h.Discover(t.Context())
	if err != nil || len(a.Candidates) != 1 {
		t.Fatalf("answer %+v, %v", a, err)
	}
	return a.Candidates[0].Attributes, a
}

func TestAtWork(t *testing.T) {
	o := toyOptions(t, `{}`)
	o.Args = []string{"--one", "two"}
	h, stop := run(t, o)
	attributes, _ := ask(t, h) // waits for the start
	if attributes["args"] != "--one two" || attributes["key"] != string(o.ClusterKey) {
		t.Errorf("the plugin saw %q", attributes)
	}
	s := h.Status()
	if s.State != Ready || s.Version != "1.2.3" || s.PID == 0 || s.Path != toyPath || s.Restarts != 0 ||
		s.Candidates != 1 || s.LastAnswer.IsZero() || s.LastError != "" || len(s.Warnings) == 0 {
		t.Errorf("status %+v", s)
	}
	if err := h.Run(t.Context()); err == nil {
		t.Error("a second Run was allowed")
	}
	stop()
	if _, err := h.Discover(t.Context()); err == nil {
		t.Error("Discover works after Run")
	}
	awaitDeath(t, s.PID, 0)
}

func TestEnvironmentHasNoSecret(t *testing.T) {
	t.Setenv("MUSTER_NODE__COOKIE", "s3cret")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	t.Setenv("SSL_CERT_DIR", "/certs")
	t.Setenv("no_proxy", "localhost")
	o := toyOptions(t, `{"chatty": false}`)
	h, _ := run(t, o)
	_, a := ask(t, h)
	seen := map[string]bool{}
	for _, v := range a.Warnings {
		name, value, _ := strings.Cut(v, "=")
		seen[name] = true
		if strings.Contains(value, "s3cret") || strings.Contains(value, string(o.ClusterKey)) {
			t.Errorf("the plugin sees %s", name)
		}
		if len(allowed([]string{v})) == 0 && !strings.HasPrefix(name, "PLUGIN_") && name != discovery.Handshake().MagicCookieKey {
			t.Errorf("the plugin sees %s", name)
		}
	}
	for _, name := range []string{"PATH", "KUBERNETES_SERVICE_HOST", "SSL_CERT_DIR", "no_proxy", "PLUGIN_CLIENT_CERT"} {
		if !seen[name] {
			t.Errorf("the plugin does not see %s", name)
		}
	}
}

func TestKilledComesBack(t *testing.T) {
	h, _ := run(t, toyOptions(t, `{}`))
	before := await(t, h, "ready", ready)
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	after := await(t, h, "back", func(s Status) bool { return ready(s) && s.PID != before.PID })
	if after.Restarts != 1 || after.LastErrorClass != discovery.PluginInternal || !strings.Contains(after.LastError, "killed") {
		t.Errorf("status %+v", after)
	}
	ask(t, h)
}

func TestDiesInACall(t *testing.T) {
	o := toyOptions(t, `{"exit": true}`)
	o.Timers.Drain = patience // its end follows that of its connection
	h, _ := run(t, o)
	_, err := h.Discover(t.Context())
	if discovery.ClassOf(err) != discovery.PluginInternal || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("got %v", err)
	}
	await(t, h, "restarted", func(s Status) bool { return s.Restarts > 0 && ready(s) })
}

func TestPanicIsAnError(t *testing.T) {
	h, _ := run(t, toyOptions(t, `{"panic": "discover"}`))
	_, err := h.Discover(t.Context())
	if discovery.ClassOf(err) != discovery.PluginInternal || !strings.Contains(err.Error(), "panic") {
		t.Errorf("got %v", err)
	}
	if s := h.Status(); s.State != Ready || s.Restarts != 0 || s.LastErrorClass != discovery.PluginInternal {
		t.Errorf("status %+v", s)
	}
}

func TestStoppedIsKilledAndReplaced(t *testing.T) {
	o := toyOptions(t, `{}`)
	o.Timers.Discover, o.Timers.Health = 2*time.Second, 500*time.Millisecond
	h, _ := run(t, o)
	before := await(t, h, "ready", ready)
	suspend(t, before.PID)
	began := time.Now()
	if _, err := h.Discover(t.Context()); discovery.ClassOf(err) != discovery.Timeout {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > patience {
		t.Errorf("Discover took %v", took)
	}
	awaitDeath(t, before.PID, patience)
	await(t, h, "back", func(s Status) bool { return ready(s) && s.PID != before.PID })
}

func TestSlowIsNotHung(t *testing.T) {
	o := toyOptions(t, `{"hang": true}`)
	o.Timers.Discover = 100 * time.Millisecond
	h, stop := run(t, o)
	before := await(t, h, "ready", ready)
	for range 3 {
		if _, err := h.Discover(t.Context()); discovery.ClassOf(err) != discovery.Timeout {
			t.Errorf("got %v", err)
		}
	}
	stop()
	if s := h.Status(); s.Restarts != 0 || before.Restarts != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestEndOfAStoppedPlugin(t *testing.T) {
	o := toyOptions(t, `{}`)
	o.Timers.Stop, o.Timers.Shutdown = time.Second, 500*time.Millisecond
	h, stop := run(t, o)
	s := await(t, h, "ready", ready)
	suspend(t, s.PID)
	began := time.Now()
	stop()
	if took := time.Since(began); took > patience {
		t.Errorf("stopping took %v", took)
	}
	awaitDeath(t, s.PID, 0)
}

func TestGrandchildren(t *testing.T) {
	for _, kind := range []string{"group", "session"} {
		t.Run(kind, func(t *testing.T) {
			h, stop := run(t, toyOptions(t, `{"grandchild": "`+kind+`"}`))
			attributes, _ := ask(t, h)
			pid, err := strconv.Atoi(attributes["grandchild"])
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			stop()
			if took := time.Since(began); took > patience {
				t.Errorf("a grandchild held the end up for %v", took)
			}
			if kind == "session" { // it left the group; only stderr still tied it to us
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Errorf("killing what left the group: %v", err)
				}
			}
			awaitDeath(t, pid, patience)
		})
	}
}

func TestChecksum(t *testing.T) {
	raw, err := os.ReadFile(toyPath)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	o := toyOptions(t, `{}`)
	o.SHA256 = strings.ToUpper(hex.EncodeToString(sum[:]))
	h, stop := run(t, o)
	if s := await(t, h, "ready", ready); s.Path != toyPath {
		t.Errorf("path %s", s.Path)
	}
	stop()
	o.SHA256 = strings.Repeat("0", 64)
	h, _ = run(t, o)
	s := await(t, h, "down", func(s Status) bool { return s.LastError != "" })
	if !strings.Contains(s.LastError, "checksum") || s.PID != 0 || ready(s) {
		t.Errorf("status %+v", s)
	}
}

func TestRefusedConfiguration(t *testing.T) {
	h, _ := run(t, toyOptions(t, `{"refuse": true}`))
	s := await(t, h, "refused", func(s Status) bool { return s.State == Refused })
	if s.LastErrorClass != discovery.ConfigInvalid || s.LastError != "INVALID_CONFIG: cluster.toy.refuse: is true" || s.PID != 0 {
		t.Errorf("status %+v", s)
	}
	if _, err := h.Discover(t.Context()); discovery.ClassOf(err) != discovery.ConfigInvalid {
		t.Errorf("got %v", err)
	}
	h.Enable()
	await(t, h, "refused again", func(s Status) bool { return s.State == Refused && s.Restarts == 1 })
}

func TestRestartStorm(t *testing.T) {
	o := toyOptions(t, `{}`)
	o.Path = script(t, "echo cannot load libfoo >&2; exit 3")
	o.Timers.Retry = time.Hour
	o.Timers.Drain = patience // its end follows that of its output
	h, _ := run(t, o)
	s := await(t, h, "broken", func(s Status) bool { return s.State == Broken })
	if s.Restarts != maxDeaths-1 || !strings.Contains(s.LastError, "exit status 3") || !strings.Contains(s.LastError, "libfoo") {
		t.Errorf("status %+v", s)
	}
	if _, err := h.Discover(t.Context()); err == nil || !strings.Contains(err.Error(), "libfoo") {
		t.Errorf("got %v", err)
	}
	h.Enable()
	s = await(t, h, "broken again", func(s Status) bool { return s.State == Broken && s.Restarts > maxDeaths })
	if s.Restarts != 2*maxDeaths-1 {
		t.Errorf("Enable gave %d more tries", s.Restarts-maxDeaths+1)
	}
}

func TestChattyPluginWorks(t *testing.T) {
	o := toyOptions(t, `{"chatty": true}`)
	o.Timers.Tend = 10 * time.Millisecond // each a change, for await
	h, _ := run(t, o)
	ask(t, h)
	// It answers while its lines are still in the pipe.
	await(t, h, "dropping some of 2000 lines", func(s Status) bool { return s.LogDropped > 0 })
}

func TestManyAtOnce(t *testing.T) {
	h, _ := run(t, toyOptions(t, `{}`))
	errs := make(chan error)
	for range 32 {
		go func() {
			_, err := h.Discover(t.Context())
			errs <- err
		}()
	}
	var got []error
	for range 32 {
		got = append(got, <-errs)
	}
	if slices.ContainsFunc(got, func(err error) bool { return err != nil }) {
		t.Errorf("got %v", got)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestRestartsLeakNoDescriptors(t *testing.T) {
	life := func() {
		h, stop := run(t, toyOptions(t, `{"exit": true}`))
		for range 3 {
			if _, err := h.Discover(t.Context()); err == nil {
				t.Error("the toy lives")
			}
			await(t, h, "ready", ready)
		}
		stop()
	}
	life() // what the first one opens may stay
	before := descriptors(t)
	life()
	// Whoever reads a connection closes it, when the other end hangs up first.
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(patience); descriptors(t) > before; {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d descriptors before, %d after", before, descriptors(t))
		}
	}
}

// An end at any moment of a start leaves nothing: run's stop looks.
func TestStopAtAnyMoment(t *testing.T) {
	for ms := range 16 {
		h, err := New(toyOptions(t, `{"grandchild": "group"}`))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(ms*8)*time.Millisecond)
		began := time.Now()
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		if took := time.Since(began); took > patience {
			t.Errorf("stopped after %d ms, Run took %v", ms*8, took)
		}
		if s := h.Status(); s.State != Stopped || s.PID != 0 || s.LastError != "" {
			t.Errorf("status %+v", s)
		}
	}
}

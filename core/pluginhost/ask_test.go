package pluginhost

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-mqtt/muster/discovery"
)

// backend is the directory that the plugin of testdata/backed uses.
type backend struct{ dir string }

// backed returns the options of a host of that plugin, which looks after it
// often.
func backed(t *testing.T, more map[string]any) (Options, backend) {
	t.Helper()
	b := backend{dir: t.TempDir()}
	for _, sub := range []string{"nodes", "claims"} {
		if err := os.Mkdir(filepath.Join(b.dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	conf := map[string]any{"dir": b.dir}
	for k, v := range more {
		conf[k] = v
	}
	text, err := json.Marshal(conf)
	if err != nil {
		t.Fatal(err)
	}
	o := toyOptions(t, string(text))
	o.Strategy, o.Path, o.Self.NodeUID = "backed", backedPath, "uid-1"
	o.Timers.Tend = 20 * time.Millisecond
	return o, b
}

func (b backend) has(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(b.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func registered(s Status) bool { return s.Registered.State == discovery.Registered }

func TestRegistration(t *testing.T) {
	o, b := backed(t, map[string]any{"refuse": true})
	h, stop := run(t, o)
	s := await(t, h, "looked at", func(s Status) bool { return !s.HealthAt.IsZero() })
	if registered(s) || b.has(t, "nodes/uid-1") {
		t.Fatal("registered before the node is listed")
	}
	h.SetListed(true) // a first refusal is tried again
	s = await(t, h, "registered", registered)
	if !b.has(t, "nodes/uid-1") || s.Registered.TTL != time.Minute || s.LastErrorClass != discovery.BackendUnavailable {
		t.Errorf("status %+v", s)
	}
	h.SetListed(false)
	await(t, h, "gone", func(s Status) bool { return !registered(s) })
	if b.has(t, "nodes/uid-1") {
		t.Error("the entry is still there")
	}
	h.SetListed(true)
	await(t, h, "registered again", registered)
	stop()
	if b.has(t, "nodes/uid-1") {
		t.Error("the entry outlives an orderly stop")
	}
}

// An orderly stop in the middle of a Register leaves no entry behind: nobody
// knows whether it was made.
func TestStopWhileRegistering(t *testing.T) {
	o, b := backed(t, map[string]any{"slow": true})
	h, stop := run(t, o)
	h.SetListed(true)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !b.has(t, "nodes/uid-1") {
		if _, err := h.Discover(ctx); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if b.has(t, "nodes/uid-1") {
		t.Error("the entry outlives an orderly stop")
	}
}

func TestRegistersAgainInANewProcess(t *testing.T) {
	o, b := backed(t, nil)
	o.Timers.Restart = []time.Duration{time.Hour} // nobody enters the node before the entry is removed
	h, _ := run(t, o)
	h.SetListed(true)
	s := await(t, h, "registered", registered)
	if err := unix.Kill(s.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, h, "down", func(s Status) bool { return s.State == Restarting && s.PID == 0 })
	awaitDeath(t, s.PID, patience)
	if err := os.Remove(filepath.Join(b.dir, "nodes/uid-1")); err != nil {
		t.Fatal("a killed plugin took its entry along:", err)
	}
	h.Enable()
	await(t, h, "back in", func(s Status) bool { return ready(s) && s.Restarts > 0 && b.has(t, "nodes/uid-1") })
}

func TestLossAndRestorationAreReported(t *testing.T) {
	o, b := backed(t, nil)
	h, _ := run(t, o)
	h.SetListed(true)
	await(t, h, "registered", registered)
	if err := os.WriteFile(filepath.Join(b.dir, "lost"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, h, "lost", func(s Status) bool { return s.Registered.State == discovery.RegistrationLost })
	if err := os.Remove(filepath.Join(b.dir, "lost")); err != nil {
		t.Fatal(err)
	}
	await(t, h, "restored", registered)
}

func TestClaim(t *testing.T) {
	o, b := backed(t, nil)
	h, _ := run(t, o)
	for _, value := range []string{"first", "second"} {
		if stands, err := h.Claim(t.Context(), "c", []byte(value)); err != nil || string(stands) != "first" {
			t.Errorf("claiming %s: %q, %v", value, stands, err)
		}
	}
	if !h.Offers(discovery.CanClaim) {
		t.Error("CLAIM is not offered")
	}
	for _, c := range []struct {
		value   string
		removed bool
	}{{"second", false}, {"first", true}, {"first", false}} {
		if removed, err := h.Unclaim(t.Context(), "c", []byte(c.value)); err != nil || removed != c.removed {
			t.Errorf("taking %s back: %v, %v", c.value, removed, err)
		}
	}
	if b.has(t, "claims/c") {
		t.Error("the claim still stands")
	}
}

func TestCapabilities(t *testing.T) {
	h, _ := run(t, toyOptions(t, `{}`))
	nothing := func(discovery.Answer) { t.Error("an answer") }
	if err := h.Watch(t.Context(), nothing); discovery.ClassOf(err) != discovery.Unsupported {
		t.Errorf("Watch: %v", err)
	}
	if _, err := h.Claim(t.Context(), "c", nil); discovery.ClassOf(err) != discovery.Unsupported {
		t.Errorf("Claim: %v", err)
	}
	o, _ := backed(t, map[string]any{"without": true})
	liar, _ := run(t, o)
	if _, err := liar.Claim(t.Context(), "c", nil); discovery.ClassOf(err) != discovery.Unsupported {
		t.Errorf("Claim: %v", err)
	}
	if liar.Offers(discovery.CanClaim) || !liar.Offers(discovery.CanWatch) {
		t.Errorf("offered after UNIMPLEMENTED: %v", liar.Status().Capabilities)
	}
}

func TestWatch(t *testing.T) {
	o, b := backed(t, nil)
	if err := os.WriteFile(filepath.Join(b.dir, "nodes/uid-2"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h, _ := run(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	err := h.Watch(ctx, func(a discovery.Answer) {
		seen = len(a.Candidates)
		if !h.Status().Watching {
			t.Error("the status does not tell of the watch")
		}
		cancel()
	})
	if seen != 1 || discovery.ClassOf(err) != discovery.NoClass {
		t.Errorf("%d candidates, then %v", seen, err)
	}
	if s := h.Status(); s.Watching || s.Candidates != 1 || s.LastError != "" {
		t.Errorf("status %+v", s)
	}
}

func TestSilentWatchEnds(t *testing.T) {
	o, _ := backed(t, nil)
	o.Timers.Silence = 50 * time.Millisecond // the kit's heartbeat comes later
	h, _ := run(t, o)
	err := h.Watch(t.Context(), func(discovery.Answer) {})
	if discovery.ClassOf(err) != discovery.Timeout {
		t.Errorf("got %v", err)
	}
}

func TestWatchEndsWithItsProcess(t *testing.T) {
	o, _ := backed(t, nil)
	o.Timers.Drain = patience // its end follows that of its connection
	h, _ := run(t, o)
	err := h.Watch(t.Context(), func(discovery.Answer) {
		if err := unix.Kill(h.Status().PID, unix.SIGKILL); err != nil {
			t.Error(err)
		}
	})
	if discovery.ClassOf(err) != discovery.PluginInternal {
		t.Errorf("got %v", err)
	}
}

func TestDisable(t *testing.T) {
	o, b := backed(t, nil)
	h, _ := run(t, o)
	h.SetListed(true)
	s := await(t, h, "registered", registered)
	h.Disable()
	await(t, h, "disabled", func(s Status) bool { return s.State == Disabled && s.PID == 0 })
	awaitDeath(t, s.PID, patience)
	if b.has(t, "nodes/uid-1") {
		t.Error("a disabled strategy leaves its entry")
	}
	if _, err := h.Discover(t.Context()); err == nil || !strings.Contains(err.Error(), "`muster discovery enable backed` starts it") {
		t.Errorf("a disabled strategy answers %v", err)
	}
	if s := h.Status(); s.LastError != "" {
		t.Errorf("an operator's wish is told as the error %q", s.LastError)
	}
	h.Enable()
	await(t, h, "back", func(s Status) bool { return ready(s) && registered(s) })
	if got := h.Status().Capabilities; !slices.Contains(got, discovery.CanRegister) {
		t.Errorf("capabilities %v", got)
	}
}

// The last word of an operator counts, however fast it follows.
func TestDisableAndEnable(t *testing.T) {
	o, _ := backed(t, nil)
	h, _ := run(t, o)
	await(t, h, "ready", ready)
	for range 20 { // a choice at random would be right in half of them
		h.Enable()
		h.Disable()
		await(t, h, "disabled", func(s Status) bool { return s.State == Disabled && s.PID == 0 })
		h.Disable()
		h.Enable()
		await(t, h, "ready", ready)
	}
}

// A plugin built against a later minor version works if it can do without, and
// is refused by name if it cannot; capabilities of later ones are left out by
// package discovery.
func TestContractVersions(t *testing.T) {
	o, _ := backed(t, nil)
	o.Args = []string{"--needs", "1"}
	h, _ := run(t, o)
	s := await(t, h, "refused", func(s Status) bool { return s.State == Refused })
	if want := "needs version 1.1 of the discovery contract, this node speaks 1.0"; !strings.Contains(s.LastError, want) {
		t.Errorf("%q does not say %q", s.LastError, want)
	}
	if s.PID != 0 {
		t.Error("a refused plugin still runs")
	}
}

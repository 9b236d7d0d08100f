package pluginhost

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// failing returns the options of a toy whose Discover fails while the file is
// there.
func failing(t *testing.T) (o Options, trouble string) {
	t.Helper()
	trouble = filepath.Join(t.TempDir(), "trouble")
	if err := os.WriteFile(trouble, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{"fail": trouble})
	if err != nil {
		t.Fatal(err)
	}
	o = toyOptions(t, string(text))
	o.Timers.Tend = time.Hour // nobody looks but for Fresh
	return o, trouble
}

// poll asks at every word of Woken, as a node in a long pause does, until the
// test ends.
func poll(t *testing.T, h *Host) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-h.Woken():
				_, _ = h.Discover(ctx)
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// A trouble that is over is not shown, however long nobody would ask.
func TestFreshTroubleIsOver(t *testing.T) {
	o, trouble := failing(t)
	h, _ := run(t, o)
	if _, err := h.Discover(t.Context()); discovery.ClassOf(err) != discovery.BackendUnavailable {
		t.Fatalf("got %v", err)
	}
	poll(t, h)
	if s := h.Fresh(t.Context()); s.Health.Backend != discovery.BackendDown || !s.LastAnswer.IsZero() {
		t.Errorf("in trouble: %+v", s)
	}
	if err := os.Remove(trouble); err != nil {
		t.Fatal(err)
	}
	s := h.Fresh(t.Context())
	if s.Health.Backend == discovery.BackendDown || s.LastAnswer.Before(s.LastErrorAt) || s.Candidates != 1 {
		t.Errorf("after it: %+v", s)
	}
	asked := s.LastAnswer
	if s = h.Fresh(t.Context()); s.LastAnswer != asked {
		t.Error("a plugin that is well is asked again for a status")
	}
}

// Where nobody asks in time, Fresh says what there is, soon.
func TestFreshWithoutListener(t *testing.T) {
	o, _ := failing(t)
	o.Timers.Health = 3 * time.Second // that it waits in vain, and that the plugin may take to answer
	h, _ := run(t, o)
	_, _ = h.Discover(t.Context())
	began := time.Now()
	if s := h.Fresh(t.Context()); s.State != Ready || s.LastError == "" || s.HealthAt.Before(began) {
		t.Errorf("status %+v", s)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s := h.Fresh(ctx); s.State != Ready {
		t.Errorf("for a caller that is gone: %+v", s)
	}
}

// A plugin that hangs is not said to be ready.
func TestFreshFindsAHungPlugin(t *testing.T) {
	o, trouble := failing(t)
	o.Timers.Health = 2 * time.Second // Fresh takes two of them, and may take four
	o.Timers.Restart = []time.Duration{time.Hour}
	if err := os.Remove(trouble); err != nil {
		t.Fatal(err)
	}
	h, _ := run(t, o)
	before := await(t, h, "ready", ready)
	suspend(t, before.PID)
	if s := h.Fresh(t.Context()); s.State != Restarting || s.LastErrorClass != discovery.Timeout {
		t.Errorf("status %+v", s)
	}
	await(t, h, "gone", func(s Status) bool { return s.PID == 0 })
	if s := h.Fresh(t.Context()); s.State != Restarting {
		t.Errorf("status in the pause: %+v", s)
	}
}

// Many may ask at once, and while plugins die.
func TestFreshAtAnyMoment(t *testing.T) {
	o, _ := failing(t)
	h, stop := run(t, o)
	poll(t, h)
	await(t, h, "ready", ready)
	answers := make(chan State)
	const many = 30
	for range many {
		go func() { answers <- h.Fresh(t.Context()).State }()
	}
	_ = syscall.Kill(h.Status().PID, syscall.SIGKILL)
	var got []State
	for range many {
		got = append(got, <-answers)
	}
	if slices.Contains(got, Refused) || slices.Contains(got, Stopped) {
		t.Errorf("got %v", got)
	}
	stop()
	if s := h.Fresh(t.Context()); s.State != Stopped {
		t.Errorf("after Run: %+v", s)
	}
}

// Who pauses is told of a new process, and not of the first.
func TestWoken(t *testing.T) {
	h, _ := run(t, toyOptions(t, `{}`))
	before := await(t, h, "ready", ready)
	ask(t, h)
	select {
	case <-h.Woken():
		t.Error("woken by the first start")
	default:
	}
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.Woken():
	case <-time.After(patience):
		t.Fatal("not woken by the second")
	}
	ask(t, h)
}

// Enable forgets the deaths of a plugin that runs, too: the next one is
// replaced as quickly as a first.
func TestEnableForgives(t *testing.T) {
	o := toyOptions(t, `{}`)
	o.Timers.Tend = 10 * time.Millisecond // each a change, for await
	o.Timers.Restart = []time.Duration{0, time.Hour}
	h, _ := run(t, o)
	for range 3 {
		s := await(t, h, "ready", ready)
		h.Enable()
		await(t, h, "taken", func(Status) bool { return len(h.enable) == 0 })
		if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		await(t, h, "replaced", func(now Status) bool { return ready(now) && now.PID != s.PID })
	}
}

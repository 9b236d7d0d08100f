package pluginhost

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// State is where a Host is with its plugin.
type State string

// The states of a Host, as operators see them.
const (
	Starting   State = "starting"   // until configured; Discover waits
	Ready      State = "ready"      // at work
	Restarting State = "restarting" // dead, a delay runs
	Broken     State = "broken"     // died too often, a long delay runs
	Refused    State = "refused"    // its configuration is wrong; see Enable
	Disabled   State = "disabled"   // by an operator, until Enable
	Stopped    State = "stopped"    // Run has returned
)

// Status is what a Host says of its plugin.
type Status struct {
	Strategy string
	State    State
	PID      int    // 0 = no process
	Path     string // of the binary last started
	Version  string // as the plugin said last
	Restarts int    // starts but the first

	LastError      string // one line; it stays until the next
	LastErrorClass discovery.Class
	LastErrorAt    time.Time

	LastAnswer time.Time // when Discover last succeeded
	Candidates int       // of that answer
	Warnings   []string  // of that answer
	LogDropped uint64    // lines of its output that were not logged

	Capabilities []discovery.Capability // as the plugin said last
	Watching     bool                   // a watch is open
	Health       discovery.Health       // as the plugin said last
	HealthAt     time.Time              // zero: never
	// Registered tells of the node's own entry at the backend, as far as the
	// host knows: the plugin's word, or that of the last Register.
	Registered discovery.Registration
}

// Host runs one plugin. Its methods may be called concurrently.
type Host struct {
	o       Options
	limit   limiter
	running atomic.Bool
	suspect chan *session // did not answer in time
	enable  chan struct{}
	disable chan struct{}
	woken   chan struct{}
	look    chan chan<- bool // asks for the health; takes whether anything came
	down    teller           // of Run alone
	// forgiven says that Enable came while the plugin ran; of Run alone.
	forgiven bool

	mu      sync.Mutex
	status  Status
	trouble teller   // of the answers
	asked   outcome  // of the last Discover
	session *session // while Ready
	changed chan struct{}
	listed  bool          // the node is to be registered
	relist  chan struct{} // listed has changed
}

// New returns a Host for a plugin, which Run starts. It fails only for
// options that no restart would cure; a missing binary is not one.
func New(o Options) (*Host, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.Timers = o.Timers.withDefaults()
	return &Host{
		o:       o,
		suspect: make(chan *session, 1),
		enable:  make(chan struct{}, 1),
		disable: make(chan struct{}, 1),
		woken:   make(chan struct{}, 1),
		look:    make(chan chan<- bool),
		relist:  make(chan struct{}, 1),
		changed: make(chan struct{}),
		status:  Status{Strategy: o.Strategy, State: Starting},
	}, nil
}

// Name is the name of the strategy.
func (h *Host) Name() string { return h.o.Strategy }

// Status returns the present state.
func (h *Host) Status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.status
	s.Warnings = slices.Clone(s.Warnings)
	s.Capabilities = slices.Clone(s.Capabilities)
	s.Health.Notes = slices.Clone(s.Health.Notes)
	s.LogDropped = h.limit.lost()
	return s
}

// Changed returns a channel that is closed at the next change of state. To
// miss none, take the channel first and the Status then.
func (h *Host) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// Woken returns a channel that brings a value when it is worth asking again
// before the time: the plugin is another process than before, or answers after
// it had failed.
func (h *Host) Woken() <-chan struct{} { return h.woken }

// Enable makes a host that waits, for whatever reason, start its plugin now,
// and forgets its deaths.
func (h *Host) Enable() {
	unpoke(h.disable) // the last word counts
	poke(h.enable)
}

// Disable ends the plugin until Enable, or until the next Run. The node stays
// what it is: no plugin removes a member.
func (h *Host) Disable() {
	unpoke(h.enable)
	poke(h.disable)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is pending
	}
}

func unpoke(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// Discover asks the plugin, for Timers.Discover at most. While the plugin
// starts it waits for it; while it is down the error is the reason why. Every
// error has a discovery.Class.
func (h *Host) Discover(ctx context.Context) (discovery.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, h.o.Timers.Discover)
	defer cancel()
	s, err := h.await(ctx)
	if err != nil {
		return discovery.Answer{}, err
	}
	a, err := s.client.Discover(ctx)
	if err != nil {
		err = h.failed(ctx, s, err)
		h.noteError(err)
		h.noteTrouble(s, err)
		h.noteOutcome(err)
		return discovery.Answer{}, err
	}
	h.noteAnswer(a)
	return a, nil
}

// await returns the session at work.
func (h *Host) await(ctx context.Context) (*session, error) {
	for {
		h.mu.Lock()
		status, s, changed := h.status, h.session, h.changed
		h.mu.Unlock()
		switch status.State {
		case Ready:
			return s, nil
		case Starting:
		case Disabled:
			return nil, discovery.Errorf(discovery.PluginInternal, "an operator has disabled the plugin: `muster discovery enable %s` starts it", h.o.Strategy)
		default:
			class := cmp.Or(status.LastErrorClass, discovery.PluginInternal)
			return nil, discovery.Errorf(class, "the plugin is %s: %s", status.State, status.LastError)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, discovery.Errorf(discovery.ClassOf(ctx.Err()), "the plugin is still starting: %w", ctx.Err())
		}
	}
}

// failed looks behind the error of a call: a silent plugin may hang, and an
// unavailable one may have ended.
func (h *Host) failed(ctx context.Context, s *session, err error) error {
	switch discovery.ClassOf(err) {
	case discovery.Timeout:
		select {
		case h.suspect <- s:
		default: // it is being looked at
		}
	case discovery.NoClass:
		if ended := s.condemned(); ended != nil && ctx.Err() == nil {
			return ended // the connection was closed, not the call cancelled
		}
	case discovery.BackendUnavailable:
		if ended := s.condemned(); ended != nil {
			return ended
		}
		timer := time.NewTimer(h.o.Timers.Drain)
		defer timer.Stop()
		select {
		case <-s.proc.gone:
			return s.died()
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return err
}

func (h *Host) noteAnswer(a discovery.Answer) {
	h.mu.Lock()
	h.status.LastAnswer, h.status.Candidates = time.Now(), len(a.Candidates)
	h.asked = outcome{at: h.status.LastAnswer}
	h.tell()
	changed := !slices.Equal(h.status.Warnings, a.Warnings)
	h.status.Warnings = slices.Clone(a.Warnings)
	again := h.trouble.news("")
	h.mu.Unlock()
	switch {
	case changed && len(a.Warnings) > 0:
		h.o.Logger.Warn("the strategy answers with warnings", "plugin", h.o.Strategy, "warnings", a.Warnings)
	case changed || again:
		h.o.Logger.Info("the strategy answers without trouble again", "plugin", h.o.Strategy)
	}
}

// noteTrouble logs once per change that the plugin runs but has no answer.
// What a cancelled call or a dead process says is told elsewhere.
func (h *Host) noteTrouble(s *session, err error) {
	select {
	case <-s.proc.gone:
		return
	default:
	}
	text := oneLine(err.Error(), 4*keptLine)
	h.mu.Lock()
	news := !errors.Is(err, context.Canceled) && h.trouble.news(text)
	h.mu.Unlock()
	if news {
		h.o.Logger.Warn("the strategy has no answer; the last good one stands", "plugin", h.o.Strategy, "error", text)
	}
}

// noteError keeps err for the status; a call that its caller cancelled says
// nothing, and what an operator has ended is no error.
func (h *Host) noteError(err error) {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, errDisabled) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.LastError = oneLine(err.Error(), 4*keptLine)
	h.status.LastErrorClass, h.status.LastErrorAt = discovery.ClassOf(err), time.Now()
}

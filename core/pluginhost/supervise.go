package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// Run keeps the plugin running until ctx ends, and returns nil then, with the
// process and all its files gone. Nothing that a plugin does makes it return:
// it keeps trying, and Status tells. It is an error to run a Host twice at a
// time.
func (h *Host) Run(ctx context.Context) error {
	if !h.running.CompareAndSwap(false, true) {
		return errors.New("pluginhost: already running")
	}
	defer h.running.Store(false)
	backoff := backoff{timers: h.o.Timers}
	swept := false
	for starts := 0; ctx.Err() == nil; starts++ {
		h.move(func(s *Status) { s.State, s.Restarts = Starting, starts })
		dir, err := h.directory(&swept)
		var since time.Time
		if err == nil {
			since, err = h.live(ctx, dir, starts > 0)
		}
		if ctx.Err() != nil {
			break
		}
		if since.IsZero() {
			h.noteError(err)
		}
		if h.rest(ctx, h.next(&backoff, since, err)) {
			backoff.reset()
		}
	}
	h.move(func(s *Status) { s.State = Stopped })
	if dir, err := runDir(h.o.RunDir, h.o.Strategy); err == nil && swept {
		if err := os.RemoveAll(dir); err != nil {
			h.o.Logger.Warn("the run directory stays behind", "plugin", h.o.Strategy, "error", err)
		}
	}
	return nil
}

// directory makes the run directory and, once a Run, empties it.
func (h *Host) directory(swept *bool) (string, error) {
	dir, err := runDir(h.o.RunDir, h.o.Strategy)
	if err == nil {
		err = makeRunDir(dir)
	}
	if err == nil && !*swept {
		err = sweep(dir)
		*swept = err == nil
	}
	return dir, err
}

// live is one life of the plugin. It returns when it had become ready, if it
// had, and why it ended; again says that it is not the first.
func (h *Host) live(ctx context.Context, dir string, again bool) (since time.Time, err error) {
	s, err := launch(ctx, &h.o, dir, &h.limit)
	if err != nil {
		return time.Time{}, err
	}
	since = time.Now()
	h.down.news("")
	h.o.Logger.Info("plugin ready", "plugin", h.o.Strategy, "version", s.info.Version, "pid", s.proc.pid(), "path", s.path)
	h.move(func(st *Status) {
		h.session = s
		st.State, st.PID, st.Version, st.Path = Ready, s.proc.pid(), s.info.Version, s.path
		st.Capabilities = s.info.Capabilities
	})
	if again {
		poke(h.woken)
	}
	tended := h.tend(s)
	err = h.watch(ctx, s)
	s.condemn(err)
	h.noteError(err)
	orderly, after := ctx.Err() != nil, Restarting
	if errors.Is(err, errDisabled) {
		orderly, after = true, Disabled
	}
	h.move(func(st *Status) { h.session, st.State = nil, after }) // no more calls into it
	tended(orderly)
	s.stop(!orderly)
	h.move(func(st *Status) { st.PID = 0 })
	return since, err
}

// errDisabled ends a life at an operator's word.
var errDisabled = errors.New("disabled by an operator")

// watch returns when the session has to end, and why.
func (h *Host) watch(ctx context.Context, s *session) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.proc.gone:
			return s.died()
		case <-h.enable: // it runs already
			h.forgiven = true
		case <-h.disable:
			return errDisabled
		case suspect := <-h.suspect:
			if suspect == s && !s.responds(ctx) && ctx.Err() == nil {
				return discovery.Errorf(discovery.Timeout, "the plugin hangs: it answers neither Discover nor Health")
			}
		}
	}
}

// next moves to the state after a life and returns how long to stay in it;
// negative = until Enable.
func (h *Host) next(b *backoff, since time.Time, err error) time.Duration {
	log := h.o.Logger.With("plugin", h.o.Strategy, "error", err)
	if errors.Is(err, errDisabled) {
		log.Info("the plugin is disabled until muster discovery enable, or the next start")
		h.move(func(s *Status) { s.State = Disabled })
		return -1
	}
	if discovery.ClassOf(err) == discovery.ConfigInvalid {
		log.Error("the plugin refuses its configuration; correct it, then restart the node or run muster discovery enable")
		h.move(func(s *Status) { s.State = Refused })
		return -1
	}
	if h.forgiven {
		b.reset()
		h.forgiven = false
	}
	delay := h.spread(b.died(time.Now(), since))
	state := Restarting
	if b.open {
		state = Broken
	}
	level := slog.LevelWarn
	if !h.down.news(fmt.Sprint(state, err)) {
		level = slog.LevelDebug
	}
	log.Log(context.Background(), level, "the plugin is down", "state", state, "again_in", delay)
	h.move(func(s *Status) { s.State = state })
	return delay
}

// spread shortens a delay by 15 to 25 %, so that many nodes do not start their
// plugins at once, and the start itself still falls into the time that the
// delay names.
func (h *Host) spread(d time.Duration) time.Duration {
	if h.o.Rand == nil || d == 0 {
		return d
	}
	return d - d/4 + time.Duration(h.o.Rand.Int64N(int64(d/10)+1))
}

// rest waits; it reports whether Enable ended it. Disable makes it wait for
// that alone.
func (h *Host) rest(ctx context.Context, d time.Duration) (enabled bool) {
	var over <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-over:
			return false
		case <-h.enable:
			return true
		case <-h.disable:
			over = nil
			h.move(func(s *Status) { s.State = Disabled })
		}
	}
}

// move changes the status, with the lock held, and tells those who wait.
func (h *Host) move(f func(*Status)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.status)
	h.tell()
}

// tell tells those who wait for a change. The lock is held.
func (h *Host) tell() {
	close(h.changed)
	h.changed = make(chan struct{})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/conformance/mutants/internal/dirbackend"
	"github.com/muster-mqtt/muster/discovery"
)

// mutant is the strategy; fault is "" for the healthy one.
type mutant struct {
	conf   conf
	dir    dirbackend.Dir
	self   discovery.Self
	fault  string
	resets int // of the backend when it was configured
	leases leases

	mu      sync.Mutex
	cached  *discovery.Answer
	failed  error
	leaked  []*os.File
	claimed map[string][]byte // of claimAnew
}

var (
	_ discovery.Watcher        = (*mutant)(nil)
	_ discovery.Registrar      = (*mutant)(nil)
	_ discovery.Claimer        = (*mutant)(nil)
	_ discovery.HealthReporter = (*mutant)(nil)
)

// is reports whether the mutant has a fault.
func (m *mutant) is(fault string) bool { return m.fault == fault }

// reach is what every call of the backend begins with: its faults.
func (m *mutant) reach(ctx context.Context) error {
	err := m.trouble(ctx)
	if err != nil && m.is("leaks-on-failure") {
		m.hold()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed = err
	return err
}

func (m *mutant) trouble(ctx context.Context) error {
	class := discovery.BackendUnavailable
	if m.is("wrong-class") {
		class = discovery.PluginInternal
	}
	switch {
	case m.dir.Has("down"):
		return discovery.Errorf(class, "the backend is down")
	case m.dir.Has("denied"):
		return discovery.Errorf(discovery.Auth, "the backend denies access")
	case m.dir.Has("slow") && m.is("ignores-cancellation"):
		m.hold()
		<-time.After(time.Minute) // on purpose: this is the fault
	case m.dir.Has("slow"):
		<-ctx.Done()
		return ctx.Err()
	}
	return ctx.Err()
}

// hold opens a descriptor for good.
func (m *mutant) hold() {
	f, err := os.Open(os.DevNull)
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leaked = append(m.leaked, f)
}

func (m *mutant) Discover(ctx context.Context) (discovery.Answer, error) {
	switch m.fault {
	case "leaks-descriptors":
		m.hold()
	case "chatty-stdout":
		fmt.Fprintln(realStdout, "asked")
	case "stale-cache":
		m.mu.Lock()
		cached := m.cached
		m.mu.Unlock()
		if cached != nil {
			return *cached, m.reach(ctx)
		}
	}
	if err := m.reach(ctx); err != nil {
		if m.is("denied-as-empty") && discovery.ClassOf(err) == discovery.Auth ||
			m.is("down-as-empty") && discovery.ClassOf(err) == discovery.BackendUnavailable {
			return discovery.Answer{}, nil
		}
		return discovery.Answer{}, err
	}
	a, err := m.read()
	if len(a.Candidates) > 0 {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.cached = &a
	}
	return a, err
}

func (m *mutant) read() (discovery.Answer, error) {
	entries, err := m.dir.Entries(time.Now())
	a := discovery.Answer{Completeness: discovery.Complete}
	for _, e := range entries {
		switch {
		case m.is("drops-self") && e.UID == m.self.NodeUID:
		case m.is("hides-not-ready") && !e.Ready:
		default:
			a.Candidates = append(a.Candidates, m.candidate(e, e.Host))
			if m.is("duplicates") {
				a.Candidates = append(a.Candidates, m.candidate(e, "::ffff:"+e.Host))
			}
		}
	}
	return a, err
}

func (m *mutant) candidate(e dirbackend.Entry, host string) discovery.Candidate {
	c := discovery.Candidate{
		Endpoints: []discovery.Endpoint{{Host: host, Port: uint16(e.Port)}}, ClaimedName: e.Name, NodeUID: e.UID,
		Readiness: discovery.NotReady,
	}
	if e.Ready {
		c.Readiness = discovery.Ready
	}
	return c
}

// Watch looks at the directory at a quick pace.
func (m *mutant) Watch(ctx context.Context, _ string, emit func(discovery.Event) error) error {
	tick := time.NewTicker(time.Duration(m.conf.Pace) * time.Millisecond)
	defer tick.Stop()
	resets, last := m.dir.Resets(), "none"
	for {
		if err := m.trouble(ctx); err != nil {
			return err
		}
		if m.dir.Resets() != resets && !m.is("deaf-watch") {
			return discovery.Errorf(discovery.BackendUnavailable, "the connection was reset")
		}
		a, err := m.read()
		if err != nil {
			return err
		}
		deaf := m.is("silent-watch") && last != "none" || m.is("deaf-watch") && m.dir.Resets() != resets
		if now := fmt.Sprint(a.Candidates); now != last && !deaf {
			if m.is("partial-watch") && last != "none" && len(a.Candidates) > 0 {
				a.Candidates = a.Candidates[len(a.Candidates)-1:] // the change alone
			}
			if err := emit(discovery.Event{Snapshot: &a}); err != nil {
				return err
			}
			last = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Claim and Unclaim.

func (m *mutant) key(key string) string {
	if m.is("claims-collide") {
		return key[:1]
	}
	return key
}

func (m *mutant) Claim(ctx context.Context, key string, value []byte) ([]byte, error) {
	if err := m.reach(ctx); err != nil {
		return nil, err
	}
	switch m.fault {
	case "both-claims-win":
		stands, err := m.dir.Claimed(key)
		if err == nil {
			return stands, nil
		}
		<-time.After(time.Second) // on purpose: between the look and the deed, for as long as others may be late
		_ = m.dir.Unclaim(key)
		if _, err := m.dir.Create(key, value); err != nil {
			return nil, err
		}
		return value, nil
	case "claim-lost-at-restart":
		return m.claimAnew(key, value)
	}
	return m.dir.Create(m.key(key), value)
}

// claimAnew knows no claims but those of this process.
func (m *mutant) claimAnew(key string, value []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if stands, ok := m.claimed[key]; ok {
		return stands, nil
	}
	if m.claimed == nil {
		m.claimed = map[string][]byte{}
	}
	m.claimed[key] = value
	return value, m.dir.Replace(key, value)
}

func (m *mutant) Unclaim(ctx context.Context, key string, value []byte) (bool, error) {
	if err := m.reach(ctx); err != nil {
		return false, err
	}
	stands, err := m.dir.Claimed(m.key(key))
	if errors.Is(err, dirbackend.ErrAbsent) {
		return false, nil
	}
	if err != nil || string(stands) != string(value) && !m.is("unclaims-anything") {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.claimed, key)
	err = m.dir.Unclaim(m.key(key))
	return err == nil, err
}

func (m *mutant) Health(context.Context) (discovery.Health, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := discovery.Health{Backend: discovery.BackendOK, LastOKAt: time.Now(), Registration: m.leases.state()}
	if m.failed != nil && !m.is("health-lies") {
		h.Backend, h.LastError, h.LastErrorAt = discovery.BackendDown, m.failed, time.Now()
	}
	return h, nil
}

package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/conformance/mutants/internal/dirbackend"
	"github.com/muster-mqtt/muster/discovery"
)

// leases keeps the registrations of a mutant renewed.
type leases struct {
	m *mutant

	mu   sync.Mutex
	held map[string]*lease
	now  discovery.Registration
}

type lease struct {
	cancel context.CancelFunc
	done   chan struct{}
}

var _ io.Closer = (*mutant)(nil)

// Close ends the renewals; the entries stay until they expire.
func (m *mutant) Close() error {
	m.leases.mu.Lock()
	defer m.leases.mu.Unlock()
	for _, uid := range slices.Collect(maps.Keys(m.leases.held)) {
		m.leases.dropLocked(uid)
	}
	return nil
}

func (l *leases) state() discovery.Registration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *leases) set(state discovery.RegistrationState, ttl time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now.State != state {
		l.now = discovery.Registration{State: state, Since: time.Now(), TTL: ttl}
	}
}

func (m *mutant) Register(ctx context.Context, self discovery.Self, ttl time.Duration) (time.Duration, error) {
	if err := m.reach(ctx); err != nil {
		return 0, err
	}
	e := dirbackend.Entry{UID: self.NodeUID, Name: self.Name, Ready: true}
	if len(self.Endpoints) > 0 {
		e.Host, e.Port = self.Endpoints[0].Host, int(self.Endpoints[0].Port)
	}
	if m.is("registers-twice") {
		if err := m.keep(self.NodeUID); err != nil {
			return 0, err
		}
		e.UID += time.Now().Format("-150405.000000000")
	}
	l := &m.leases
	l.mu.Lock()
	l.dropLocked(self.NodeUID)
	l.mu.Unlock()
	if err := m.put(e, ttl); err != nil {
		return 0, err
	}
	l.set(discovery.Registered, ttl)
	l.renew(self.NodeUID, e, ttl)
	return ttl, nil
}

// keep makes the entries of a node stay for good, those that have just expired
// too: that they are still there must not hang on the pace of the machine.
func (m *mutant) keep(uid string) error {
	entries, err := m.dir.Entries(time.Time{}) // none has expired then
	for _, e := range entries {
		if strings.HasPrefix(e.UID, uid) {
			e.Expires = time.Time{}
			err = errors.Join(err, m.dir.Put(e))
		}
	}
	return err
}

func (m *mutant) put(e dirbackend.Entry, ttl time.Duration) error {
	e.Expires = time.Now().Add(ttl)
	return m.dir.Put(e)
}

// renew starts the goroutine that keeps an entry.
func (l *leases) renew(uid string, e dirbackend.Entry, ttl time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	held := &lease{cancel: cancel, done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[string]*lease{}
	}
	l.held[uid] = held
	go func() {
		defer close(held.done)
		l.keep(ctx, e, ttl)
	}()
}

func (l *leases) keep(ctx context.Context, e dirbackend.Entry, ttl time.Duration) {
	tick := time.NewTicker(ttl / 3)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if l.m.is("forgets-to-renew") {
			continue
		}
		if l.m.trouble(ctx) == nil && l.m.put(e, ttl) == nil {
			last = time.Now()
			l.set(discovery.Registered, ttl)
		} else if time.Since(last) > ttl {
			l.set(discovery.RegistrationLost, ttl)
			if l.m.is("forgets-to-register-again") {
				return
			}
		}
	}
}

// dropLocked ends the renewal of an entry and waits for it.
func (l *leases) dropLocked(uid string) {
	if held := l.held[uid]; held != nil {
		held.cancel()
		l.mu.Unlock()
		<-held.done
		l.mu.Lock()
		delete(l.held, uid)
	}
}

func (m *mutant) Deregister(ctx context.Context, uid string) error {
	if err := m.reach(ctx); err != nil {
		return err
	}
	l := &m.leases
	l.mu.Lock()
	l.dropLocked(uid)
	l.mu.Unlock()
	l.set(discovery.NotRegistered, 0)
	if m.is("keeps-entry") || m.is("registers-twice") {
		return m.keep(uid)
	}
	if err := m.dir.Delete(uid); err != nil && !errors.Is(err, dirbackend.ErrAbsent) {
		return err
	}
	return nil
}

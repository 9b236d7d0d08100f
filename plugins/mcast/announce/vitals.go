package announce

import (
	"context"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// vitals are what is known of the network and of the node's entry. The
// strategy's lock guards them.
type vitals struct {
	looked      time.Time // when the last look was, whatever came of it
	gained      time.Time // when the group could be reached by a new way
	okAt, errAt time.Time
	err         error // of the last look; nil after one that worked
	lastErr     error // the last of all, of sending too
	unsent      error // of the last frame; nil when it was sent
	warnings    []string
	entry       discovery.Registration
}

func (v *vitals) failed(err error, now time.Time) {
	if discovery.ClassOf(err) == discovery.NoClass || discovery.ClassOf(err) == discovery.Timeout {
		return // the caller's, and nothing of the network's
	}
	v.looked, v.err, v.lastErr, v.errAt = now, err, err, now
}

func (v *vitals) worked(warnings []string, now time.Time) {
	v.looked, v.okAt, v.err, v.warnings = now, now, nil, warnings
}

// down says whether the last look failed.
func (v *vitals) down() bool { return v.err != nil }

// warnings are what an operator should know; the lock is held.
func (s *strategy) warnings(now time.Time) []string {
	out := slices.Concat(s.seen.warnings, s.notes.texts(now))
	if s.seen.unsent != nil {
		out = append(out, "the others cannot hear this node: "+s.seen.unsent.Error())
	}
	return out
}

// Health says what the last looks and frames came to.
func (s *strategy) Health(context.Context) (discovery.Health, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.settle(now)
	h := discovery.Health{
		Backend: discovery.BackendOK, LastError: s.seen.lastErr, LastErrorAt: s.seen.errAt, LastOKAt: s.seen.okAt,
		Registration: s.seen.entry, Notes: s.warnings(now),
	}
	switch {
	case s.seen.down():
		h.Backend = discovery.BackendDown
	case s.seen.looked.IsZero():
		h.Backend = discovery.BackendUnknown
	case len(h.Notes) > 0:
		h.Backend = discovery.BackendDegraded
	}
	h.Notes = append(h.Notes, s.count.String())
	return h, nil
}

// settle brings the state of the node's entry to what is true now, and tells
// those who watch of a change: the entry is lost when nothing could be sent for
// as long as the others keep it. The lock is held.
func (s *strategy) settle(now time.Time) {
	state := discovery.NotRegistered
	ttl := time.Duration(0)
	if s.entry != nil {
		state, ttl = discovery.Registered, s.entry.lifetime
		if now.Sub(s.entry.sent) > ttl {
			state = discovery.RegistrationLost
		}
	}
	if s.seen.entry.State != state {
		s.seen.entry = discovery.Registration{State: state, Since: now}
		s.tell()
	}
	s.seen.entry.TTL = ttl
}

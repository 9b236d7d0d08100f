package discovery

import (
	"context"
	"time"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

// observed is what the outcomes of Discover say of the backend.
type observed struct {
	okAt, errAt time.Time
	err         error
	warnings    []string
}

// observe takes in an outcome. A cancelled call says nothing of the backend.
func (s *service) observe(a Answer, err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.seen.okAt, s.seen.warnings = now, a.Warnings
	case ClassOf(err) != NoClass:
		s.seen.errAt, s.seen.err = now, err
	}
}

func (s *service) Health(ctx context.Context, _ *v1.HealthRequest) (*v1.HealthResponse, error) {
	e, err := s.enter()
	if err != nil { // not configured: nothing is known, which is no failure
		return healthToWire(Health{}), nil
	}
	defer e.calls.Done()
	reporter, ok := e.strategy.(HealthReporter)
	if !ok {
		return healthToWire(s.lastSeen()), nil
	}
	h, err := reporter.Health(ctx)
	if err != nil {
		return nil, toStatus(err)
	}
	return healthToWire(h), nil
}

// lastSeen is the health of a strategy that does not report its own.
func (s *service) lastSeen() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := Health{LastError: s.seen.err, LastErrorAt: s.seen.errAt, LastOKAt: s.seen.okAt, Notes: s.seen.warnings}
	switch {
	case h.LastOKAt.IsZero() && h.LastErrorAt.IsZero():
	case h.LastErrorAt.After(h.LastOKAt):
		h.Backend = BackendDown
	case len(h.Notes) > 0:
		h.Backend = BackendDegraded
	default:
		h.Backend = BackendOK
	}
	return h
}

package pods

import (
	"slices"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// vitals are what is known of the API server without asking.
type vitals struct {
	mu          sync.Mutex
	okAt, errAt time.Time
	err         error
	notes       []string // what access lacks
	warnings    []string // of the last answer
}

// note keeps the outcome of a call. One that its caller gave up says nothing;
// a service that does not exist is what a server says that is well.
func (v *vitals) note(err error, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch discovery.ClassOf(err) {
	case discovery.NoClass:
		if err == nil {
			v.okAt = now
		}
	case discovery.SourceNotFound, discovery.Conflict:
		v.okAt, v.errAt, v.err = now, now, err
	default:
		v.errAt, v.err = now, err
	}
}

func (v *vitals) warn(warnings []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.warnings = slices.Clone(warnings)
}

func (v *vitals) health() discovery.Health {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := discovery.Health{
		LastError: v.err, LastErrorAt: v.errAt, LastOKAt: v.okAt,
		Notes: slices.Concat(v.notes, v.warnings),
	}
	switch {
	case v.okAt.IsZero() && v.errAt.IsZero():
	case v.errAt.After(v.okAt):
		h.Backend = discovery.BackendDown
	case len(h.Notes) > 0:
		h.Backend = discovery.BackendDegraded
	default:
		h.Backend = discovery.BackendOK
	}
	return h
}

package registry

import (
	"slices"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// maxNews bounds the changes of the registration that wait for a watch.
const maxNews = 16

// vitals are what is known of etcd and of the node's entry without asking.
type vitals struct {
	mu          sync.Mutex
	okAt, errAt time.Time
	err         error
	warnings    []string // of the last answer
	entry       discovery.Registration
	followers   []chan discovery.Registration
	missed      int // news that a follower had no room for
}

// note keeps the outcome of a call. One that its caller gave up says nothing,
// and some errors are answers of an etcd that is well.
func (v *vitals) note(err error, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch discovery.ClassOf(err) {
	case discovery.Conflict:
		v.okAt, v.errAt, v.err = now, now, err
	case discovery.LeaseLost:
		v.okAt = now
	case discovery.NoClass:
		if err == nil {
			v.okAt = now
		}
	default:
		v.errAt, v.err = now, err
	}
}

func (v *vitals) warn(warnings []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.warnings = slices.Clone(warnings)
}

// registration sets the state of the entry and tells every watch of a change.
func (v *vitals) registration(state discovery.RegistrationState, ttl time.Duration, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.entry.State == state {
		v.entry.TTL = ttl
		return
	}
	v.entry = discovery.Registration{State: state, Since: now, TTL: ttl}
	for _, f := range v.followers {
		select {
		case f <- v.entry:
		default: // Health tells the last state in any case
			v.missed++
		}
	}
}

// follow returns a channel of the changes from now on, until end is called.
func (v *vitals) follow() (news <-chan discovery.Registration, end func()) {
	c := make(chan discovery.Registration, maxNews)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.followers = append(v.followers, c)
	return c, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.followers = slices.DeleteFunc(v.followers, func(f chan discovery.Registration) bool { return f == c })
	}
}

func (v *vitals) health() discovery.Health {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := discovery.Health{
		LastError: v.err, LastErrorAt: v.errAt, LastOKAt: v.okAt,
		Registration: v.entry, Notes: slices.Clone(v.warnings),
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

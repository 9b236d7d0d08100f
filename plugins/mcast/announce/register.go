package announce

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/mcast/frame"
	"github.com/muster-mqtt/muster/plugins/mcast/roster"
)

const (
	defaultTTL = time.Minute // where the host does not say
	minTTL     = time.Second
	// missed is how many announcements in a row may get lost before the others
	// take the node for gone.
	missed = 3
)

var _ discovery.Registrar = (*strategy)(nil)

// entry is what is announced of the node.
type entry struct {
	name      string
	endpoints []discovery.Endpoint
	lifetime  time.Duration
	sent      time.Time // when it last left this machine
}

func (e *entry) frame(asks bool) frame.Frame {
	return frame.Frame{Kind: frame.Announcement, Asks: asks, Lifetime: e.lifetime, Name: e.name, Endpoints: e.endpoints}
}

// entryOf is the entry of a node. An address's zone stays behind: it names an
// interface of this machine.
func entryOf(self discovery.Self, ttl time.Duration) *entry {
	e := &entry{name: self.Name, lifetime: ttl.Truncate(time.Millisecond)}
	for _, end := range self.Endpoints {
		if addr, err := netip.ParseAddr(end.Host); err == nil {
			end.Host = addr.WithZone("").String()
		}
		e.endpoints = append(e.endpoints, end)
	}
	return e
}

// Register announces the node from now on: to announce is to be registered.
// The time to live that is granted is what the others keep an announcement for.
func (s *strategy) Register(ctx context.Context, self discovery.Self, ttl time.Duration) (time.Duration, error) {
	uid, err := frame.ParseUID(self.NodeUID)
	if err != nil || uid != s.uid {
		return 0, discovery.Errorf(discovery.PluginInternal, "%q is not the node that was configured, %s", self.NodeUID, s.uid)
	}
	e := entryOf(self, min(max(cmp.Or(ttl, defaultTTL), minTTL), missed*roster.Longest))
	if err := s.look(ctx); err != nil {
		return 0, err
	}
	s.speaking.Lock()
	defer s.speaking.Unlock()
	if err := s.enter(e, self); err != nil {
		return 0, err
	}
	return e.lifetime, nil
}

// enter makes e what is announced, and announces it. speaking is held.
func (s *strategy) enter(e *entry, self discovery.Self) error {
	s.mu.Lock()
	before, old := s.entry, s.self
	if e.sent = time.Now(); before != nil {
		e.sent = before.sent
	}
	s.entry, s.self = e, self
	s.pace.Announce(e.lifetime/missed, time.Now())
	s.mu.Unlock()
	err := s.speakLocked()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && before == nil {
		s.entry, s.self = nil, old
		s.pace.Announce(0, time.Now())
	}
	s.settle(time.Now())
	s.poke()
	return err
}

// Deregister says farewell, also for a process before this one.
func (s *strategy) Deregister(_ context.Context, nodeUID string) error {
	if uid, err := frame.ParseUID(nodeUID); err != nil || uid != s.uid {
		return nil
	}
	s.speaking.Lock()
	defer s.speaking.Unlock()
	s.mu.Lock()
	s.entry = nil
	s.pace.Announce(0, time.Now())
	s.settle(time.Now())
	s.mu.Unlock()
	return s.send(frame.Frame{Kind: frame.Farewell})
}

// clock is the time for the next frame. It only goes forward, or the others
// would not believe us; but a clock that was set back by so much that they
// would not believe the old time either is followed. The lock is held.
func (s *strategy) clock(now time.Time) time.Time {
	now = now.Round(0) // the wall clock alone
	if s.told.Sub(now) < roster.MaxSkew && !now.After(s.told) {
		now = s.told.Add(1)
	}
	s.told = now
	return now
}

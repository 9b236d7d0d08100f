package node

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// wakingSource keeps when it was asked, and when a watch was opened, and lets
// neither succeed while it has an error.
type wakingSource struct {
	woken chan struct{}

	mu      sync.Mutex
	err     error
	asked   []time.Time
	watched []time.Time
}

func (s *wakingSource) Name() string { return "waking" }

func (s *wakingSource) Woken() <-chan struct{} { return s.woken }

func (s *wakingSource) Discover(context.Context) (discovery.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, time.Now())
	return discovery.Answer{}, s.err
}

// Watch ends at once.
func (s *wakingSource) Watch(context.Context, func(discovery.Answer)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = append(s.watched, time.Now())
	return errors.New("cannot watch")
}

var (
	_ Source  = (*wakingSource)(nil)
	_ Waker   = (*wakingSource)(nil)
	_ Watcher = (*wakingSource)(nil)
)

func (s *wakingSource) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// since counts the questions, and the tries to watch, from t on.
func (s *wakingSource) since(t time.Time) (asked, watched int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.asked {
		if !at.Before(t) {
			asked++
		}
	}
	for _, at := range s.watched {
		if !at.Before(t) {
			watched++
		}
	}
	return asked, watched
}

func (c *cluster) useWaking() *wakingSource {
	s := &wakingSource{woken: make(chan struct{}, 1)}
	c.tweak = func(o *Options) {
		o.Sources = []Source{s}
		o.Form.Pace.First, o.Form.Pace.Max = time.Hour, time.Hour
	}
	return s
}

// A source that is worth asking again is asked at once, and its watch is
// opened anew, whatever the pace.
func TestWakerIsAskedAtOnce(t *testing.T) {
	bubble(t, func(c *cluster) {
		s := c.useWaking()
		c.start("n1")
		time.Sleep(10 * time.Minute)
		for range 3 {
			now := time.Now()
			s.woken <- struct{}{}
			time.Sleep(wakePause)
			asked, watched := s.since(now)
			if asked != 1 || watched < 1 {
				t.Errorf("asked %d times, watched %d times, at a word", asked, watched)
			}
		}
	})
}

// Words that come all the time make no more than a question a second, and the
// last of them is not lost.
func TestWakerIsBounded(t *testing.T) {
	bubble(t, func(c *cluster) {
		s := c.useWaking()
		c.start("n1")
		time.Sleep(10 * time.Minute)
		now := time.Now()
		for range 1000 {
			s.woken <- struct{}{}
			time.Sleep(10 * time.Millisecond)
		}
		if asked, _ := s.since(now); asked < 10 || asked > 11 {
			t.Errorf("asked %d times in 10 s", asked)
		}
		last := time.Now()
		time.Sleep(2 * wakePause)
		if asked, _ := s.since(last); asked != 1 {
			t.Errorf("asked %d times after the last word", asked)
		}
	})
}

// A backend that does not want to be asked is not, whoever wants to know.
func TestWakerLeavesABackendAlone(t *testing.T) {
	bubble(t, func(c *cluster) {
		s := c.useWaking()
		s.set(discovery.Errorf(discovery.Auth, "denied"))
		c.start("n1")
		time.Sleep(time.Second)
		now := time.Now()
		for range 20 {
			s.woken <- struct{}{}
			time.Sleep(time.Second)
		}
		if asked, _ := s.since(now); asked != 0 {
			t.Errorf("asked %d times within %v of a refusal", asked, authRetry)
		}
		s.set(nil)
		time.Sleep(authRetry)
		if asked, _ := s.since(now); asked != 1 {
			t.Errorf("asked %d times after it", asked)
		}
	})
}

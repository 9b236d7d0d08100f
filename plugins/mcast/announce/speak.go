package announce

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/mcast/frame"
	"github.com/muster-mqtt/muster/plugins/mcast/roster"
)

const (
	lookEvery = 2 * time.Second        // between two looks at the interfaces
	lookAgain = 500 * time.Millisecond // while none can be used
	lookTime  = time.Second            // for one look
)

// run is the goroutine that speaks, looks at the interfaces and ends entries.
func (s *strategy) run() {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
		timer.Reset(time.Until(s.step()))
	}
}

// step does what is due and returns when there is more to do.
func (s *strategy) step() time.Time {
	if now := time.Now(); !now.Before(s.nextLook()) {
		ctx, cancel := context.WithTimeout(s.ctx, lookTime)
		if err := s.look(ctx); err != nil {
			s.log.Debug("the multicast group cannot be reached", "error", err)
			s.looked(now)
		}
		cancel()
	}
	_ = s.speak() // it is told by Health and as a warning
	now := time.Now()
	look := s.nextLook()
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.expire(now)
	if s.seen.down() {
		s.tell()
	}
	s.settle(now)
	s.limit.sweep(now)
	return roster.Soonest(roster.Soonest(look, end), s.pace.Next())
}

func (s *strategy) nextLook() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen.down() {
		return s.seen.looked.Add(lookAgain)
	}
	return s.seen.looked.Add(lookEvery)
}

// looked says that there was a look, although it came to nothing.
func (s *strategy) looked(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.looked = now
}

// speak sends what is due now, if anything is.
func (s *strategy) speak() error {
	s.speaking.Lock()
	defer s.speaking.Unlock()
	return s.speakLocked()
}

// speakLocked is speak for who is speaking already.
func (s *strategy) speakLocked() error {
	s.mu.Lock()
	due, asks := s.pace.Take(time.Now())
	f := frame.Frame{Kind: frame.Question, Asks: asks}
	if s.entry != nil {
		f = s.entry.frame(asks)
	}
	s.mu.Unlock()
	if !due || s.idle(f) {
		return nil
	}
	return s.send(f)
}

// idle says whether there is nothing to say: neither an entry nor a question.
func (s *strategy) idle(f frame.Frame) bool { return f.Kind == frame.Question && !f.Asks }

// send completes a frame and sends it; speaking is held.
func (s *strategy) send(f frame.Frame) error {
	s.mu.Lock()
	f = s.complete(f)
	s.mu.Unlock()
	packet, err := s.codec.Seal(f)
	if err != nil {
		return discovery.Errorf(discovery.PluginInternal, "the node cannot be announced: %w", err)
	}
	if err = s.net.Send(packet); err != nil {
		err = classify(s.ctx, err)
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.unsent = err
	if err != nil {
		s.count.unsent++
		s.seen.lastErr, s.seen.errAt = err, now
		return err
	}
	s.count.sent++
	if s.entry != nil && f.Kind == frame.Announcement {
		s.entry.sent = now
		s.settle(now)
	}
	return nil
}

// complete adds who speaks, and when. The lock is held.
func (s *strategy) complete(f frame.Frame) frame.Frame {
	f.UID, f.Incarnation = s.uid, s.self.Incarnation
	f.Time = s.clock(time.Now())
	_, _ = rand.Read(f.Nonce[:]) // it never fails, see crypto/rand
	s.own.add(f.Nonce)
	return f
}

package session

import (
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// pendingWill is a will with the time at which it is published, which counts
// while the session is offline.
type pendingWill struct {
	Will
	due time.Time
}

// HasWill reports whether there is a will that has not been taken.
func (s *Session) HasWill() bool { return s.will != nil }

// TakeWill returns the will when it is due, once: the caller publishes it
// [MQTT-3.1.2-8]. nil means that there is none, or not yet; see NextDue.
func (s *Session) TakeWill(now time.Time) *core.Message {
	if s.online || s.will == nil || now.Before(s.will.due) {
		return nil
	}
	return s.takeWill(now)
}

// takeWill takes the will, due or not.
func (s *Session) takeWill(now time.Time) *core.Message {
	if s.will == nil {
		return nil
	}
	w := s.will.Will
	s.will = nil
	s.log(Op{Kind: OpWillTaken})
	return w.message(now)
}

// check returns the error of a will that has no message to publish; no will is
// none.
func (w *Will) check() error {
	if w != nil && (w.Message == nil || w.Message.QoS > 2) {
		return fmt.Errorf("will: no message, or one of QoS 3: %w", ErrState)
	}
	return nil
}

// message is what is published. The expiry of a will begins only now, so that
// its message cannot have one before.
func (w Will) message(now time.Time) *core.Message {
	if !w.HasExpiry {
		return w.Message
	}
	m := *w.Message
	var extra core.Extra
	if m.Extra != nil {
		extra = *m.Extra
	}
	extra.Expires = now.Add(seconds(w.Expiry))
	m.Extra = &extra
	return &m
}

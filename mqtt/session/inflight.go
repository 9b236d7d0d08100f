package session

import (
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// phase is how far the exchange of one identifier has got.
type phase uint8

const (
	phaseFree      phase = iota // ended before an elder
	phasePublished              // waits for PUBACK or PUBREC
	phaseReleased               // waits for PUBCOMP
)

// slot is a packet identifier in use.
type slot struct {
	message *core.Message // nil unless published
	ids     []uint32
	qos     core.QoS
	phase   phase
	retain  bool
	unsure  bool // perhaps never sent; see Recover
	given   bool // this connection has its PUBLISH, or its PUBREL if released
	active  bool // counts in the window of this connection
}

// maxSpan is how many identifiers may lie between the oldest that is in use
// and the next new one. It is what a client can make us keep by leaving one
// message out: the standard demands that it acknowledges in order [MQTT-4.6.0-2].
func (s *Session) maxSpan() int { return min(maxIDs, max(16*s.limits.Inflight, 1024)) }

// idAt is the packet identifier of a position of inflight.
func (s *Session) idAt(pos int) uint16 {
	return uint16((int(s.firstID)-1+pos)%maxIDs + 1)
}

// find returns the slot of an identifier, nil when it is not in use.
func (s *Session) find(id uint16) *slot {
	pos := (int(id) - int(s.firstID) + maxIDs) % maxIDs
	if id == 0 || pos >= s.inflight.Len() || s.inflight.At(pos).phase == phaseFree {
		return nil
	}
	return s.inflight.At(pos)
}

// Puback takes in a PUBACK and reports whether it was waited for. Room in the
// window may follow: call Next afterwards.
func (s *Session) Puback(id uint16) bool {
	m := s.find(id)
	if m == nil || m.qos != 1 {
		return false
	}
	s.end(id, m)
	return true
}

// Pubrec takes in a PUBREC. known says that it was waited for, or came again;
// pubrel, that the caller is to answer it with a PUBREL [MQTT-4.3.3-4]. A
// reason of 0x80 and above ends the message [MQTT-4.3.3-4]: call Next.
func (s *Session) Pubrec(id uint16, reason packet.Reason) (known, pubrel bool) {
	m := s.find(id)
	if m == nil || m.qos != 2 {
		return false, false
	}
	if reason >= 0x80 {
		s.drop(Refused)
		s.end(id, m)
		return true, false
	}
	if m.phase == phasePublished {
		s.logID(OpPubrec, id)
		s.release(m)
	}
	if !m.given {
		m.given = true
		s.owed--
	}
	return true, true
}

// Pubcomp takes in a PUBCOMP and reports whether it was waited for. Room in the
// window may follow: call Next afterwards.
func (s *Session) Pubcomp(id uint16) bool {
	m := s.find(id)
	if m == nil || m.phase != phaseReleased {
		return false
	}
	s.end(id, m)
	return true
}

// release turns a published message into one that waits for PUBCOMP, with its
// PUBREL yet to be given; the message itself is not needed any more.
func (s *Session) release(m *slot) {
	*m = slot{qos: 2, phase: phaseReleased, active: m.active}
	s.activate(m)
	s.owed++
}

// activate counts a slot in the window until it ends.
func (s *Session) activate(m *slot) {
	if !m.active {
		m.active = true
		s.active++
	}
}

// end ends the exchange of an identifier.
func (s *Session) end(id uint16, m *slot) {
	s.logID(OpEnded, id)
	s.free(m)
}

func (s *Session) free(m *slot) {
	if m.active {
		s.active--
	}
	if m.phase == phaseReleased && !m.given {
		s.owed--
	}
	*m = slot{}
	for s.inflight.Len() > 0 && s.inflight.At(0).phase == phaseFree {
		s.firstID = s.idAt(1)
		s.inflight.Pop()
		s.resent = max(s.resent-1, 0)
		s.relAt = max(s.relAt-1, 0)
	}
}

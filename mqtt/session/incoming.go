package session

import "slices"

// Receive takes in the identifier of a QoS 2 PUBLISH of the client. duplicate
// means that it is there already: the message must not be passed on again, and
// is answered by PUBREC all the same [MQTT-4.3.3-10]. ok is false when there
// are as many as Limits.Receive, or the identifier is 0; then nothing was done.
// The set is searched one by one, so Limits.Receive bounds the work, too.
func (s *Session) Receive(id uint16) (duplicate, ok bool) {
	switch {
	case id == 0:
		return false, false
	case slices.Contains(s.received, id):
		return true, true
	case len(s.received) >= s.limits.Receive:
		return false, false
	}
	s.logID(OpReceive, id)
	s.received = append(s.received, id)
	return false, true
}

// Receiving says what Receive would, and does nothing: a message is taken in
// together with its identifier only when it has found its way.
func (s *Session) Receiving(id uint16) (duplicate, ok bool) {
	duplicate = slices.Contains(s.received, id)
	return duplicate, duplicate || id != 0 && len(s.received) < s.limits.Receive
}

// Release takes in a PUBREL of the client, or takes back what Receive did for
// a message that was refused, and reports whether the identifier was there. A
// PUBREL is answered by PUBCOMP either way [MQTT-4.3.3-11].
func (s *Session) Release(id uint16) (known bool) {
	at := slices.Index(s.received, id)
	if at < 0 {
		return false
	}
	s.logID(OpRelease, id)
	s.forget(at)
	return true
}

func (s *Session) forget(at int) {
	s.received = slices.Delete(s.received, at, at+1)
	if len(s.received) == 0 && cap(s.received) > keepReceived {
		s.received = nil
	}
}

// keepReceived is the most identifiers for which an empty set keeps memory.
const keepReceived = 64

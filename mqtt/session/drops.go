package session

import "strconv"

// Reason says why messages were dropped. Its String is the reason of a counter.
type Reason uint8

// The reasons, and their number.
const (
	Offline        Reason = iota // QoS 0, and no connection
	QueueFull                    // QoS 0: the new one; else the oldest
	TooLarge                     // larger than the whole queue may be
	PacketTooLarge               // larger than the client takes [MQTT-3.1.2-25]
	Expired                      // its time had passed [MQTT-3.3.2-5]
	Refused                      // the client's PUBREC said so, 0x80 or above
	Reasons
)

var reasonNames = [Reasons]string{
	"qos0_offline", "queue_full", "message_too_large", "packet_too_large", "expired", "refused_by_client",
}

// String is the reason in snake_case.
func (r Reason) String() string {
	if r < Reasons {
		return reasonNames[r]
	}
	return "reason_" + strconv.Itoa(int(r))
}

// Drops counts messages that the session has given up, by Reason.
type Drops [Reasons]uint32

// TakeDrops returns what was dropped since the last call; false means nothing.
// Every method that takes a time may have dropped some.
func (s *Session) TakeDrops() (Drops, bool) {
	if !s.dropped {
		return Drops{}, false
	}
	d := s.drops
	s.drops, s.dropped = Drops{}, false
	return d, true
}

func (s *Session) drop(r Reason) {
	s.drops[r]++
	s.dropped = true
}

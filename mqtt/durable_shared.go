package mqtt

import "github.com/muster-mqtt/muster/core"

// The bounds of shared.
const (
	sharedMessages = 64
	sharedBytes    = 1 << 20 // of payloads; a single one may be larger
)

// shared knows the numbers of the last messages that were written: one that
// goes to many sessions is written once, as its deliveries follow each other.
type shared struct {
	recent [sharedMessages]numbered
	at     int // the oldest of recent, or a free place
	bytes  int
	// all are those of a checkpoint that runs; else nil.
	all map[*core.Message]uint64
}

type numbered struct {
	message *core.Message
	number  uint64
}

// find returns the number of a message, 0 if it is not known.
func (s *shared) find(m *core.Message) uint64 {
	for i := range sharedMessages { // the newest first
		if n := &s.recent[(s.at+sharedMessages-1-i)%sharedMessages]; n.message == m {
			return n.number
		}
	}
	return s.all[m]
}

func (s *shared) add(m *core.Message, number uint64) {
	if s.all != nil {
		s.all[m] = number
	}
	s.put(numbered{m, number})
	for s.bytes > sharedBytes && s.bytes > len(m.Payload) {
		s.put(numbered{})
	}
}

// put replaces the oldest entry.
func (s *shared) put(n numbered) {
	if old := s.recent[s.at].message; old != nil {
		s.bytes -= len(old.Payload)
	}
	s.recent[s.at] = n
	if n.message != nil {
		s.bytes += len(n.message.Payload)
	}
	s.at = (s.at + 1) % sharedMessages
}

package tcp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// errCrowded ends a handshake that made way for another.
var errCrowded = errors.New("too many handshakes at a time")

// shake is one handshake that is under way.
type shake struct {
	conn    net.Conn
	source  netip.Addr
	crowded bool
}

// shakes are those under way, the oldest first. Too many push out the oldest,
// if possible of the same source: an honest handshake takes milliseconds, and
// nobody who says nothing keeps the others out.
type shakes struct {
	mu   sync.Mutex
	list []*shake
}

// enter adds a handshake, and ends another one where there are too many.
func (s *shakes) enter(h *shake, most, mostOfSource int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	same, first := 0, -1
	for i, o := range s.list {
		if o.source == h.source {
			if same++; first < 0 {
				first = i
			}
		}
	}
	switch {
	case same >= mostOfSource:
		s.push(first)
	case len(s.list) >= most:
		s.push(0)
	}
	s.list = append(s.list, h)
}

func (s *shakes) push(i int) {
	victim := s.list[i]
	victim.crowded = true
	_ = victim.conn.Close()
	s.list = slices.Delete(s.list, i, i+1)
}

// leave removes a handshake, and reports whether it had to make way.
func (s *shakes) leave(h *shake) (crowded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.list, h); i >= 0 {
		s.list = slices.Delete(s.list, i, i+1)
	}
	return h.crowded
}

// shakeHands takes an accepted connection through its handshake. It is the
// goroutine of that connection.
func (t *Transport) shakeHands(h *shake) {
	l, err := t.secure(h.conn)
	if t.shaking.leave(h) {
		err = errCrowded
	}
	if err != nil {
		if sort(err) == notTLS {
			_, _ = h.conn.Write(alert[:]) // a few bytes, the first that we send: it does not wait
		}
		if !errors.Is(err, context.Canceled) { // by Close
			_ = t.refuse(l, err)
		}
		_ = h.conn.Close()
		return
	}
	t.admit(l)
}

// looksLikeTLS tells the first bytes of a handshake, or of an alert, from those
// of a frame.
func looksLikeTLS(header []byte) bool {
	return (header[0] == 22 || header[0] == 21) && header[1] == 3 && header[2] <= 4
}

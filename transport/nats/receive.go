package nats

import (
	"encoding/binary"
	"fmt"
	"time"
)

// reader puts frames together from the packets that have arrived.
type reader struct {
	l      *link
	rest   []byte // of the packet that is being read
	joined []byte // a frame that lay in several packets
}

// Receive returns the next frame.
func (l *link) Receive() ([]byte, error) {
	length, err := l.in.take(lengthBytes)
	if err != nil {
		return nil, l.failed("receive")
	}
	n := binary.LittleEndian.Uint32(length)
	if limit := l.currentLimit(); uint64(n) > uint64(limit) {
		_ = l.Close()
		return nil, fmt.Errorf("receive, link with %s: %w", l.info.Remote, tooLong(int(n), limit))
	}
	frame, err := l.in.take(int(n))
	if err != nil {
		return nil, l.failed("receive")
	}
	return frame, nil
}

func (l *link) currentLimit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limit
}

// take returns the next n bytes of the stream, which hold until the next call.
func (r *reader) take(n int) ([]byte, error) {
	if n <= len(r.rest) && !r.l.isClosed() { // nothing is received once closed
		b := r.rest[:n:n]
		r.rest = r.rest[n:]
		return b, nil
	}
	r.joined = r.joined[:0]
	for len(r.joined) < n {
		if err := r.fill(); err != nil {
			return nil, err
		}
		part := min(n-len(r.joined), len(r.rest))
		r.joined = append(r.joined, r.rest[:part]...)
		r.rest = r.rest[part:]
	}
	return r.joined, nil
}

// fill waits for the next packet unless some of the last one is left.
func (r *reader) fill() error {
	for {
		if r.l.isClosed() {
			return errOver
		}
		if len(r.rest) > 0 {
			return nil
		}
		part, ended := r.l.pop()
		switch {
		case part != nil:
			r.rest = part
		case ended != nil:
			r.l.fail(ended)
			return errOver
		default:
			select {
			case <-r.l.news:
			case <-r.l.done:
			}
		}
	}
}

// pop returns what has arrived next, if anything has, and lets the peer send
// more when it may soon need that.
func (l *link) pop() (part []byte, ended error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) > 0 {
		part = l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		l.taken += uint64(len(part) + packetCost)
	}
	if size := uint64(l.window.size); l.cause == nil && l.ended == nil && l.taken+size >= l.granted+size/2 {
		l.grant()
	}
	return part, l.ended
}

// grant lets the peer send more; the window is half used up. The caller holds
// mu.
func (l *link) grant() {
	if l.limit > firstWindow {
		l.window.move(time.Now(), int64(l.taken-l.moved))
	}
	l.moved = l.taken
	l.granted = max(l.granted, l.taken+uint64(l.window.size))
	l.tell(kindCredit, l.granted)
}

func (l *link) isClosed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

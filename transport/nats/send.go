package nats

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

const (
	// maxPart is the longest packet, in bytes, if the server takes as much.
	maxPart = 512 << 10
	// leastPart is the least room for the stream in a packet.
	leastPart = 1 << 10
	// partWindow is the part of a window that goes in one packet anyway.
	partWindow = leastWindow / 2
	// lengthBytes is what stands before each frame in the stream.
	lengthBytes = 4
	// askEvery is how often a sender without credit asks for it again.
	askEvery = 200 * time.Millisecond
)

// writer cuts the stream into packets.
type writer struct {
	l    *link
	pack []byte // the packet that is being filled
	size int    // of it when it is full
}

// Send publishes frames, and waits while the window is full.
func (l *link) Send(frames ...[]byte) error {
	for _, f := range frames {
		if len(f) > transport.MaxFrame {
			_ = l.Close()
			return fmt.Errorf("send, link with %s: %w", l.info.Remote, tooLong(len(f), transport.MaxFrame))
		}
	}
	for _, f := range frames {
		var length [lengthBytes]byte
		binary.LittleEndian.PutUint32(length[:], uint32(len(f)))
		if !l.out.put(length[:]) || !l.out.put(f) {
			return l.failed("send")
		}
	}
	if !l.out.flush() || l.isEnded() {
		return l.failed("send")
	}
	return nil
}

// put adds bytes of the stream; false when the link has ended.
func (w *writer) put(b []byte) bool {
	for len(b) > 0 {
		if len(w.pack) == 0 && !w.begin() {
			return false
		}
		n := min(w.size-len(w.pack), len(b))
		w.pack = append(w.pack, b[:n]...)
		b = b[n:]
		if len(w.pack) == w.size && !w.flush() {
			return false
		}
	}
	return true
}

// begin waits until something may be sent, and starts a packet that fits.
func (w *writer) begin() bool {
	for {
		if w.l.isEnded() {
			return false
		}
		if room := w.l.credit(); room > 0 {
			room = min(room, max(room/2, partWindow)) // one packet in all the window would leave the way idle until credit comes
			w.size = headerBytes + min(room, w.l.t.maxPacket()-headerBytes)
			w.pack = append(w.pack[:0], make([]byte, headerBytes)...)
			return true
		}
		w.wait()
	}
}

// wait sleeps until the window may have opened.
func (w *writer) wait() {
	again := time.NewTimer(askEvery)
	defer again.Stop()
	select {
	case <-w.l.room:
	case <-w.l.done:
	case <-again.C:
		w.l.mu.Lock()
		sent := w.l.numbers
		w.l.mu.Unlock()
		w.l.tell(kindAsk, sent)
	}
}

// credit is how many bytes of the stream the next packet may have; not above 0
// while it must wait.
func (l *link) credit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(min(l.allowed-l.sent, fullWindow)) - packetCost
}

// flush publishes the packet, if there is one.
func (w *writer) flush() bool {
	if len(w.pack) == 0 {
		return true
	}
	l := w.l
	l.mu.Lock()
	l.numbers++
	l.sent += uint64(len(w.pack) - headerBytes + packetCost)
	number := l.numbers
	l.mu.Unlock()
	if l.isEnded() {
		return false
	}
	packet{kind: kindData, dialler: l.key.dialled, from: l.t.uid, link: l.key.id, number: number}.putHeader(w.pack)
	err := l.t.conn.Publish(l.subject, w.pack)
	w.pack = w.pack[:0]
	if err != nil {
		l.lose(fmt.Errorf("%w: %w", errConnection, err))
		return false
	}
	return true
}

// maxPacket is the longest message that the server takes, within our own
// bound.
func (t *Transport) maxPacket() int {
	return int(max(headerBytes+leastPart, min(maxPart, t.most.Load())))
}

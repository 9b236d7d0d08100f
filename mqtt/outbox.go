package mqtt

import (
	"net"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
	"github.com/muster-mqtt/muster/mqtt/session"
)

const (
	chunk       = 64 << 10 // bytes of one write, and the largest buffer kept
	replyLimit  = 64 << 10 // bytes of replies that wait before reading pauses
	firstBuffer = 4 << 10
)

// outBuffers holds buffers of connections that have something to send; an
// idle connection has none.
var outBuffers = sync.Pool{New: func() any {
	buf := make([]byte, 0, firstBuffer)
	return &buf
}}

// outbox collects what goes to a connection and writes it from a goroutine
// that exists only while there is something to write: whatever gathers during
// one write leaves together with the next.
type outbox struct {
	nc      net.Conn
	limit   int           // deliveries stop at so many bytes
	timeout time.Duration // of one chunk

	room   func()      // called without locks when the buffer was swapped
	failed func(error) // called once when a write failed or panicked

	flushers sync.WaitGroup

	mu       sync.Mutex
	buf      *[]byte // nil when empty
	spare    *[]byte // while flushing: the next one; may be nil
	replies  int     // bytes of it that are not deliveries
	starved  bool    // a delivery found no room
	flushing bool
	closed   bool
}

// backlog is where an outbox takes deliveries from: a session.
type backlog interface {
	Next() (packet.Delivery, bool)
}

var _ backlog = (*session.Session)(nil)

// pull appends deliveries while there are any and there is room; if that ends
// it, room is called when there is some.
func (o *outbox) pull(from backlog) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.ready() {
		d, ok := from.Next()
		if !ok {
			return
		}
		o.begin()
		*o.buf = d.Append(*o.buf)
	}
}

// deliver appends d and reports whether there was room; one packet may exceed
// the limit.
func (o *outbox) deliver(d packet.Delivery) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ready() {
		return false
	}
	o.begin()
	*o.buf = d.Append(*o.buf)
	return true
}

// full reports whether deliveries find no room.
func (o *outbox) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.ready()
}

// ready reports whether a delivery finds room; if not, room is called when
// there is some. The lock is held.
func (o *outbox) ready() bool {
	if o.closed {
		return false
	}
	if o.buf != nil && len(*o.buf) >= o.limit {
		o.starved = true
		return false
	}
	return true
}

// reply appends a packet that answers the client; it always finds room,
// because the reader of the connection stops at crowded.
func (o *outbox) reply(encoded []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.begin()
	*o.buf = append(*o.buf, encoded...)
	o.replies += len(encoded)
}

// crowded reports whether so many replies wait that no more packets should be
// read; if so, room is called when they have left.
func (o *outbox) crowded() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.starved = o.starved || o.replies >= replyLimit
	return o.replies >= replyLimit
}

// begin makes sure of a buffer and of a flusher; the lock is held.
func (o *outbox) begin() {
	if o.buf == nil {
		o.buf, o.spare = o.spare, nil
	}
	if o.buf == nil {
		o.buf = outBuffers.Get().(*[]byte)
	}
	if !o.flushing {
		o.flushing = true
		o.flushers.Go(o.flush)
	}
}

// close drops what waits. The caller closes the connection, which ends a
// blocked write, and may then wait for flushers.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.buf != nil {
		release(o.buf)
		o.buf = nil
	}
}

// flush writes until nothing is left.
func (o *outbox) flush() {
	defer func() {
		if p := recover(); p != nil {
			o.failed(newPanicError(p))
		}
	}()
	var written *[]byte
	for {
		buf, starved := o.swap(written)
		if buf == nil {
			return
		}
		if starved {
			o.room()
		}
		if err := o.write(*buf); err != nil {
			o.failed(err)
			return
		}
		written = buf
	}
}

// swap takes the buffer away to be written and keeps the one that was; nil
// ends the flusher, and then no buffer is kept.
func (o *outbox) swap(written *[]byte) (buf *[]byte, starved bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	buf, starved = o.buf, o.starved
	o.buf, o.replies, o.starved = nil, 0, false
	o.flushing = buf != nil
	if written != nil {
		*written = (*written)[:0]
		o.spare = written
	}
	if !o.flushing && o.spare != nil {
		release(o.spare)
		o.spare = nil
	}
	return buf, starved
}

// write sends in chunks, so that the timeout means a rate and not a size.
func (o *outbox) write(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), chunk)
		if err := o.nc.SetWriteDeadline(time.Now().Add(o.timeout)); err != nil {
			return err
		}
		if _, err := o.nc.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func release(buf *[]byte) {
	if cap(*buf) <= chunk {
		*buf = (*buf)[:0]
		outBuffers.Put(buf)
	}
}

package listen

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// pongTimeout is how long a pong may take. The client that sent the ping does
// not read otherwise.
const pongTimeout = 10 * time.Second

// frames is a connection over WebSocket: what is read are the bytes of binary
// messages, wherever these and their frames begin and end [MQTT-6.0.0-2]; each
// write is a message. Reading and writing may go on beside one another.
type frames struct {
	net.Conn // under the frames
	last     *lastWords
	name     string

	in   unframer
	rest []byte // that came with the handshake
	err  error  // for the next Read

	mu    sync.Mutex // writing
	dead  sync.Mutex // until
	until time.Time  // the deadline that was set for writes
}

type frameOptions struct {
	last *lastWords
	rest []byte
	max  uint64
	name string
}

var _ net.Conn = (*frames)(nil)

func newFrames(c net.Conn, o frameOptions) *frames {
	f := &frames{Conn: c, last: o.last, name: o.name, rest: o.rest}
	f.in.max, f.in.control = o.max, f.answer
	return f
}

// NetConn is the TCP connection under the frames and TLS.
func (f *frames) NetConn() net.Conn { return f.last.Conn }

// CertName is as for a connection over TLS alone.
func (f *frames) CertName() string { return f.name }

// Read implements net.Conn.
func (f *frames) Read(b []byte) (int, error) {
	for f.err == nil && len(b) > 0 {
		n, err := f.under(b)
		n, bad := f.in.strip(b[:n])
		var breach *frameError
		if errors.As(bad, &breach) {
			f.close(breach.status)
		}
		if bad != nil {
			err = bad
		}
		if n > 0 {
			f.hold(err)
			return n, nil
		}
		if err != nil {
			f.hold(err)
			return 0, err
		}
	}
	return 0, f.err
}

// hold keeps an error that ends the stream. That of a deadline does not.
func (f *frames) hold(err error) {
	if err != nil && !timedOut(err) {
		f.err = err
	}
}

// under reads what is under the frames.
func (f *frames) under(b []byte) (int, error) {
	if len(f.rest) == 0 {
		return f.Conn.Read(b)
	}
	n := copy(b, f.rest)
	if f.rest = f.rest[n:]; len(f.rest) == 0 {
		f.rest = nil
	}
	return n, nil
}

// answer takes a control frame.
func (f *frames) answer(op byte, payload []byte) error {
	switch op {
	case opPing:
		return f.pong(payload)
	case opClose:
		f.close(statusNormal)
		return io.EOF
	}
	return nil
}

// pong waits for a write under way: who does not read gets no further.
func (f *frames) pong(payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.Conn.SetWriteDeadline(time.Now().Add(pongTimeout))
	defer f.restore()
	_, err := f.Conn.Write(append(appendHeader(nil, opPong, len(payload)), payload...))
	return err
}

// SetWriteDeadline implements net.Conn.
func (f *frames) SetWriteDeadline(t time.Time) error {
	f.dead.Lock()
	defer f.dead.Unlock()
	f.until = t
	return f.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (f *frames) SetDeadline(t time.Time) error {
	return errors.Join(f.SetReadDeadline(t), f.SetWriteDeadline(t))
}

func (f *frames) restore() {
	f.dead.Lock()
	defer f.dead.Unlock()
	_ = f.Conn.SetWriteDeadline(f.until)
}

// buffers join the header of a frame to its payload, so that they leave in one
// segment, or one TLS record.
var buffers = sync.Pool{New: func() any { return new([4 << 10]byte) }}

// Write implements net.Conn.
func (f *frames) Write(b []byte) (int, error) {
	buf := buffers.Get().(*[4 << 10]byte)
	defer buffers.Put(buf)
	head := appendHeader(buf[:0], opBinary, len(b))
	size := len(head)
	n := copy(buf[size:], b)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last.closing.Load() {
		return 0, net.ErrClosed // nothing follows a close frame
	}
	sent, err := f.Conn.Write(buf[:size+n])
	if err != nil || n == len(b) {
		return max(0, sent-size), err
	}
	more, err := f.Conn.Write(b[n:])
	return n + more, err
}

// Close implements net.Conn. A write under way is cut off; else the client is
// told, if that does not wait for it.
func (f *frames) Close() error {
	f.close(statusNormal)
	return f.Conn.Close()
}

// CloseWrite is as for a connection over TLS alone.
func (f *frames) CloseWrite() error {
	f.close(statusNormal)
	return closeWrite(f.Conn, f.last)
}

// close says that nothing more is written. The connection itself is closed by
// the caller of Read or Close.
func (f *frames) close(status uint16) {
	if f.last.closing.Swap(true) || !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	_, _ = f.Conn.Write(binary.BigEndian.AppendUint16(appendHeader(nil, opClose, 2), status))
}

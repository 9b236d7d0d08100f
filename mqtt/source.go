package mqtt

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

const (
	smallRead = 4 << 10  // bytes; most connections send little
	largeRead = 16 << 10 // of one that filled the small one
	peekRead  = 64       // of a connection that cannot be waited for
	// progressBytes of one packet count as a sign of life, so that a long
	// packet may take longer than the keep-alive on a slow line.
	progressBytes = 4 << 10
)

var (
	smallBuffers = sync.Pool{New: func() any { return newBuffer(smallRead) }}
	largeBuffers = sync.Pool{New: func() any { return newBuffer(largeRead) }}
)

func newBuffer(size int) *[]byte {
	b := make([]byte, size)
	return &b
}

// source reads from a connection and times its silence. It has a buffer only
// while bytes are there: that of an idle connection is in the pool.
type source struct {
	nc   net.Conn
	raw  syscall.RawConn    // nil: nc has none
	try  func(uintptr) bool // tryRead, made once
	buf  *[]byte            // nil while waiting
	n    int                // bytes of buf that Read has not handed out yet
	err  error              // of the read that brought them
	hot  bool               // the last read filled its buffer
	peek *[peekRead]byte    // without raw: the first bytes
	// waiting says that everything that was read has been handled. It is unset
	// before a read, so that whoever finds first no bytes unread, and then this
	// set, knows that there is nothing left to do.
	waiting atomic.Bool
	// behind says that the reader has yet to come to what was read ahead of it.
	behind atomic.Bool
	// leaving is set by leave. Whoever of leave and the reader comes second
	// sees what the other has set, as with waiting.
	leaving atomic.Bool

	interval time.Duration  // 1.5 times the keep-alive; 0: none
	fresh    bool           // a packet has come since the deadline was set
	patient  bool           // the interval does not count
	progress int            // bytes since then
	ended    *atomic.Uint32 // not 0: the connection is being closed
}

func (s *source) init(nc net.Conn, ended *atomic.Uint32) {
	s.nc, s.ended = nc, ended
	if c, ok := nc.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil && canTry {
			s.raw, s.try = raw, s.tryRead
			return
		}
	}
	s.peek = new([peekRead]byte)
}

// await waits until there are bytes to read and gives in a buffer with them.
// in must have nothing buffered.
func (s *source) await(in *packet.Reader) error {
	if err := s.arm(); err != nil {
		return err
	}
	in.Release()
	s.release()
	if s.raw != nil {
		if err := s.raw.Read(s.try); err != nil {
			return err
		}
	} else {
		s.waiting.Store(true)
		if s.leaving.Load() {
			s.hurry()
		}
		n, err := s.nc.Read(s.peek[:])
		s.waiting.Store(false)
		if n == 0 && err != nil {
			return s.ending(err)
		}
		s.n, s.err = n, err
		s.take()
		copy(*s.buf, s.peek[:s.n])
	}
	in.Attach(*s.buf)
	return nil
}

// take gets a buffer for what is about to be read.
func (s *source) take() {
	if s.hot {
		s.buf = largeBuffers.Get().(*[]byte)
	} else {
		s.buf = smallBuffers.Get().(*[]byte)
	}
}

// release gives the buffer back. Nobody reads from it any more.
func (s *source) release() {
	switch {
	case s.buf == nil:
	case len(*s.buf) == smallRead:
		smallBuffers.Put(s.buf)
	default:
		largeBuffers.Put(s.buf)
	}
	s.buf = nil
}

// Read implements io.Reader. What await has read lies in the buffer already,
// which is where the first Read after it wants it.
func (s *source) Read(b []byte) (int, error) {
	if s.n > 0 || s.err != nil {
		n, err := copy(b, (*s.buf)[:s.n]), s.err
		s.n, s.err = 0, nil
		s.progress += n
		return n, err
	}
	if err := s.arm(); err != nil {
		return 0, err
	}
	n, err := s.nc.Read(b)
	s.progress += n
	if err != nil {
		err = s.ending(err)
	}
	return n, err
}

// arm sets the deadline anew. It moves at most once a read, and only after a
// whole packet [MQTT-3.1.2-22] or a good part of a long one.
func (s *source) arm() error {
	if s.patient || s.interval <= 0 || !s.fresh && s.progress < progressBytes {
		return nil
	}
	s.fresh, s.progress = false, 0
	return s.deadline(time.Now().Add(s.interval))
}

// deadline sets until when to wait for bytes, unless interrupt was called.
func (s *source) deadline(t time.Time) error {
	if err := s.nc.SetReadDeadline(t); err != nil {
		return err
	}
	if s.ended.Load() != 0 {
		return net.ErrClosed
	}
	return nil
}

// quiet reports whether the client has sent nothing that is not handled yet, as
// far as this system knows. It may be called at any time. With TLS or frames in
// between nobody but the reader can say so.
func (s *source) quiet() bool {
	return s.raw != nil && !unread(s.nc) && s.waiting.Load() && !s.behind.Load()
}

// leave has reads end with errTakenOver when everything that the client has
// sent is handled; it does not block. It is for a connection without raw.
func (s *source) leave() {
	s.leaving.Store(true)
	if s.waiting.Load() {
		s.hurry()
	}
}

// hurry ends a read that nothing has come for.
func (s *source) hurry() {
	if !unread(s.nc) {
		s.interrupt()
	}
}

// ending returns what a read that failed with err says of the connection.
func (s *source) ending(err error) error {
	if s.leaving.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		return errTakenOver
	}
	return err
}

// wrapper is a connection that is carried by another one.
type wrapper interface{ NetConn() net.Conn }

// unread reports whether bytes, or the end, wait in the system's buffer.
func unread(nc net.Conn) bool {
	for w, ok := nc.(wrapper); ok; w, ok = nc.(wrapper) {
		nc = w.NetConn()
	}
	c, ok := nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var is bool
	return raw.Control(func(fd uintptr) { is = tryPeek(fd) }) == nil && is
}

// interrupt ends a read that waits; it does not block.
func (s *source) interrupt() {
	_ = s.nc.SetReadDeadline(time.Unix(1, 0)) // an error means that it is closed
}

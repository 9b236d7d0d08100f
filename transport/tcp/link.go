package tcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// headerLen is the length before a frame; maxBatch is how many frames one
// system call takes.
const (
	headerLen = 4
	maxBatch  = 64
)

// link is one connection.
type link struct {
	owner  *Transport
	conn   net.Conn
	stream net.Conn // conn, or TLS on top of it
	info   transport.Info
	source netip.Addr
	// inbound tells a link that was accepted from one that was dialled.
	inbound bool
	in      frameReader
	limit   atomic.Int64

	// Scratch of Send, kept so that it allocates nothing. rest is what is
	// still to write of parts.
	headers [maxBatch * headerLen]byte
	parts   net.Buffers
	rest    net.Buffers
	joined  []byte // with TLS

	closed  atomic.Bool
	closing sync.Once
}

var _ transport.Link = (*link)(nil)

func newLink(owner *Transport, conn net.Conn) *link {
	l := &link{
		owner: owner, conn: conn, stream: conn, source: sourceOf(conn),
		info: transport.Info{Local: conn.LocalAddr().String(), Remote: conn.RemoteAddr().String()},
	}
	l.limit.Store(transport.MaxFrame)
	l.in.src, l.in.limit, l.in.first = conn, &l.limit, true
	setUserTimeout(conn, 2*owner.opts.KeepAlive)
	return l
}

// Info describes the link.
func (l *link) Info() transport.Info { return l.info }

// Came counts the bytes received, whole frames or not.
func (l *link) Came() uint64 { return l.in.came.Load() }

// SetLimit bounds received frames, in bytes; values beyond 0 and MaxFrame
// count as the nearer of the two.
func (l *link) SetLimit(bytes int) {
	l.limit.Store(int64(max(0, min(bytes, transport.MaxFrame))))
}

// Send writes frames, up to maxBatch of them with one system call.
func (l *link) Send(frames ...[]byte) error {
	if l.closed.Load() {
		return l.ended("send", nil)
	}
	for _, f := range frames {
		if len(f) > transport.MaxFrame {
			_ = l.Close()
			return l.ended("send", tooLong(len(f), transport.MaxFrame))
		}
	}
	for len(frames) > 0 {
		n := min(len(frames), maxBatch)
		write := l.write
		if l.stream != l.conn {
			write = l.writeJoined
		}
		if err := write(frames[:n]); err != nil {
			_ = l.Close() // a frame may be half written: nothing can follow it
			return l.ended("send", err)
		}
		frames = frames[n:]
	}
	return nil
}

// write sends at most maxBatch frames.
func (l *link) write(frames [][]byte) error {
	l.parts = l.parts[:0]
	for i, f := range frames {
		h := l.headers[i*headerLen : (i+1)*headerLen]
		binary.BigEndian.PutUint32(h, uint32(len(f)))
		l.parts = append(l.parts, h, f)
	}
	l.rest = l.parts
	_, err := l.rest.WriteTo(l.conn)
	clear(l.parts) // do not keep the caller's bytes alive
	return err
}

// joinBelow is the length, in bytes, up to which a frame is copied to share a
// record of TLS, and a system call, with its neighbours.
const joinBelow = 16 << 10

// writeJoined is write for TLS, which makes a record of each buffer.
func (l *link) writeJoined(frames [][]byte) (err error) {
	l.joined = l.joined[:0]
	for _, f := range frames {
		l.joined = binary.BigEndian.AppendUint32(l.joined, uint32(len(f)))
		if len(f) < joinBelow {
			l.joined = append(l.joined, f...)
		}
		if len(f) >= joinBelow || len(l.joined) >= joinBelow {
			_, err = l.stream.Write(l.joined)
			l.joined = l.joined[:0]
		}
		if err == nil && len(f) >= joinBelow {
			_, err = l.stream.Write(f)
		}
		if err != nil {
			return err
		}
	}
	if len(l.joined) > 0 {
		_, err = l.stream.Write(l.joined)
	}
	return err
}

// Receive returns the next frame; its bytes are the read buffer's.
func (l *link) Receive() ([]byte, error) {
	if l.closed.Load() {
		return nil, l.ended("receive", nil)
	}
	frame, err := l.in.next()
	if err != nil {
		l.unexpected(err)
		_ = l.Close()
		return nil, l.ended("receive", err)
	}
	if l.closed.Load() { // closed while we read
		return nil, l.ended("receive", nil)
	}
	return frame, nil
}

// unexpected answers a side that speaks TLS although this one does not.
func (l *link) unexpected(err error) {
	if !errors.Is(err, errTLSPeer) {
		return
	}
	if l.inbound {
		_, _ = l.conn.Write(alert[:]) // a few bytes, the first that we send: it does not wait
	}
	l.owner.refused.note(tlsOnPlain, l.source, time.Now())
}

// Close ends the connection. Frames that Send took are still delivered if the
// peer reads and nothing that it sent is left unread here; otherwise the
// kernel resets the connection and they may be lost.
func (l *link) Close() error {
	l.closing.Do(func() {
		l.closed.Store(true)
		_ = l.conn.Close()
		l.owner.forget(l)
	})
	return nil
}

// ended wraps why a call failed: ErrFrameTooLong, or else ErrClosed.
func (l *link) ended(op string, why error) error {
	switch {
	case errors.Is(why, transport.ErrFrameTooLong):
		return fmt.Errorf("%s, link with %s: %w", op, l.info.Remote, why)
	case why == nil || errors.Is(why, net.ErrClosed):
		return fmt.Errorf("%s, link with %s: %w", op, l.info.Remote, transport.ErrClosed)
	default:
		return fmt.Errorf("%s, link with %s: %w: %w", op, l.info.Remote, transport.ErrClosed, cause(why))
	}
}

// tooLong names both lengths, in bytes.
func tooLong(length, limit int) error {
	return fmt.Errorf("%w: %d bytes, the limit is %d", transport.ErrFrameTooLong, length, limit)
}

package listen

import (
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
)

// lastWords is a connection whose last writes do not wait: what is said on
// closing, such as TLS's close_notify, is sent if there is room for it in the
// system's buffer, and else left out.
type lastWords struct {
	net.Conn
	closing atomic.Bool
}

// Write implements net.Conn.
func (l *lastWords) Write(b []byte) (int, error) {
	if !l.closing.Load() {
		return l.Conn.Write(b)
	}
	if s, ok := l.Conn.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			_ = raw.Write(func(fd uintptr) bool {
				_, _ = syscall.Write(int(fd), b)
				return true // once
			})
		}
	}
	return len(b), nil
}

// secured is a connection over TLS.
type secured struct {
	net.Conn // *tls.Conn
	last     *lastWords
	name     string
}

// Close ends the connection without waiting for the other side.
func (s *secured) Close() error {
	s.last.closing.Store(true)
	return s.Conn.Close()
}

// CloseWrite says that nothing more is written; reading goes on. It does not
// wait for the other side.
func (s *secured) CloseWrite() error {
	s.last.closing.Store(true)
	return closeWrite(s.Conn, s.last)
}

// closeWrite ends the writing of TLS, if there is any, and that of TCP.
func closeWrite(c, last net.Conn) error {
	if t, ok := c.(*tls.Conn); ok {
		if err := t.CloseWrite(); err != nil {
			return err
		}
	}
	if l, ok := last.(*lastWords); ok {
		last = l.Conn
	}
	if half, ok := last.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn is the connection under TLS, or under what else is in between.
func (s *secured) NetConn() net.Conn { return s.last.Conn }

// CertName is the name in the client's certificate, "" when there is none, or
// when it is not asked for.
func (s *secured) CertName() string { return s.name }

package tcp

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// welcome is an empty frame, with which the accepting side says that the link
// stands. With TLS 1.3 a dialler is done before its certificate is looked at:
// it waits for this, so that Dial can say what was wrong.
var welcome = [headerLen]byte{}

// alert is a fatal "unexpected message" in the clear (RFC 8446 section 6): the
// answer to bytes that are not TLS, and to TLS where there is none.
var alert = [...]byte{21, 3, 3, 0, 2, 2, 10}

// client runs the dialling side of a handshake on conn until ctx ends.
func (t *TLS) client(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	c := tls.Client(conn, t.current.Load().client)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if c.ConnectionState().NegotiatedProtocol != protocol {
		return nil, errNoProtocol
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var got [headerLen]byte
	if _, err := io.ReadFull(c, got[:]); err != nil {
		return nil, err
	}
	if got != welcome {
		return nil, errNoProtocol
	}
	return c, nil
}

// server runs the accepting side.
func (t *TLS) server(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	c := tls.Server(conn, t.current.Load().server)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if c.ConnectionState().NegotiatedProtocol != protocol {
		return nil, errNoProtocol
	}
	return c, nil
}

// describe adds to info what a handshake has brought.
func describe(info *transport.Info, c *tls.Conn, verified bool) (err error) {
	s := c.ConnectionState()
	info.Encrypted = true
	if info.Exporter, err = s.ExportKeyingMaterial(exporterLabel, []byte{}, exporterBytes); err != nil {
		return fmt.Errorf("nothing to bind the hello to: %w", err)
	}
	if verified {
		info.CertNames = namesOf(s.PeerCertificates[0])
	}
	return nil
}

// secure wraps a connection that was accepted, and tells the other side
// nothing yet.
func (t *Transport) secure(conn net.Conn) (*link, error) {
	l := newLink(t, conn)
	l.inbound = true
	ctx, cancel := context.WithTimeout(t.life, t.opts.HandshakeTimeout)
	defer cancel()
	c, err := t.opts.TLS.server(ctx, conn)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", err, ctx.Err())
	}
	if err == nil {
		err = l.upgrade(c)
	}
	return l, err
}

// upgrade makes TLS what the link reads from and writes to.
func (l *link) upgrade(c *tls.Conn) error {
	if err := describe(&l.info, c, !l.owner.opts.TLS.opts.TrustAnybody); err != nil {
		return err
	}
	l.stream, l.in.src = c, c
	return nil
}

// greet says that the link stands.
func (l *link) greet() error {
	if l.stream == l.conn {
		return nil
	}
	_ = l.conn.SetWriteDeadline(time.Now().Add(l.owner.opts.HandshakeTimeout))
	if _, err := l.stream.Write(welcome[:]); err != nil {
		return err
	}
	return l.conn.SetWriteDeadline(time.Time{})
}

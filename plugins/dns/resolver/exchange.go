package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// tryTime is how long one server may take for one try. A name server that
	// has to ask others first may take longer: it has the answer then, when it
	// is asked again.
	tryTime = time.Second
	// maxStrays is how many datagrams of one try may be no answer of ours.
	maxStrays = 64
	// maxDatagram is more than we offer to take.
	maxDatagram = 4096
)

// exchange asks one server once: by UDP, without EDNS if it knows nothing of
// that, and by TCP what does not fit.
func (r *Resolver) exchange(ctx context.Context, server netip.AddrPort, name string, t Type) (reply, error) {
	var got reply
	for _, edns := range []bool{true, false} {
		q, err := newQuery(name, t)
		if err != nil {
			return reply{}, err
		}
		msg, err := q.pack(edns)
		if err != nil {
			return reply{}, err
		}
		if got, err = r.overUDP(ctx, server, q, msg); err == nil && got.truncated && got.speaks() {
			if got, err = overTCP(ctx, server, q, msg); err != nil {
				err = cutOffError{err}
			}
		}
		if err != nil {
			return reply{}, err
		}
		if got.rcode != dnsmessage.RCodeFormatError && got.rcode != dnsmessage.RCodeNotImplemented {
			break
		}
	}
	return got, nil
}

// dial connects for one try; stop releases everything. Each socket has a port
// of its own, which the kernel picks at random, and takes datagrams of the
// server only.
func dial(ctx context.Context, network string, server netip.AddrPort) (conn net.Conn, stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	conn, err = (&net.Dialer{}).DialContext(ctx, network, server.String())
	if err != nil {
		cancel()
		return nil, nil, err
	}
	unhook := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return conn, func() {
		unhook()
		cancel()
		_ = conn.Close()
	}, nil
}

func (r *Resolver) overUDP(ctx context.Context, server netip.AddrPort, q query, msg []byte) (reply, error) {
	conn, stop, err := dial(ctx, "udp", server)
	if err != nil {
		return reply{}, err
	}
	defer stop()
	if _, err := conn.Write(msg); err != nil {
		return reply{}, err
	}
	buf := make([]byte, maxDatagram)
	for range maxStrays {
		n, err := conn.Read(buf)
		if err != nil {
			return reply{}, err
		}
		got, err := q.parse(buf[:n])
		if !errors.Is(err, errStray) {
			return got, malformed(err)
		}
		r.strays.Add(1)
	}
	return reply{}, malformed(errStray)
}

// overTCP asks with the length of each message before it (RFC 1035, 4.2.2).
func overTCP(ctx context.Context, server netip.AddrPort, q query, msg []byte) (reply, error) {
	conn, stop, err := dial(ctx, "tcp", server)
	if err != nil {
		return reply{}, err
	}
	defer stop()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)); err != nil {
		return reply{}, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return reply{}, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return reply{}, err
	}
	got, err := q.parse(buf)
	if err == nil && got.truncated {
		err = errors.New("cut off, and by TCP")
	}
	return got, malformed(err)
}

// malformedError is an answer that cannot be used.
type malformedError struct{ error }

func malformed(err error) error {
	if err == nil {
		return nil
	}
	return malformedError{err}
}

// cutOffError says that an answer did not fit into a datagram, and that TCP did
// not bring the whole of it.
type cutOffError struct{ error }

// Unwrap returns what happened by TCP.
func (e cutOffError) Unwrap() error { return e.error }

// judge makes a failure of what a try came to, or nil if it has records or
// the end of an alias to ask for.
func judge(server netip.AddrPort, got reply, err error) *Failure {
	switch {
	case err != nil:
		f := judgeError(server, err)
		if cut := (cutOffError{}); errors.As(err, &cut) {
			f.Text = "the answer is too long for a datagram, and by TCP " + f.Text
		}
		return f
	case got.rcode == dnsmessage.RCodeNameError:
		return &Failure{Kind: NotFound, Text: "the name does not exist (NXDOMAIN)", TTL: got.ttl}
	case got.rcode == dnsmessage.RCodeRefused:
		return failuref(Refused, "%s refuses to answer (REFUSED)", server)
	case got.rcode == dnsmessage.RCodeServerFailure:
		return failuref(ServerFailed, "%s could not find out (SERVFAIL)", server)
	case !got.speaks():
		return failuref(ServerFailed, "%s answers with the code %d", server, got.rcode)
	case got.lame:
		return failuref(ServerFailed, "%s does not know the name and asks nobody (no recursion)", server)
	case got.empty() && (got.alias == "" || got.final):
		return &Failure{Kind: NoData, Text: "the name has no such record", TTL: got.ttl}
	}
	return nil
}

func judgeError(server netip.AddrPort, err error) *Failure {
	var bad malformedError
	var timeout net.Error
	switch {
	case errors.As(err, &bad):
		return failuref(Malformed, "%s sends what is no answer: %v", server, bad)
	case errors.Is(err, syscall.ECONNREFUSED):
		return failuref(Unreachable, "nothing listens at %s", server)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failuref(TimedOut, "%s does not answer", server)
	}
	var sys syscall.Errno
	if errors.As(err, &sys) { // without the ports, which change
		err = sys
	}
	return failuref(Unreachable, "%s cannot be asked: %v", server, err)
}

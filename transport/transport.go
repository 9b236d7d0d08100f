// Package transport is the contract between muster and whatever carries its
// frames between nodes. It is deliberately weak: order, acknowledgement,
// resumption and proof of identity are all made above it, so that every
// transport gives the same promises to clients. A new transport needs only
// this package; conformance/transport checks it.
package transport

import (
	"context"
	"errors"
)

// MaxFrame is the longest frame, in bytes, that every transport must carry.
const MaxFrame = 1 << 20

// The errors that callers tell apart. A transport wraps them.
var (
	// ErrRefused: the address answered that nobody listens there.
	ErrRefused = errors.New("connection refused")
	// ErrUnreachable: no answer, no route, or a name that does not resolve.
	ErrUnreachable = errors.New("unreachable")
	// ErrClosed: the link or the transport has been closed, by either side.
	ErrClosed = errors.New("closed")
	// ErrFrameTooLong: a frame longer than the limit was sent or received;
	// the link is closed.
	ErrFrameTooLong = errors.New("frame too long")
)

// Transport opens and accepts links. All methods may be called concurrently.
type Transport interface {
	// Dial opens a link to an address of this transport's own form (TCP:
	// host:port). It blocks until the link is usable, ctx ends, or an error
	// that wraps ErrRefused or ErrUnreachable. The caller retries.
	Dial(ctx context.Context, addr string) (Link, error)
	// Accept returns the next link opened from outside. It blocks until there
	// is one, ctx ends, or the transport is closed (ErrClosed). Links that
	// wait to be accepted are bounded; more are refused.
	Accept(ctx context.Context) (Link, error)
	// Addr is the address that Accept hears on, with its real port.
	Addr() string
	// Close stops Accept and Dial and closes every link. Calling it again is
	// harmless.
	Close() error
}

// Link carries frames to and from one peer. A frame that Send took may be
// lost, duplicated, delayed or reordered, but never changed.
type Link interface {
	// Send queues or writes frames in order and returns when their bytes may
	// be reused. It may block while the peer does not read, but not after
	// Close. One caller at a time.
	Send(frames ...[]byte) error
	// Receive blocks for the next frame. The bytes belong to the caller until
	// its next call of Receive. One caller at a time, concurrent with Send.
	Receive() ([]byte, error)
	// SetLimit bounds the frames that Receive accepts, in bytes, from now on;
	// it is MaxFrame at first. A longer one closes the link.
	SetLimit(bytes int)
	// Info describes the link; it never changes.
	Info() Info
	// Close ends the link at once on both sides; blocked calls return
	// ErrClosed. Calling it again is harmless.
	Close() error
}

// Info is what a transport knows of a link.
type Info struct {
	Local, Remote string // addresses, for logs and limits
	Encrypted     bool   // the transport keeps frames secret and unchanged
	// Exporter is the TLS exporter value that both sides share (RFC 5705),
	// nil without TLS. It ties the proof of a hello to this connection.
	Exporter []byte
	// CertNames are the verified names of the peer's certificate.
	CertNames []string
}

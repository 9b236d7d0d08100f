// Package transport is the contract between muster and whatever carries its
// frames between nodes. It is deliberately weak: order, acknowledgement,
// resumption and proof of identity are all made above it, so that every
// transport gives the same promises to clients. A new transport needs only
// this package; conformance/transport checks it.
//
// What each method does, for authors and callers alike:
//
//	method      blocks                            callers at a time
//	Dial        until the link stands, ctx ends   any number
//	Accept      until a link comes, ctx ends      any number
//	Send        while the peer does not read      one a link, beside Receive
//	Receive     until a frame comes               one a link, beside Send
//	SetLimit    never                             any number
//	Info, Addr  never                             any number
//	Close       never for the network             any number, again and again
//
// Bytes: those given to Send are the caller's again when it has returned;
// those that Receive returned are the caller's until its next Receive on that
// link, to read and to write. An Info is a copy, but its slices are shared and
// not to be written.
//
// Errors and trying again: after ErrRefused and ErrUnreachable a later Dial of
// the same address may succeed, and the caller chooses when (a transport does
// not wait, count or try again by itself). After ErrUntrusted it will not until
// somebody changes a file or a setting. ErrClosed and ErrFrameTooLong end a
// link for good: what is wanted is a new one. ErrClosed of Dial or Accept means
// that this transport is closed, for good as well. An error of the context is
// wrapped as it is, by Dial together with ErrUnreachable when time ran out. No
// error of one link says anything about another.
//
// Time: a transport notices by itself that a peer has gone when the network
// says so, and may take minutes when it does not. The layer above probes.
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
	// ErrUntrusted: the two sides do not agree on how their link is protected,
	// or one does not trust the other's certificate. Trying again helps only
	// after a file or a setting of either side has changed.
	ErrUntrusted = errors.New("not trusted")
	// ErrClosed: the link or the transport has been closed, by either side.
	ErrClosed = errors.New("closed")
	// ErrFrameTooLong: a frame longer than the limit was sent or received;
	// the link is closed.
	ErrFrameTooLong = errors.New("frame too long")
)

// Transport opens and accepts links. All methods may be called concurrently.
type Transport interface {
	// Dial opens a link to an address of this transport's own form (TCP:
	// host:port). It blocks until the link is usable and, where the transport
	// has one, its protection stands; until ctx ends; or until an error that
	// wraps ErrRefused, ErrUnreachable, ErrUntrusted or ErrClosed and names the
	// address. ctx bounds the dial alone, not the link.
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
	// CertNames are the hosts that the peer's certificate names: DNS names,
	// perhaps with "*" as their first label, and IP addresses in their normal
	// form. They are nil if and only if no certificate was verified: a
	// transport that verifies them refuses one without names.
	CertNames []string
	// HelloOnly says that the link is for a hello and an answer to a probe: to
	// become its peer, dial the node at the address that its welcome names.
	HelloOnly bool
}

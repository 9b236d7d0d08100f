package tcp

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

// Options of a Transport; the zero value listens on a free port of every
// interface.
type Options struct {
	// Bind is the local address to listen on. Empty or "::" means every
	// interface, IPv4 and IPv6; "0.0.0.0" means IPv4 only.
	Bind string
	// Ports are tried in order until one is free. None, or 0, stands for a
	// port of the kernel's choice.
	Ports []int
	// MaxPending bounds the links that wait for Accept (256).
	MaxPending int
	// MaxPerSource bounds those of them from one remote IP address (64).
	MaxPerSource int
	// KeepAlive is how long a link may be idle before the kernel asks whether
	// the peer is still there (15 s, rounded up to seconds). A link whose data
	// is not acknowledged, or not read, for twice as long ends.
	KeepAlive time.Duration
	// IPv6 is for a network without IPv4: names are resolved to IPv6 addresses,
	// and an empty Bind or "::" means every interface, IPv6 only.
	IPv6 bool
	// TLS protects every link, and lets in only who is trusted by it; nil: links
	// are neither encrypted nor authenticated.
	TLS *TLS
	// HandshakeTimeout bounds the TLS handshake of a link from outside (5 s);
	// that of a dialled one is bounded by the context of Dial. At most
	// MaxPending of them are under way at a time, and MaxPerSource from one
	// address; more push out the oldest.
	HandshakeTimeout time.Duration
	// Logger hears of refused connections, of a failing listener and of
	// certificates; nil is silent.
	Logger *slog.Logger
}

// ErrPortInUse says that another process listens on the port.
var ErrPortInUse = errors.New("port is in use")

// ErrOptions says that an option has no meaning.
var ErrOptions = errors.New("bad transport option")

// withDefaults fills in what the caller left out.
func (o Options) withDefaults() Options {
	if len(o.Ports) == 0 {
		o.Ports = []int{0}
	}
	o.MaxPending = cmp.Or(o.MaxPending, 256)
	o.MaxPerSource = cmp.Or(o.MaxPerSource, 64)
	o.KeepAlive = cmp.Or(o.KeepAlive, 15*time.Second)
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, 5*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// check refuses what withDefaults could not mend.
func (o Options) check() error {
	for _, p := range o.Ports {
		if p < 0 || p > 65535 {
			return fmt.Errorf("%w: port %d is not within 0 and 65535", ErrOptions, p)
		}
	}
	if o.MaxPending < 0 || o.MaxPerSource < 0 || o.KeepAlive < 0 || o.HandshakeTimeout < 0 {
		return fmt.Errorf("%w: a bound or a time is negative", ErrOptions)
	}
	return nil
}

// resolve is the network of dials.
func (o Options) resolve() string {
	if o.IPv6 {
		return "tcp6"
	}
	return "tcp"
}

// network keeps "0.0.0.0" to IPv4: Go's "tcp" would open it to IPv6 as well.
func (o Options) network() string {
	if a, err := netip.ParseAddr(o.Bind); err == nil && a.Is4() {
		return "tcp4"
	}
	return o.resolve()
}

// busy is the error for ports that were all taken.
type busy []int

// Error says which port to free, in words that the command line shows as they
// are.
func (b busy) Error() string {
	if len(b) == 1 {
		return fmt.Sprintf("port %d is in use", b[0])
	}
	return fmt.Sprintf("all %d ports from %d to %d are in use", len(b), slices.Min(b), slices.Max(b))
}

// Unwrap makes errors.Is(err, ErrPortInUse) true.
func (b busy) Unwrap() error { return ErrPortInUse }

package daemon

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/mqtt"
)

// openListener is an MQTT listener that clients can reach.
type openListener struct {
	ln   net.Listener
	opts mqtt.ListenerOptions
}

// listeners are the MQTT listeners of a node, and those that stay closed.
type listeners struct {
	open   []openListener
	closed []string // each with the key that opens it
}

// listen opens the configured listeners. One that is not on loopback stays
// closed without a written waiver, since nothing asks clients who they are;
// one with TLS or over WebSocket, since this version has neither.
func listen(c *config.Config) (l listeners, err error) {
	for _, k := range c.Listeners {
		switch {
		case !k.Enable:
		case k.Kind != "tcp":
			l.closed = append(l.closed, fmt.Sprintf("%s (%s)", k.Bind, whyClosed(k)))
		case !loopback(k.Bind) && !k.AllowAnonymous:
			l.closed = append(l.closed, fmt.Sprintf("%s (set %s.allow_anonymous = true to let anybody in)", k.Bind, k.Path()))
		default:
			ln, err := net.Listen("tcp", k.Bind)
			if err != nil {
				l.close()
				return listeners{}, listenError(k, err)
			}
			l.open = append(l.open, openListener{ln: ln, opts: mqtt.ListenerOptions{ID: k.Kind + "." + k.ID, MaxConnections: k.MaxConnections}})
		}
	}
	return l, nil
}

// whyClosed tells why a listener of a kind that is not built stays closed, and
// what is missing besides.
func whyClosed(k config.Listener) string {
	why := k.Path() + ": this version has no listeners over WebSocket"
	if k.Kind != "ws" {
		why = k.Path() + ": this version has no listeners with TLS"
		if k.CertFile == "" {
			why += ", and " + k.Path() + ".ssl_options.certfile is not set"
		}
	}
	return why
}

// reason is the system's word in err, without the operation and the addresses
// that the caller names better.
func reason(err error) error {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &dns):
		return errors.New(dns.Err)
	}
	return err
}

func listenError(k config.Listener, err error) error {
	_, port, _ := net.SplitHostPort(k.Bind)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %s is in use: stop what listens there, or set %s.bind to another one", port, k.Path())
	}
	return fmt.Errorf("%s.bind = %s: %w: set it to an address of this machine", k.Path(), k.Bind, reason(err))
}

func (l listeners) close() {
	for _, o := range l.open {
		_ = o.ln.Close()
	}
}

// String names the open listeners, then the closed ones.
func (l listeners) String() string {
	var out []string
	for _, o := range l.open {
		out = append(out, o.ln.Addr().String())
	}
	text := "none"
	if len(out) > 0 {
		text = strings.Join(out, ", ")
	}
	if len(l.closed) > 0 {
		text += "; closed: " + strings.Join(l.closed, ", ")
	}
	return text
}

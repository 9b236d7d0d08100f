package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"

	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/mqtt"
	"github.com/muster-mqtt/muster/mqtt/listen"
)

// openListener is an MQTT listener that clients can reach.
type openListener struct {
	ln   net.Listener
	opts mqtt.ListenerOptions
	conf config.Listener // that it was opened with
	tls  *listen.TLS     // nil: none
}

// listeners are the MQTT listeners of a node, and those that stay closed.
type listeners struct {
	open   []openListener
	closed []string // each with the key that opens it
}

// listenAll opens the configured listeners, or says what keeps one closed.
func listenAll(c *config.Config, count *listen.Counters, log *slog.Logger) (l listeners, err error) {
	for _, k := range c.Listeners {
		if !k.Enable {
			continue
		}
		material, why := closedBy(c, k)
		if why != "" {
			l.closed = append(l.closed, fmt.Sprintf("%s (%s)", k.Bind, why))
			continue
		}
		o := listenOptions(k, material)
		o.Counters, o.Logger = count, log
		ln, err := listen.Listen(k.Bind, o)
		if err != nil {
			l.close()
			return listeners{}, listenError(k, err)
		}
		l.open = append(l.open, openListener{ln: ln, opts: serveOptions(k), conf: k, tls: material})
	}
	return l, nil
}

func serveOptions(k config.Listener) mqtt.ListenerOptions {
	return mqtt.ListenerOptions{
		ID: k.Kind + "." + k.ID, MaxConnections: k.MaxConnections,
		ConnectRate: k.MaxConnRate, MessageRate: k.MessagesRate, ByteRate: k.BytesRate,
	}
}

func listenOptions(k config.Listener, material *listen.TLS) listen.Options {
	o := listen.Options{TLS: material, Timeout: k.TLS.HandshakeTimeout}
	if k.Kind == "ws" || k.Kind == "wss" {
		o.WebSocket = &listen.WebSocket{Path: k.WebSocketPath, MaxFrame: k.MaxFrameSize}
	}
	return o
}

// closedBy says what keeps a listener closed, "" for nothing: anybody could
// come in who reaches it, or there is no certificate.
func closedBy(c *config.Config, k config.Listener) (material *listen.TLS, why string) {
	if secure(k) {
		var err error
		switch material, err = listen.NewTLS(tlsOptions(k)); {
		case errors.Is(err, listen.ErrNoCertificate):
			return nil, fmt.Sprintf("set %s.ssl_options.certfile and keyfile", k.Path())
		case errors.Is(err, listen.ErrNoAuthorities):
			return nil, fmt.Sprintf("set %s.ssl_options.cacertfile, by which the certificates of clients are verified", k.Path())
		case err != nil:
			return nil, fmt.Sprintf("%s.ssl_options: %v", k.Path(), err)
		}
	}
	if !loopback(k.Bind) && !k.AllowAnonymous && c.Access.UsersFile == "" && !certified(k) {
		return nil, fmt.Sprintf("set %s.allow_anonymous = true to let anybody in, or authentication.users_file to let in who has a password", k.Path())
	}
	return material, ""
}

// secure reports whether a listener has TLS.
func secure(k config.Listener) bool { return k.Kind == "ssl" || k.Kind == "wss" }

// certified reports whether a listener takes only clients with a certificate
// that it has verified.
func certified(k config.Listener) bool {
	return secure(k) && k.TLS.VerifyPeer && k.TLS.FailIfNoPeerCert
}

func tlsOptions(k config.Listener) listen.TLSOptions {
	o := listen.TLSOptions{
		CertFile: k.TLS.CertFile, KeyFile: k.TLS.KeyFile, CAFile: k.TLS.CACertFile,
		VerifyPeer: k.TLS.VerifyPeer, RequireCert: k.TLS.FailIfNoPeerCert,
	}
	switch k.TLS.PeerCertAsUsername {
	case "cn":
		o.Name = listen.CommonName
	case "san":
		o.Name = listen.AltName
	}
	return o
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
		name := o.ln.Addr().String()
		if o.conf.Kind != "tcp" {
			name += " (" + o.conf.Kind + ")"
		}
		out = append(out, name)
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

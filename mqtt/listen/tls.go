package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"
)

// TLSOptions are the material of a listener with TLS, each file in PEM.
type TLSOptions struct {
	CertFile, KeyFile string // of the listener; the first may hold the chain
	CAFile            string // the authorities of the clients' certificates
	VerifyPeer        bool   // a client's certificate is asked for, and must hold
	RequireCert       bool   // with VerifyPeer: a client without one is refused
	// Name says what of a verified certificate is the client's user name.
	Name CertName
}

// CertName is a part of a certificate.
type CertName uint8

// The values of CertName.
const (
	NoName     CertName = iota
	CommonName          // CN of the subject
	AltName             // the first of the DNS names, mail addresses and URIs
)

// The errors of TLSOptions that name no file.
var (
	ErrNoCertificate = errors.New("there is no certificate")
	ErrNoAuthorities = errors.New("there are no authorities by which to verify the clients' certificates")
)

// TLS is the material of a listener; it can be read again while connections
// are open.
type TLS struct {
	current atomic.Pointer[material]
}

type material struct {
	config *tls.Config
	name   CertName
	until  time.Time
}

// NewTLS reads the files. An error names the file.
func NewTLS(o TLSOptions) (*TLS, error) {
	t := &TLS{}
	return t, t.Reload(o)
}

// Reload reads the files again, for the handshakes from now on. After an error
// everything is as it was.
func (t *TLS) Reload(o TLSOptions) error {
	m, err := o.read()
	if err != nil {
		return err
	}
	t.current.Store(m)
	return nil
}

// Until is the end of the validity of the listener's certificate.
func (t *TLS) Until() time.Time { return t.current.Load().until }

func (o TLSOptions) read() (*material, error) {
	if o.CertFile == "" || o.KeyFile == "" {
		return nil, ErrNoCertificate
	}
	certPEM, err := os.ReadFile(o.CertFile)
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(o.KeyFile)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", o.CertFile, o.KeyFile, err)
	}
	m := &material{name: o.Name, until: cert.Leaf.NotAfter,
		config: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}}
	return m, o.verify(m.config)
}

func (o TLSOptions) verify(c *tls.Config) error {
	if !o.VerifyPeer {
		return nil
	}
	if o.CAFile == "" {
		return ErrNoAuthorities
	}
	text, err := os.ReadFile(o.CAFile)
	if err != nil {
		return err
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s holds no certificate", o.CAFile)
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	if o.RequireCert {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return nil
}

// handshake answers a client. No protocol is chosen by ALPN: what is spoken
// follows from the listener, and clients take that.
func (t *TLS) handshake(nc net.Conn) (*tls.Conn, error) {
	c := tls.Server(nc, t.current.Load().config)
	return c, c.Handshake()
}

// name returns the user name in a client's certificate.
func (t *TLS) name(c *tls.Conn) string {
	state := c.ConnectionState()
	if len(state.VerifiedChains) == 0 {
		return ""
	}
	return usable(t.current.Load().name.of(state.PeerCertificates[0]))
}

func (n CertName) of(cert *x509.Certificate) string {
	switch {
	case n == CommonName:
		return cert.Subject.CommonName
	case n != AltName:
	case len(cert.DNSNames) > 0:
		return cert.DNSNames[0]
	case len(cert.EmailAddresses) > 0:
		return cert.EmailAddresses[0]
	case len(cert.URIs) > 0:
		return cert.URIs[0].String()
	}
	return ""
}

// usable returns a name that can be one of MQTT [MQTT-1.5.4-1], else "".
func usable(name string) string {
	if len(name) > 65535 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return ""
	}
	return name
}

package tcp

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// TLSOptions are what a node shows to other nodes, and by what it knows them.
// Each file is in PEM, of 1 MiB at most.
type TLSOptions struct {
	// CertFile holds the node's certificate and the chain above it, KeyFile
	// its private key. Both are needed.
	CertFile, KeyFile string
	// CAFile holds the authorities by which the certificates of other nodes
	// are verified. It is needed unless TrustAnybody.
	CAFile string
	// TrustAnybody takes every certificate, and none (verify = none).
	TrustAnybody bool
	// Host is what the node's own certificate must name, the host part of its
	// name; "" is not compared.
	Host string
	// Every is the time between two looks at the files (2 s).
	Every time.Duration
}

// TLS is the material of a node. While a Transport uses it, it is read again
// when the files have changed; links that are open go on as they are.
type TLS struct {
	opts    TLSOptions
	current atomic.Pointer[material]

	mu      sync.Mutex
	seen    pems // at the last look
	failed  pems // that could not be used, and were complained about
	missing string
	stage   int // of the warnings of the certificate's end
	told    string
}

// maxPEM bounds a file, in bytes.
const maxPEM = 1 << 20

// pems are the contents of the three files.
type pems struct{ cert, key, ca []byte }

func (p pems) equal(q pems) bool {
	return bytes.Equal(p.cert, q.cert) && bytes.Equal(p.key, q.key) && bytes.Equal(p.ca, q.ca)
}

// material is what one state of the files makes.
type material struct {
	from           pems
	server, client *tls.Config
	since, until   time.Time // both ends of the validity of the chain
	doubt          string    // why other nodes will refuse it; "" for no reason
}

// NewTLS reads the files. An error names the file and wraps ErrOptions.
func NewTLS(o TLSOptions) (*TLS, error) {
	if o.Every <= 0 {
		o.Every = 2 * time.Second
	}
	t := &TLS{opts: o}
	p, err := o.read()
	if err != nil {
		return nil, err
	}
	m, err := o.parse(p)
	if err != nil {
		return nil, err
	}
	t.seen = p
	t.current.Store(m)
	return t, nil
}

// Until is the end of the validity of the node's certificate, or of one above
// it, whichever is first.
func (t *TLS) Until() time.Time { return t.current.Load().until }

// Doubt says why other nodes will refuse the node's certificate: it does not
// name the node's host, or no authority of the node's own file has signed it,
// or it is not valid now. It is "" when there is no such reason, and with
// TrustAnybody: then other nodes are taken not to verify either.
func (t *TLS) Doubt() string {
	m := t.current.Load()
	if t.opts.TrustAnybody {
		return ""
	}
	if now := time.Now(); now.After(m.until) || now.Before(m.since) {
		return t.opts.expiry(m)
	}
	return m.doubt
}

func (o TLSOptions) expiry(m *material) string {
	return fmt.Sprintf("the certificate in %s is valid from %s to %s only", o.CertFile, date(m.since), date(m.until))
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// read returns what the files hold.
func (o TLSOptions) read() (p pems, err error) {
	files := []struct {
		name, what string
		to         *[]byte
	}{{o.CertFile, "certificate", &p.cert}, {o.KeyFile, "private key", &p.key}, {o.CAFile, "file of authorities", &p.ca}}
	if o.TrustAnybody {
		files = files[:2]
	}
	for _, f := range files {
		if f.name == "" {
			return p, fmt.Errorf("%w: TLS without a %s", ErrOptions, f.what)
		}
		if *f.to, err = readPEM(f.name); err != nil {
			return p, fmt.Errorf("%w: %s: %w", ErrOptions, f.what, err)
		}
	}
	return p, nil
}

func readPEM(name string) ([]byte, error) {
	if info, err := os.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() { // a pipe would keep us waiting
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = fmt.Errorf("%s: more than %d bytes", name, maxPEM)
	}
	return text, err
}

// whole refuses a file with a block that is cut off or damaged, which package
// pem would pass over: a chain or an authority less, and nobody is told.
func whole(name string, text []byte) error {
	blocks := 0
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		blocks++
	}
	if begun := bytes.Count(text, []byte("-----BEGIN ")); blocks > 0 && blocks < begun {
		return fmt.Errorf("%w: %s: %d of its %d blocks cannot be read; is it only half written?", ErrOptions, name, begun-blocks, begun)
	}
	return nil
}

// parse makes the configurations of both sides of a handshake.
func (o TLSOptions) parse(p pems) (*material, error) {
	if err := errors.Join(whole(o.CertFile, p.cert), whole(o.CAFile, p.ca)); err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, fmt.Errorf("%w: certificate %s with key %s: %w", ErrOptions, o.CertFile, o.KeyFile, err)
	}
	m := &material{from: p}
	roots := x509.NewCertPool()
	if !o.TrustAnybody && !roots.AppendCertsFromPEM(p.ca) {
		return nil, fmt.Errorf("%w: %s holds no certificate", ErrOptions, o.CAFile)
	}
	chain, err := m.bound(cert)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrOptions, o.CertFile, err)
	}
	m.doubt = o.doubt(chain, roots)
	if end := trusted(chain, roots); !end.IsZero() && end.Before(m.until) {
		m.until = end
	}
	m.configure(o, cert, roots)
	return m, nil
}

// bound parses the chain and finds the time within which all of it is valid.
func (m *material) bound(cert tls.Certificate) (chain []*x509.Certificate, err error) {
	for _, der := range cert.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		if m.until.IsZero() || c.NotAfter.Before(m.until) {
			m.until = c.NotAfter
		}
		if c.NotBefore.After(m.since) {
			m.since = c.NotBefore
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// trusted is how long the authorities above a chain hold: the end of the first
// of them, of the best way up. It is zero where there is none.
func trusted(chain []*x509.Certificate, roots *x509.CertPool) (end time.Time) {
	o := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: chain[0].NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	ways, err := chain[0].Verify(o)
	if err != nil {
		return time.Time{}
	}
	for _, way := range ways {
		first := way[0].NotAfter
		for _, c := range way {
			if c.NotAfter.Before(first) {
				first = c.NotAfter
			}
		}
		if first.After(end) {
			end = first
		}
	}
	return end
}

// doubt looks at the node's own certificate as other nodes will. The time is
// not its business: that passes.
func (o TLSOptions) doubt(chain []*x509.Certificate, roots *x509.CertPool) string {
	if o.TrustAnybody {
		return ""
	}
	leaf := chain[0]
	if names := namesOf(leaf); o.Host != "" && !named(names, o.Host) {
		return fmt.Sprintf("the certificate in %s names %s, but not this node's host %s", o.CertFile, list(names), o.Host)
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		err := verify(chain, roots, verification{use: use, at: leaf.NotBefore})
		if invalid := (x509.CertificateInvalidError{}); errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			continue // a younger authority
		}
		if err != nil {
			return fmt.Sprintf("the certificate in %s does not hold under %s: %v", o.CertFile, o.CAFile, err)
		}
	}
	return ""
}

func list(names []string) string {
	if len(names) == 0 {
		return "no host"
	}
	return strings.Join(names, ", ")
}

// named reports whether names cover a host, as the layer above compares them.
func named(names []string, host string) bool {
	host = strings.TrimSuffix(host, ".")
	ip, notIP := netip.ParseAddr(host)
	_, parent, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(names, func(n string) bool {
		if notIP == nil {
			other, err := netip.ParseAddr(n)
			return err == nil && other == ip.Unmap().WithZone("")
		}
		n = strings.TrimSuffix(n, ".")
		return strings.EqualFold(n, host) || parent != "" && strings.EqualFold(n, "*."+parent)
	})
}

// configure makes both sides' configurations. Sessions are not resumed: each
// link is verified by what the files say now.
func (m *material) configure(o TLSOptions, cert tls.Certificate, roots *x509.CertPool) {
	base := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{protocol}, SessionTicketsDisabled: true}
	m.server, m.client = base.Clone(), base
	m.server.Certificates = []tls.Certificate{cert}
	// By itself package tls shows nothing where the other side has not named the
	// authority, and that side could not say what is wrong.
	m.client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	m.client.InsecureSkipVerify = true // the name is compared above, when the hello has told it; the chain is verified here:
	if o.TrustAnybody {
		return
	}
	m.client.VerifyConnection = o.verifyServer(roots)
	m.server.ClientAuth, m.server.ClientCAs = tls.VerifyClientCertIfGiven, roots
	m.server.VerifyConnection = o.verifyClient
}

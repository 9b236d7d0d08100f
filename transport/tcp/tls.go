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
	valid          spans  // when other nodes take the chain
	doubt          string // why they will never; "" for no reason
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

// Until is the end of the validity of the node's certificate, or of one by
// which other nodes verify it, whichever is first. A certificate in the files
// that they can do without does not count.
func (t *TLS) Until() time.Time { return t.current.Load().valid.at(time.Now()).until }

// Doubt says why other nodes will refuse the node's certificate: it does not
// name the node's host, or no authority of the node's own file has signed it,
// or it is not valid now. It is "" when there is no such reason, and with
// TrustAnybody: then other nodes are taken not to verify either.
func (t *TLS) Doubt() string {
	m := t.current.Load()
	if t.opts.TrustAnybody {
		return ""
	}
	now := time.Now()
	if s := m.valid.at(now); !s.contains(now) {
		return t.opts.expiry(s)
	}
	return m.doubt
}

func (o TLSOptions) expiry(s span) string {
	return fmt.Sprintf("the certificate in %s is valid from %s to %s only", o.CertFile, date(s.since), date(s.until))
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
	authorities := certificates(p.ca)
	if !o.TrustAnybody && len(authorities) == 0 {
		return nil, fmt.Errorf("%w: %s holds no certificate", ErrOptions, o.CAFile)
	}
	var chain []*x509.Certificate
	for _, der := range cert.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrOptions, o.CertFile, err)
		}
		chain = append(chain, c)
	}
	m.judge(o, chain, authorities)
	m.configure(o, cert, poolOf(authorities))
	return m, nil
}

// judge looks at the node's own certificate as other nodes will. The time is
// no reason for doubt: it passes.
func (m *material) judge(o TLSOptions, chain, authorities []*x509.Certificate) {
	m.valid = spans{spanOf(chain[:1])}
	if o.TrustAnybody {
		return
	}
	m.doubt = o.nameless(chain[0])
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err := validity(chain, authorities, use); err != nil && m.doubt == "" {
			m.doubt = fmt.Sprintf("the certificate in %s does not hold under %s: %v", o.CertFile, o.CAFile, err)
		}
	}
	if all, err := validity(chain, authorities, x509.ExtKeyUsageAny); err == nil {
		m.valid = all
	}
}

// nameless says that a certificate does not name the node's host.
func (o TLSOptions) nameless(leaf *x509.Certificate) string {
	if names := namesOf(leaf); o.Host != "" && !named(names, o.Host) {
		return fmt.Sprintf("the certificate in %s names %s, but not this node's host %s", o.CertFile, list(names), o.Host)
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

package tcp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"time"
)

// protocol is what both sides choose by ALPN (RFC 7301), so that a certificate
// for clients is not taken for one for nodes, nor a port for another.
const protocol = "muster"

// The binding of a hello to its connection (RFC 9266).
const (
	exporterLabel = "EXPORTER-Channel-Binding"
	exporterBytes = 32
)

var (
	errNoCertificate = errors.New("no certificate was shown")
	errNoNames       = errors.New("the certificate names no host: it needs a subject alternative name")
	errNoProtocol    = errors.New("TLS, but not of a cluster port")
)

// verification says for what a chain is to hold, and when.
type verification struct {
	use x509.ExtKeyUsage
	at  time.Time // zero: now
}

func verify(chain []*x509.Certificate, roots *x509.CertPool, v verification) error {
	_, err := ways(chain, roots, v)
	return err
}

// ways are from the first certificate of a chain up to an authority.
func ways(chain []*x509.Certificate, roots *x509.CertPool, v verification) ([][]*x509.Certificate, error) {
	return chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: poolOf(chain[1:]), CurrentTime: v.at, KeyUsages: []x509.ExtKeyUsage{v.use},
	})
}

// verifyServer is what the dialling side asks of the other one.
func (o TLSOptions) verifyServer(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errNoCertificate
		}
		if err := verify(s.PeerCertificates, roots, verification{use: x509.ExtKeyUsageServerAuth}); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
		}
		return hasNames(s)
	}
}

// verifyClient is what the accepting side asks beyond what package tls has
// verified.
func (o TLSOptions) verifyClient(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errNoCertificate
	}
	return hasNames(s)
}

func hasNames(s tls.ConnectionState) error {
	if len(namesOf(s.PeerCertificates[0])) == 0 {
		return errNoNames
	}
	return nil
}

// namesOf returns the hosts that a certificate names. A DNS name that reads
// as an address is none: authorities need not have checked it as one.
func namesOf(c *x509.Certificate) (names []string) {
	for _, n := range c.DNSNames {
		if _, err := netip.ParseAddr(n); err != nil {
			names = append(names, n)
		}
	}
	for _, ip := range c.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			names = append(names, a.Unmap().String())
		}
	}
	return names
}

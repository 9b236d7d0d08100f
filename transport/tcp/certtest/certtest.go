// Package certtest makes certificate authorities and certificates of nodes for
// tests, as files.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	// File is the authority's own certificate.
	File string

	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Cert describes a certificate; what is zero gets a value that holds.
type Cert struct {
	Hosts []string  // names and addresses; none: it names no host
	From  time.Time // an hour ago
	Until time.Time // in a year
	Usage []x509.ExtKeyUsage
	Path  string // of the two files, without .crt and .key; made up when empty
}

// New makes an authority whose files end with the test.
func New(t testing.TB) *Authority { return NewUntil(t, time.Time{}) }

// NewUntil is New with an end of its validity.
func NewUntil(t testing.TB, until time.Time) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority " + rand.Text()}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.File = filepath.Join(a.dir, "ca.crt")
	der, key := a.sign(template, Cert{Until: until})
	a.cert, a.key = a.parse(der), key
	a.write(a.File, "CERTIFICATE", der)
	return a
}

// Issue writes a certificate and its key, over what is there, and returns
// their files.
func (a *Authority) Issue(c Cert) (certFile, keyFile string) {
	a.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "a node"}, ExtKeyUsage: c.Usage, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	for _, h := range c.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, key := a.sign(template, c)
	text, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	if c.Path == "" {
		c.Path = filepath.Join(a.t.TempDir(), "node")
	}
	a.write(c.Path+".key", "PRIVATE KEY", text)
	a.write(c.Path+".crt", "CERTIFICATE", der)
	return c.Path + ".crt", c.Path + ".key"
}

// sign signs with the authority's key, or as long as there is none with its own.
func (a *Authority) sign(template *x509.Certificate, c Cert) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	a.must(err)
	template.NotBefore, template.NotAfter = c.From, c.Until
	if c.From.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if c.Until.IsZero() {
		template.NotAfter = time.Now().Add(365 * 24 * time.Hour)
	}
	by, signer := a.cert, a.key
	if by == nil {
		by, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, signer)
	a.must(err)
	return der, key
}

func (a *Authority) parse(der []byte) *x509.Certificate {
	a.t.Helper()
	c, err := x509.ParseCertificate(der)
	a.must(err)
	return c
}

// write replaces a file in one step.
func (a *Authority) write(name, kind string, der []byte) {
	a.t.Helper()
	a.must(os.WriteFile(name+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	a.must(os.Rename(name+".new", name))
}

func (a *Authority) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

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
	by   *Authority // that has signed it; itself for none above
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
	a := &Authority{t: t, dir: t.TempDir(), key: newKey(t)}
	a.by = a
	return a.certify("authority "+rand.Text(), Cert{Until: until})
}

// Under makes an authority below a; what counts of c is its time.
func (a *Authority) Under(c Cert) *Authority {
	a.t.Helper()
	below := &Authority{t: a.t, dir: a.t.TempDir(), key: newKey(a.t), by: a}
	return below.certify("authority "+rand.Text(), c)
}

// Again makes another certificate of the same authority, as its renewal does;
// what counts of c is its time.
func (a *Authority) Again(c Cert) *Authority {
	a.t.Helper()
	again := &Authority{t: a.t, dir: a.t.TempDir(), key: a.key, by: a.by}
	if a.by == a {
		again.by = again
	}
	return again.certify(a.cert.Subject.CommonName, c)
}

func (a *Authority) certify(name string, c Cert) *Authority {
	a.t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der := a.by.sign(template, c, a.key)
	a.cert = a.parse(der)
	a.File = filepath.Join(a.dir, "ca.crt")
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
	key := newKey(a.t)
	der := a.sign(template, c, key)
	text, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	if c.Path == "" {
		c.Path = filepath.Join(a.t.TempDir(), "node")
	}
	a.write(c.Path+".key", "PRIVATE KEY", text)
	a.write(c.Path+".crt", "CERTIFICATE", der)
	return c.Path + ".crt", c.Path + ".key"
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate of somebody's key; without a certificate of its own
// yet, the authority's own.
func (a *Authority) sign(template *x509.Certificate, c Cert, of *ecdsa.PrivateKey) []byte {
	a.t.Helper()
	var err error
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	a.must(err)
	template.NotBefore, template.NotAfter = c.From, c.Until
	if c.From.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if c.Until.IsZero() {
		template.NotAfter = time.Now().Add(365 * 24 * time.Hour)
	}
	by := a.cert
	if by == nil {
		by = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &of.PublicKey, a.key)
	a.must(err)
	return der
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

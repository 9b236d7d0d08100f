package listen

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority signs certificates and writes them into a directory.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

var serial int64

func newAuthority(t testing.TB, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key, a.cert = a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	a.file = filepath.Join(a.dir, "ca.pem")
	a.write(a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

func (a *authority) sign(c, by *x509.Certificate, key *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	if by == nil {
		by, key = c, own
	}
	serial++
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(serial), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, by, &own.PublicKey, key)
	a.must(err)
	cert, err := x509.ParseCertificate(der)
	a.must(err)
	return own, cert
}

// issue writes a certificate and its key, and returns the names of the files.
func (a *authority) issue(c *x509.Certificate) (certFile, keyFile string) {
	a.t.Helper()
	c.IPAddresses = append(c.IPAddresses, net.IPv4(127, 0, 0, 1))
	key, cert := a.sign(c, a.cert, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	base := filepath.Join(a.t.TempDir(), "cert")
	a.write(base+".pem", "CERTIFICATE", cert.Raw)
	a.write(base+".key", "PRIVATE KEY", der)
	return base + ".pem", base + ".key"
}

func named(cn string) *x509.Certificate { return &x509.Certificate{Subject: pkix.Name{CommonName: cn}} }

func (a *authority) write(name, kind string, der []byte) {
	a.must(os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func (a *authority) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// server returns the options of a listener.
func (a *authority) server(cn string) TLSOptions {
	cert, key := a.issue(named(cn))
	return TLSOptions{CertFile: cert, KeyFile: key}
}

// client returns what a client trusts and shows; nil shows nothing.
func (a *authority) client(show *x509.Certificate) *tls.Config {
	a.t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1"}
	c.RootCAs.AddCert(a.cert)
	if show != nil {
		pair, err := tls.LoadX509KeyPair(a.issue(show))
		a.must(err)
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

func mustTLS(t testing.TB, o TLSOptions) *TLS {
	t.Helper()
	x, err := NewTLS(o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// echo serves a listener that sends back what it gets, and ends with the test.
// What is accepted is told to seen.
func echo(t testing.TB, o Options) (addr string, seen chan net.Conn) {
	t.Helper()
	ln, err := Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	seen = make(chan net.Conn, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			seen <- c
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return ln.Addr().String(), seen
}

// echoes reports whether text comes back.
func echoes(c net.Conn, text string) bool {
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, text); err != nil {
		return false
	}
	b := make([]byte, len(text))
	_, err := io.ReadFull(c, b)
	return err == nil && string(b) == text
}

package etcdtest

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
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
)

// Certs are the files of a small authority: a server for 127.0.0.1 and
// localhost, a client whose common name is User, and a stranger that signed
// itself.
type Certs struct {
	CA                        string
	ServerCert, ServerKey     string
	ClientCert, ClientKey     string
	StrangerCert, StrangerKey string
}

// Certificates writes new ones into dir.
func Certificates(dir string) (Certs, error) {
	in := func(name string) string { return filepath.Join(dir, name+".pem") }
	c := Certs{
		CA: in("ca"), ServerCert: in("server"), ServerKey: in("server-key"), ClientCert: in("client"), ClientKey: in("client-key"),
		StrangerCert: in("stranger"), StrangerKey: in("stranger-key"),
	}
	ca, err := issue(nil, "the authority", c.CA, in("ca-key"))
	if err != nil {
		return c, err
	}
	if _, err = issue(ca, "localhost", c.ServerCert, c.ServerKey); err != nil {
		return c, err
	}
	if _, err = issue(ca, User, c.ClientCert, c.ClientKey); err != nil {
		return c, err
	}
	_, err = issue(nil, "stranger", c.StrangerCert, c.StrangerKey)
	return c, err
}

// Server is what etcd needs of them; mutual: it asks its clients for theirs.
func (c Certs) Server(mutual bool) transport.TLSInfo {
	return transport.TLSInfo{
		CertFile: c.ServerCert, KeyFile: c.ServerKey, TrustedCAFile: c.CA, ClientCertAuth: mutual,
		ClientCertFile: c.ClientCert, ClientKeyFile: c.ClientKey,
	}
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue writes a certificate by an authority, or, without one, by itself.
func issue(by *authority, name, certFile, keyFile string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        by == nil, BasicConstraintsValid: true,
	}
	own := &authority{template, key}
	if by == nil {
		by = own
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &key.PublicKey, by.key)
	if err != nil {
		return nil, err
	}
	text, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(certFile, "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return own, writePEM(keyFile, "EC PRIVATE KEY", text)
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

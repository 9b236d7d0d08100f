package nats

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport/nats/natstest"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// file writes a secret file.
func file(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func key(t *testing.T, kp nkeys.KeyPair, err error) (nkeys.KeyPair, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	public, err := kp.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return kp, public
}

func newUser(t *testing.T) (nkeys.KeyPair, string) {
	kp, err := nkeys.CreateUser()
	return key(t, kp, err)
}

// link2 links two nodes with the same options.
func link2(t *testing.T, s *natstest.Server, url string, set func(*Options)) {
	t.Helper()
	var both []*Transport
	for i := range 2 {
		tr, err := tryListen(t, i, url, set)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		both = append(both, tr)
	}
	from, to := pair(t, both[0], both[1])
	pass(t, from, to, "allowed")
}

func TestUserAndTokenInTheURL(t *testing.T) {
	user := natstest.Start(t, func(o *server.Options) { o.Username, o.Password = "u", "p@ss" })
	link2(t, user, strings.Replace(user.URL(), "//", "//u:p%40ss@", 1), func(*Options) {})
	token := natstest.Start(t, func(o *server.Options) { o.Authorization = "the-token" })
	link2(t, token, strings.Replace(token.URL(), "//", "//the-token@", 1), func(*Options) {})
}

func TestNKeyFile(t *testing.T) {
	kp, public := newUser(t)
	seed, err := kp.Seed()
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, "user.nk", append(seed, '\n'))
	s := natstest.Start(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })
	link2(t, s, s.URL(), func(o *Options) { o.Credentials = path })
	bad := file(t, "bad", []byte("neither of the two"))
	if _, err := tryListen(t, 1, s.URL(), func(o *Options) { o.Credentials = bad }); err == nil || !strings.Contains(err.Error(), "NKey") {
		t.Errorf("a file of neither kind: %v", err)
	}
}

// A server in operator mode takes the JWT of a user of an account that it
// knows.
func TestCredentialsFile(t *testing.T) {
	kp, err := nkeys.CreateOperator()
	operator, operatorID := key(t, kp, err)
	kp, err = nkeys.CreateAccount()
	account, accountID := key(t, kp, err)
	user, userID := newUser(t)
	accountJWT, err := jwt.NewAccountClaims(accountID).Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	userJWT, err := jwt.NewUserClaims(userID).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(userJWT, seed)
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, "user.creds", text)
	accounts := &server.MemAccResolver{}
	if err := accounts.Store(accountID, accountJWT); err != nil {
		t.Fatal(err)
	}
	s := natstest.Start(t, func(o *server.Options) {
		o.TrustedKeys, o.AccountResolver = []string{operatorID}, accounts
	})
	link2(t, s, s.URL(), func(o *Options) { o.Credentials = path })
}

// authority makes certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
	file string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.cert = &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "ca"}}
	certFile, key := a.sign(a.cert, "ca")
	a.key, a.file = key, certFile
	text, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	a.pool.AppendCertsFromPEM(text)
	return a
}

// sign makes a certificate, of itself for the authority's own.
func (a *authority) sign(c *x509.Certificate, name string) (certFile string, key *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return file(a.t, name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), key
}

// issue makes a pair of files for loopback.
func (a *authority) issue(name string) (certFile, keyFile string) {
	a.t.Helper()
	certFile, key := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, name)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return certFile, file(a.t, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	serverCert, serverKey := ca.issue("server")
	cert, keyFile := ca.issue("node")
	pair, err := tls.LoadX509KeyPair(serverCert, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	s := natstest.Start(t, func(o *server.Options) {
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
		o.TLSTimeout = patience.Seconds()
	})
	link2(t, s, s.URL(), func(o *Options) { o.CACert, o.Cert, o.Key = ca.file, cert, keyFile })
	link2(t, s, strings.Replace(s.URL(), "nats:", "tls:", 1), func(o *Options) { o.SkipVerify, o.Cert, o.Key = true, cert, keyFile })
	for name, set := range map[string]func(*Options){
		"a server of another authority": func(o *Options) { o.CACert, o.Cert, o.Key = other.file, cert, keyFile },
		"a server of no authority":      func(o *Options) { o.Cert, o.Key = cert, keyFile },
		"no certificate of the node":    func(o *Options) { o.CACert = ca.file },
	} {
		tr, err := tryListen(t, 1, s.URL(), set)
		if err == nil && tr.Stats().Connected { // an alert may drown in a reset, and then the node tries on
			t.Errorf("%s: connected", name)
		}
	}
}

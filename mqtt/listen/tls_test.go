package listen

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// try connects, and returns the error of the handshake on either side: with
// TLS 1.3 the client learns of a refusal by its first read.
func try(t *testing.T, addr string, c *tls.Config) (*tls.Conn, error) {
	t.Helper()
	nc, err := tls.Dial("tcp", addr, c)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = nc.Close() })
	if !echoes(nc, "hello") {
		return nil, errors.New("refused")
	}
	return nc, nil
}

// TestClientCertificates: verify and fail_if_no_peer_cert, as older products
// spell them.
func TestClientCertificates(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	none, good := ca.client(nil), ca.client(named("alice"))
	foreign := ca.client(nil)
	theirs := other.client(named("alice")).Certificates[0]
	foreign.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &theirs, nil }
	for _, c := range []struct {
		verify, require     bool
		none, good, foreign bool
		name                string
	}{
		{false, false, true, true, true, ""},
		{false, true, true, true, true, ""}, // not looked at
		{true, false, true, true, false, "alice"},
		{true, true, false, true, false, "alice"},
	} {
		o := ca.server("broker")
		o.CAFile, o.VerifyPeer, o.RequireCert, o.Name = ca.file, c.verify, c.require, CommonName
		addr, seen := echo(t, Options{TLS: mustTLS(t, o)})
		for who, x := range map[string]struct {
			config *tls.Config
			want   bool
		}{"none": {none, c.none}, "good": {good, c.good}, "foreign": {foreign, c.foreign}} {
			_, err := try(t, addr, x.config)
			if (err == nil) != x.want {
				t.Errorf("verify %v, require %v, certificate %s: %v", c.verify, c.require, who, err)
			}
			if err != nil {
				continue
			}
			name, want := (<-seen).(interface{ CertName() string }).CertName(), ""
			if who == "good" {
				want = c.name
			}
			if name != want {
				t.Errorf("verify %v, certificate %s: the client is %q, want %q", c.verify, who, name, want)
			}
		}
	}
}

func TestVersions(t *testing.T) {
	ca := newAuthority(t, "ca")
	addr, _ := echo(t, Options{TLS: mustTLS(t, ca.server("broker"))})
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c := ca.client(nil)
		c.MinVersion, c.MaxVersion, c.NextProtos = version, version, []string{"mqtt", "h2"}
		if _, err := try(t, addr, c); (err == nil) != want {
			t.Errorf("version %x: %v", version, err)
		}
	}
}

// TestReloadKeepsConnections: those that are open go on, new ones see the new
// certificate, and a broken file changes nothing.
func TestReloadKeepsConnections(t *testing.T) {
	ca := newAuthority(t, "ca")
	o := ca.server("one")
	x := mustTLS(t, o)
	addr, _ := echo(t, Options{TLS: x})
	shows := func(want string) *tls.Conn {
		t.Helper()
		c, err := try(t, addr, ca.client(nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		return c
	}
	old := shows("one")
	if err := x.Reload(ca.server("two")); err != nil {
		t.Fatal(err)
	}
	shows("two")
	broken := o
	broken.KeyFile = ca.server("three").KeyFile
	if err := x.Reload(broken); err == nil || !strings.Contains(err.Error(), broken.KeyFile) {
		t.Errorf("a key of another certificate: %v", err)
	}
	shows("two")
	if !echoes(old, "still here") {
		t.Error("an open connection was dropped")
	}
	if until := time.Until(x.Until()); until < 0 || until > time.Hour {
		t.Error(until)
	}
}

func TestTLSErrors(t *testing.T) {
	ca := newAuthority(t, "ca")
	good := ca.server("broker")
	with := func(f func(*TLSOptions)) TLSOptions {
		o := good
		f(&o)
		return o
	}
	notPEM := ca.dir + "/text"
	ca.must(os.WriteFile(notPEM, []byte("x"), 0o600))
	for want, o := range map[string]TLSOptions{
		ErrNoCertificate.Error():               {},
		ErrNoAuthorities.Error():               with(func(o *TLSOptions) { o.VerifyPeer = true }),
		"/none: no such file":                  with(func(o *TLSOptions) { o.CertFile = "/none" }),
		"/key: no such file":                   with(func(o *TLSOptions) { o.KeyFile = "/key" }),
		"/ca: no such file":                    with(func(o *TLSOptions) { o.VerifyPeer, o.CAFile = true, "/ca" }),
		notPEM + " holds no certificate":       with(func(o *TLSOptions) { o.VerifyPeer, o.CAFile = true, notPEM }),
		notPEM + " and " + good.KeyFile + ": ": with(func(o *TLSOptions) { o.CertFile = notPEM }),
	} {
		if _, err := NewTLS(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestCertNames(t *testing.T) {
	uri, err := url.Parse("urn:device:1")
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: "cn"}}
	for _, c := range []struct {
		kind   CertName
		change func(*x509.Certificate)
		want   string
	}{
		{NoName, func(*x509.Certificate) {}, ""},
		{CommonName, func(*x509.Certificate) {}, "cn"},
		{AltName, func(*x509.Certificate) {}, ""},
		{AltName, func(c *x509.Certificate) { c.URIs = []*url.URL{uri} }, "urn:device:1"},
		{AltName, func(c *x509.Certificate) { c.EmailAddresses = []string{"a@b", "c@d"} }, "a@b"},
		{AltName, func(c *x509.Certificate) { c.DNSNames = []string{"dev.x"} }, "dev.x"},
		{CommonName, func(c *x509.Certificate) { c.Subject.CommonName = "a\x00b" }, ""},
		{CommonName, func(c *x509.Certificate) { c.Subject.CommonName = "a\xffb" }, ""},
		{CommonName, func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("x", 65536) }, ""},
	} {
		c.change(cert)
		if got := usable(c.kind.of(cert)); got != c.want {
			t.Errorf("%d: %q, want %q", c.kind, got, c.want)
		}
	}
}

// TestHostileHandshakes cost a connection each and are counted.
func TestHostileHandshakes(t *testing.T) {
	ca, count := newAuthority(t, "ca"), &Counters{}
	addr, _ := echo(t, Options{TLS: mustTLS(t, ca.server("broker")), Counters: count})
	for _, text := range []string{"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff", strings.Repeat("\x00", 70000), ""} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%.20q: still open", text)
		}
		_ = c.Close()
	}
	if _, err := try(t, addr, ca.client(nil)); err != nil {
		t.Errorf("an honest client: %v", err)
	}
	if count.tls.Load() != 5 || count.done.Load() != 1 {
		t.Errorf("%v", count.Counts())
	}
}

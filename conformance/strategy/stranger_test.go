package strategy

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// The check can tell a server that asks for the host's certificate from those
// that ask for any, or for none.
func TestServed(t *testing.T) {
	host, another := certified(t), certified(t)
	pool := x509.NewCertPool()
	pool.AddCert(host.Leaf)
	for name, c := range map[string]struct {
		asks  tls.ClientAuthType
		alone []bool // without a certificate, with another, with the host's
	}{
		"asks for the host's": {tls.RequireAndVerifyClientCert, []bool{false, false, true}},
		"asks for any":        {tls.RequireAnyClientCert, []bool{false, true, true}},
		"asks if there is":    {tls.VerifyClientCertIfGiven, []bool{true, false, true}},
		"asks for none":       {tls.NoClientCert, []bool{true, true, true}},
	} {
		d := serve(t, &tls.Config{ClientAuth: c.asks, ClientCAs: pool, NextProtos: []string{"h2"}})
		for i, certificates := range [][]tls.Certificate{nil, {another}, {host}} {
			if got := d.served(t.Context(), certificates...); got != c.alone[i] {
				t.Errorf("%s: client %d is served: %v", name, i, got)
			}
		}
	}
	d := serve(t, &tls.Config{NextProtos: []string{"h2"}})
	d.plugin = another.Leaf
	if d.served(t.Context()) {
		t.Error("a server with another certificate than its handshake has is trusted")
	}
	d.address += "x"
	if d.served(t.Context()) {
		t.Error("nobody serves")
	}
}

func certified(t *testing.T) tls.Certificate {
	t.Helper()
	c, err := hostCertificate()
	if err == nil {
		c.Leaf, err = x509.ParseCertificate(c.Certificate[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve is a server that says one byte to everybody whom it lets in.
func serve(t *testing.T, config *tls.Config) dialling {
	t.Helper()
	own := certified(t)
	config.Certificates = []tls.Certificate{own}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s := tls.Server(conn, config)
			if _, err := io.ReadFull(s, make([]byte, len(greeting))); err == nil {
				_, _ = s.Write([]byte{0})
			}
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return dialling{network: "unix", address: path, plugin: own.Leaf}
}

package strategy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net"
	"strings"
	"time"
)

// checkStrangers connects to the plugin as another process of this machine
// might, and then as its host.
func checkStrangers(p *probe) {
	b := p.bare()
	defer b.end()
	parts := strings.Split(strings.TrimSpace(b.handshake), "|")
	if len(parts) < 6 {
		p.fail("the handshake has no certificate: %q", b.handshake)
	}
	der, err := base64.RawStdEncoding.DecodeString(parts[5])
	p.must("the certificate in the handshake", err)
	theirs, err := x509.ParseCertificate(der)
	p.must("the certificate in the handshake", err)
	another, err := hostCertificate()
	p.must("a certificate", err)
	d := dialling{network: parts[2], address: parts[3], plugin: theirs}
	if d.served(p.ctx) {
		p.fail("a client without a certificate is served")
	}
	if d.served(p.ctx, another) {
		p.fail("a client with another certificate than the host's is served")
	}
	if !d.served(p.ctx, b.certificate) {
		p.fail("the host, with its certificate, is not served")
	}
}

// dialling is what a client needs to know of a plugin.
type dialling struct {
	network, address string
	plugin           *x509.Certificate
}

// greeting is how a client of HTTP/2 begins [RFC 9113, 3.4], with settings
// that say nothing.
const greeting = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// served reports whether the server begins to speak HTTP/2 with a client that
// has these certificates. In TLS 1.3 the client learns of a refusal only when
// it reads.
func (d dialling) served(ctx context.Context, certificates ...tls.Certificate) bool {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, d.network, d.address)
	if err != nil {
		return false
	}
	defer conn.Close()
	roots := x509.NewCertPool()
	roots.AddCert(d.plugin)
	t := tls.Client(conn, &tls.Config{
		RootCAs: roots, ServerName: "localhost", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
		// Whatever the server asks for: this is all that there is.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &append(certificates, tls.Certificate{})[0], nil
		},
	})
	deadline, _ := ctx.Deadline()
	_ = t.SetDeadline(deadline)
	if _, err := t.Write([]byte(greeting)); err != nil {
		return false
	}
	n, err := t.Read(make([]byte, 1))
	return n == 1 && err == nil && time.Now().Before(deadline)
}

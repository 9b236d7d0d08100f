package tcp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/tcp/certtest"
)

// shared is a log that several goroutines write.
type shared struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *shared) logger() *slog.Logger { return slog.New(slog.NewTextHandler(s, nil)) }

var loopback = []string{"127.0.0.1", "::1", "localhost"}

// material is a certificate of an authority, with that authority.
func newMaterial(t testing.TB, a *certtest.Authority, c certtest.Cert) TLSOptions {
	cert, key := a.Issue(c)
	return TLSOptions{CertFile: cert, KeyFile: key, CAFile: a.File}
}

func mustTLS(t testing.TB, o TLSOptions) *TLS {
	t.Helper()
	m, err := NewTLS(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSecureLink: what a link with TLS tells of itself, with either version
// and in both directions.
func TestSecureLink(t *testing.T) {
	ca := certtest.New(t)
	for version, bind := range map[uint16]string{tls.VersionTLS12: "127.0.0.1", tls.VersionTLS13: "::1"} {
		one := mustTLS(t, newMaterial(t, ca, certtest.Cert{Hosts: []string{"127.0.0.1", "one.example"}}))
		two := mustTLS(t, newMaterial(t, ca, certtest.Cert{Hosts: []string{"::1", "*.example"}}))
		one.current.Load().client.MaxVersion = version
		from := mustListen(t, Options{Bind: bind, TLS: one})
		to := mustListen(t, Options{Bind: bind, TLS: two})
		a, b := pair(t, from, to)
		ia, ib := a.Info(), b.Info()
		if !ia.Encrypted || !ib.Encrypted || len(ia.Exporter) != exporterBytes || !cmp.Equal(ia.Exporter, ib.Exporter) {
			t.Errorf("version %x: %+v and %+v", version, ia, ib)
		}
		if diff := cmp.Diff([]string{"*.example", "::1"}, ia.CertNames); diff != "" {
			t.Errorf("names of the accepter:\n%s", diff)
		}
		if diff := cmp.Diff([]string{"one.example", "127.0.0.1"}, ib.CertNames); diff != "" {
			t.Errorf("names of the dialler:\n%s", diff)
		}
		c, _ := pair(t, from, to)
		if cmp.Equal(c.Info().Exporter, ia.Exporter) {
			t.Error("two links have one exporter")
		}
	}
}

func pair(t testing.TB, from, to *Transport) (a, b transport.Link) {
	t.Helper()
	a, err := from.Dial(t.Context(), to.Addr())
	if err != nil {
		t.Fatal(err)
	}
	b, err = to.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// badPeer is a pair of sides that must not come together.
type badPeer struct {
	name               string
	dialler, other     func(a, b *certtest.Authority) *TLS // nil: no TLS
	atDialler, atOther reason
}

func nodeOf(t *testing.T, c certtest.Cert) func(a, b *certtest.Authority) *TLS {
	if c.Hosts == nil {
		c.Hosts = loopback
	}
	return func(a, _ *certtest.Authority) *TLS { return mustTLS(t, newMaterial(t, a, c)) }
}

// TestUntrusted: each is refused on both sides, counted by its reason, logged
// once with the address, and leaves nothing behind.
func TestUntrusted(t *testing.T) {
	good := nodeOf(t, certtest.Cert{})
	foreign := func(a, b *certtest.Authority) *TLS {
		o := newMaterial(t, b, certtest.Cert{Hosts: loopback})
		o.CAFile = a.File
		return mustTLS(t, o)
	}
	bare := func(a, b *certtest.Authority) *TLS {
		m := good(a, b)
		m.current.Load().client.GetClientCertificate = nil
		return m
	}
	past, future := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	expired := nodeOf(t, certtest.Cert{From: past.Add(-time.Hour), Until: past})
	early := nodeOf(t, certtest.Cert{From: future, Until: future.Add(time.Hour)})
	nameless := nodeOf(t, certtest.Cert{Hosts: []string{}})
	forServers := nodeOf(t, certtest.Cert{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	none := func(_, _ *certtest.Authority) *TLS { return nil }
	for _, c := range []badPeer{
		{"a foreign dialler", foreign, good, refusedByPeer, unknownAuthority},
		{"a foreign accepter", good, foreign, unknownAuthority, refusedByPeer},
		{"an expired dialler", expired, good, refusedByPeer, notValidNow},
		{"an expired accepter", good, expired, notValidNow, refusedByPeer},
		{"a dialler of tomorrow", early, good, refusedByPeer, notValidNow},
		{"a dialler without a name", nameless, good, refusedByPeer, noHost},
		{"an accepter without a name", good, nameless, noHost, refusedByPeer},
		{"a certificate for servers only", forServers, good, refusedByPeer, badCertificate},
		{"no certificate", bare, good, refusedByPeer, noCertificate},
		{"TLS against none", good, none, notTLS, tlsOnPlain},
		{"none against TLS", none, good, tlsOnPlain, notTLS},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t) })
	}
}

func (c badPeer) check(t *testing.T) {
	a, b := certtest.New(t), certtest.New(t)
	var atDialler, atOther shared
	from := mustListen(t, Options{Bind: "127.0.0.1", TLS: c.dialler(a, b), Logger: atDialler.logger()})
	to := mustListen(t, Options{Bind: "127.0.0.1", TLS: c.other(a, b), Logger: atOther.logger()})
	const tries = 3
	for range tries {
		received := make(chan error, 1)
		if to.opts.TLS == nil {
			go func() { received <- receiveOne(t.Context(), to) }()
		} else {
			received <- transport.ErrUntrusted
		}
		l, err := from.Dial(t.Context(), to.Addr())
		if err == nil {
			_ = l.Send([]byte("\x01muster"))
			_, err = l.Receive()
		}
		if !errors.Is(err, transport.ErrUntrusted) {
			t.Fatalf("the dialler got %v", err)
		}
		if strings.Contains(err.Error(), "current time") {
			t.Errorf("a text that is another each second: %v", err)
		}
		if err := <-received; !errors.Is(err, transport.ErrUntrusted) {
			t.Errorf("the accepter got %v", err)
		}
	}
	settle(from)
	settle(to)
	for _, side := range []struct {
		t    *Transport
		log  *shared
		want reason
	}{{from, &atDialler, c.atDialler}, {to, &atOther, c.atOther}} {
		want := map[string]uint64{string(side.want): tries}
		if got := side.t.Stats(); !cmp.Equal(got.Insecure, want) || got.Links != 0 || got.Pending != 0 {
			t.Errorf("got %+v, want %v", got, want)
		}
		lines, loud := strings.Count(side.log.String(), "unsafe link"), 1
		if side.t == from || side.want == tlsOnPlain { // their callers get an error to log
			loud = 0
		}
		if lines != loud || lines == 1 && !strings.Contains(side.log.String(), "127.0.0.1:") {
			t.Errorf("log: %s", side.log)
		}
	}
}

// settle closes a transport when its handshakes have ended by themselves.
func settle(tr *Transport) {
	_ = tr.listener.Close()
	tr.acceptor.Wait()
	_ = tr.Close()
}

func receiveOne(ctx context.Context, tr *Transport) error {
	l, err := tr.Accept(ctx)
	if err != nil {
		return err
	}
	_, err = l.Receive()
	return err
}

// TestTrustAnybody: verify = none lets in whoever speaks TLS, and vouches for
// no name.
func TestTrustAnybody(t *testing.T) {
	a, b := certtest.New(t), certtest.New(t)
	one, two := newMaterial(t, a, certtest.Cert{Hosts: []string{"x"}}), newMaterial(t, b, certtest.Cert{})
	one.TrustAnybody, two.TrustAnybody, one.CAFile = true, true, ""
	x, y := pair(t, mustListen(t, Options{Bind: "127.0.0.1", TLS: mustTLS(t, one)}), mustListen(t, Options{Bind: "127.0.0.1", TLS: mustTLS(t, two)}))
	for _, i := range []transport.Info{x.Info(), y.Info()} {
		if !i.Encrypted || i.CertNames != nil || i.Exporter == nil {
			t.Errorf("%+v", i)
		}
	}
}

// TestOtherProtocols: a port with TLS for something else is told from one of a
// cluster, in both directions.
func TestOtherProtocols(t *testing.T) {
	ca := certtest.New(t)
	m := mustTLS(t, newMaterial(t, ca, certtest.Cert{Hosts: loopback}))
	web := m.current.Load().server.Clone()
	web.NextProtos = nil
	ln, err := tls.Listen("tcp", "127.0.0.1:0", web)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	served := make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err == nil {
			_, err = c.Read(make([]byte, 1))
			_ = c.Close()
		}
		served <- err
	}()
	tr := mustListen(t, Options{Bind: "127.0.0.1", TLS: m})
	if _, err := tr.Dial(t.Context(), ln.Addr().String()); !errors.Is(err, transport.ErrUntrusted) || !strings.Contains(err.Error(), "for something else") {
		t.Errorf("dialling a web server: %v", err)
	}
	<-served
	browser := m.current.Load().client.Clone()
	browser.NextProtos = nil
	c, err := tls.Dial("tcp", tr.Addr(), browser)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a browser was let in")
	}
	settle(tr)
	if diff := cmp.Diff(map[string]uint64{string(otherProtocol): 2}, tr.Stats().Insecure); diff != "" {
		t.Error(diff)
	}
}

// TestSilentHandshakes: those who say nothing make way for who does, and end
// by themselves.
func TestSilentHandshakes(t *testing.T) {
	ca := certtest.New(t)
	var log shared
	m := mustTLS(t, newMaterial(t, ca, certtest.Cert{Hosts: loopback}))
	tr := mustListen(t, Options{Bind: "127.0.0.1", TLS: m, MaxPending: 8, MaxPerSource: 4, Logger: log.logger()})
	var silent []net.Conn
	for range 10 {
		c, err := net.Dial("tcp", tr.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
	}
	for _, c := range silent[:6] { // the oldest are pushed out
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v", err)
		}
	}
	a, b := pair(t, tr, tr)
	if err := a.Send([]byte("there")); err != nil {
		t.Fatal(err)
	}
	if f, err := b.Receive(); err != nil || string(f) != "there" {
		t.Errorf("%q, %v", f, err)
	}
	tr.shaking.mu.Lock()
	n := len(tr.shaking.list)
	tr.shaking.mu.Unlock()
	if n > 4 {
		t.Errorf("%d handshakes are under way", n)
	}
	for _, c := range silent {
		_ = c.Close()
	}
	settle(tr)
	if got := tr.Stats().Insecure[string(tooMany)]; got < 6 || got > 7 {
		t.Errorf("%d made way: %v", got, tr.Stats().Insecure)
	}
}

// TestHandshakeTimeout ends a handshake that does not get on.
func TestHandshakeTimeout(t *testing.T) {
	ca := certtest.New(t)
	m := mustTLS(t, newMaterial(t, ca, certtest.Cert{Hosts: loopback}))
	tr := mustListen(t, Options{Bind: "127.0.0.1", TLS: m, HandshakeTimeout: 50 * time.Millisecond})
	for _, text := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
		c, err := net.Dial("tcp", tr.Addr())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, text)
		if _, err := io.ReadAll(c); err != nil {
			t.Logf("%q: %v", text, err)
		}
		_ = c.Close()
	}
	settle(tr)
	if diff := cmp.Diff(map[string]uint64{string(tooSlow): 2}, tr.Stats().Insecure); diff != "" {
		t.Error(diff)
	}
}

// TestHostileHandshakes: whatever comes costs a connection and is counted.
func TestHostileHandshakes(t *testing.T) {
	ca := certtest.New(t)
	m := mustTLS(t, newMaterial(t, ca, certtest.Cert{Hosts: loopback}))
	tr := mustListen(t, Options{Bind: "127.0.0.1", TLS: m})
	texts := []string{
		"", "GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x40\x01muster", strings.Repeat("\x00", 70000), "\x16\x03\x01\xff\xff",
		"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "\x15\x03\x01\x00\x02\x02\x28", "\x16\x03\x01\x40\x00" + strings.Repeat("\x01", 1<<14),
	}
	for _, text := range texts {
		c, err := net.Dial("tcp", tr.Addr())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.ReadAll(c)
		_ = c.Close()
	}
	pair(t, tr, tr)
	total := uint64(0)
	settle(tr)
	for _, n := range tr.Stats().Insecure {
		total += n
	}
	if total != uint64(len(texts)) {
		t.Errorf("%v for %d", tr.Stats().Insecure, len(texts))
	}
}

// TestRefusalsAreBounded: many addresses make neither the memory nor the log
// grow, and keep the log from nobody for longer than a minute.
func TestRefusalsAreBounded(t *testing.T) {
	var r refusals
	now, loud := time.Unix(0, 0), 0
	for i := range 5 * maxHush {
		a := sourceOf(&fakeConn{addr: fmt.Sprintf("10.0.%d.%d", i/256, i%256)})
		if r.note(notTLS, a, now) {
			loud++
		}
		if r.note(notTLS, a, now) {
			t.Fatal("twice within a minute")
		}
	}
	if len(r.quiet) > maxHush || loud != maxHush || r.counts[string(notTLS)] != 10*maxHush {
		t.Errorf("%d remembered, %d logged, %v", len(r.quiet), loud, r.counts)
	}
	for _, addr := range []string{"10.0.0.1", "10.0.19.255"} {
		if !r.note(notTLS, sourceOf(&fakeConn{addr: addr}), now.Add(hushFor)) {
			t.Errorf("%s: not after a minute", addr)
		}
	}
}

type fakeConn struct {
	net.Conn
	addr string
}

func (f *fakeConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.addr)} }

// telling is a log that says when a certificate was read again.
type telling chan struct{}

func (c telling) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "was read again") {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	return len(b), nil
}

func (c telling) logger() *slog.Logger { return slog.New(slog.NewTextHandler(c, nil)) }

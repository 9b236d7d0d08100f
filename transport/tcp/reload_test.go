package tcp

import (
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/tcp/certtest"
)

// lookTwice is what makes new files count.
func lookTwice(m *TLS, log *shared, now time.Time) {
	m.look(now, log.logger())
	m.look(now, log.logger())
}

// listenLooked returns a transport that has looked at its files for the first
// time, which it does beside its caller: from now on the test alone looks.
func listenLooked(t *testing.T, m *TLS) *Transport {
	t.Helper()
	m.missing = "nobody has looked yet" // a look that finds the files clears it
	tr := mustListen(t, Options{Bind: "127.0.0.1", TLS: m})
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.After(time.Minute); ; {
		m.mu.Lock()
		looked := m.missing == ""
		m.mu.Unlock()
		if looked {
			return tr
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the transport has not looked at its files")
		}
	}
}

func namesAt(t *testing.T, a, b *Transport) []string {
	t.Helper()
	l, _ := pair(t, a, b)
	return l.Info().CertNames
}

// TestReload: links from now on show the new certificate, open ones go on,
// and a file that is broken, or half of a pair, changes nothing.
func TestReload(t *testing.T) {
	ca := certtest.New(t)
	path := t.TempDir() + "/node"
	o := newMaterial(t, ca, certtest.Cert{Hosts: []string{"one"}, Path: path})
	o.Every = time.Hour // the test looks itself
	m := mustTLS(t, o)
	to := listenLooked(t, m)
	from := mustListen(t, Options{Bind: "127.0.0.1", TLS: mustTLS(t, newMaterial(t, ca, certtest.Cert{Hosts: []string{"dialler"}}))})
	a, b := pair(t, from, to)
	var log shared
	shows := func(want, logged string, times int) {
		t.Helper()
		if got := namesAt(t, from, to); len(got) != 1 || got[0] != want {
			t.Errorf("shows %v, want %s", got, want)
		}
		if n := strings.Count(log.String(), logged); n != times {
			t.Errorf("logged %q %d times, want %d:\n%s", logged, n, times, &log)
		}
	}
	ca.Issue(certtest.Cert{Hosts: []string{"two"}, Path: path})
	m.look(time.Now(), log.logger())
	shows("one", "was read again", 0) // not before it has stayed
	m.look(time.Now(), log.logger())
	shows("two", "was read again", 1)

	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := os.ReadFile(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	write(path+".key", "rubbish")
	for range 3 {
		lookTwice(m, &log, time.Now())
	}
	shows("two", "cannot be used", 1)
	if !strings.Contains(log.String(), path+".key") {
		t.Errorf("the log does not name the file:\n%s", &log)
	}
	write(path+".key", string(key))
	lookTwice(m, &log, time.Now())
	if err := os.Remove(path + ".crt"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		lookTwice(m, &log, time.Now())
	}
	shows("two", "cannot be read again", 1)
	ca.Issue(certtest.Cert{Hosts: []string{"three"}, Path: path})
	lookTwice(m, &log, time.Now())
	shows("three", "was read again", 2)
	if err := a.Send([]byte("old")); err != nil {
		t.Fatal(err)
	}
	if f, err := b.Receive(); err != nil || string(f) != "old" {
		t.Errorf("an open link: %q, %v", f, err)
	}
}

// TestReloadAuthorities: who was trusted before is not trusted any more.
func TestReloadAuthorities(t *testing.T) {
	ca, other := certtest.New(t), certtest.New(t)
	o := newMaterial(t, ca, certtest.Cert{Hosts: loopback})
	o.Every = time.Hour
	m := mustTLS(t, o)
	to := listenLooked(t, m)
	from := mustListen(t, Options{Bind: "127.0.0.1", TLS: mustTLS(t, newMaterial(t, ca, certtest.Cert{Hosts: loopback}))})
	pair(t, from, to)
	text, err := os.ReadFile(other.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ca.File, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var log shared
	lookTwice(m, &log, time.Now())
	if _, err := from.Dial(t.Context(), to.Addr()); !errors.Is(err, transport.ErrUntrusted) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(log.String(), "other nodes will refuse") || m.Doubt() == "" {
		t.Errorf("its own certificate holds under its new authorities no more, and nobody is told:\n%s", &log)
	}
}

// TestWatch: a running transport finds new files by itself.
func TestWatch(t *testing.T) {
	ca := certtest.New(t)
	path := t.TempDir() + "/node"
	o := newMaterial(t, ca, certtest.Cert{Hosts: []string{"one"}, Path: path})
	o.Every = time.Millisecond
	m := mustTLS(t, o)
	told := make(telling, 1)
	mustListen(t, Options{Bind: "127.0.0.1", TLS: m, Logger: told.logger()})
	ca.Issue(certtest.Cert{Hosts: []string{"two"}, Path: path})
	select {
	case <-told:
	case <-time.After(time.Minute):
		t.Fatal("it has not looked")
	}
}

// TestStages: each warning comes once, in time, and none for a certificate of
// a short life at its start.
func TestStages(t *testing.T) {
	for _, c := range []struct {
		life, left time.Duration
		want       int
	}{
		{365 * day, 31 * day, 0}, {365 * day, 30 * day, 1}, {365 * day, 7 * day, 2}, {365 * day, day, 3}, {365 * day, 0, 4},
		{365 * day, -day, 4}, {90 * day, 30 * day, 1}, {89 * day, 30 * day, 0}, {89 * day, 7 * day, 2}, {day, day, 0}, {day, time.Hour, 0},
		{day, 0, 4}, {3 * day, day, 3},
	} {
		until := time.Now()
		if got := stageOf(until.Add(-c.left), until.Add(-c.life), until); got != c.want {
			t.Errorf("life %s, left %s: %d, want %d", c.life, c.left, got, c.want)
		}
	}
}

func TestExpiryWarnings(t *testing.T) {
	ca := certtest.New(t)
	now := time.Now()
	path := t.TempDir() + "/node"
	m := mustTLS(t, newMaterial(t, ca, certtest.Cert{Hosts: []string{"one"}, Until: now.Add(60 * day), From: now.Add(-60 * day), Path: path}))
	if d := time.Until(m.Until()); d > 60*day || d < 59*day || m.Doubt() != "" {
		t.Errorf("%s, %s", d, m.Doubt())
	}
	var log shared
	for d := time.Duration(0); d < 70*day; d += 6 * time.Hour {
		m.look(now.Add(d), log.logger())
	}
	if soon, gone := strings.Count(log.String(), "ends soon"), strings.Count(log.String(), "has ended"); soon != 3 || gone != 1 {
		t.Errorf("%d and %d warnings:\n%s", soon, gone, &log)
	}
	ca.Issue(certtest.Cert{Hosts: []string{"one"}, Until: now.Add(20 * day), From: now.Add(-100 * day), Path: path})
	lookTwice(m, &log, now)
	if soon := strings.Count(log.String(), "ends soon"); soon != 4 {
		t.Errorf("%d warnings with a new certificate that ends soon too:\n%s", soon, &log)
	}
}

// TestAuthorityEnds: a certificate is worth no more than the authority above it.
func TestAuthorityEnds(t *testing.T) {
	ends := time.Now().Add(9 * day).Truncate(time.Second)
	ca := certtest.NewUntil(t, ends)
	if got := mustTLS(t, newMaterial(t, ca, certtest.Cert{Hosts: []string{"x"}})).Until(); !got.Equal(ends) {
		t.Errorf("%s, want %s", got, ends)
	}
}

// TestDoubts: what other nodes will refuse is known at the start.
func TestDoubts(t *testing.T) {
	ca, other := certtest.New(t), certtest.New(t)
	past := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		cert certtest.Cert
		by   *certtest.Authority
		host string
		want string
	}{
		"good":     {certtest.Cert{Hosts: []string{"10.0.0.1"}}, ca, "10.0.0.1", ""},
		"wildcard": {certtest.Cert{Hosts: []string{"*.a.b"}}, ca, "n.a.b", ""},
		"IPv6":     {certtest.Cert{Hosts: []string{"fd00::1"}}, ca, "fd00:0::1", ""},
		"any host": {certtest.Cert{Hosts: []string{"x"}}, ca, "", ""},
		"host":     {certtest.Cert{Hosts: []string{"x", "10.0.0.2"}}, ca, "10.0.0.1", "names x, 10.0.0.2, but not this node's host 10.0.0.1"},
		"no host":  {certtest.Cert{}, ca, "10.0.0.1", "names no host"},
		"foreign":  {certtest.Cert{Hosts: []string{"x"}}, other, "x", "does not hold under"},
		"clients":  {certtest.Cert{Hosts: []string{"x"}, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca, "x", "incompatible key usage"},
		"expired":  {certtest.Cert{Hosts: []string{"x"}, From: past.Add(-time.Hour), Until: past}, ca, "x", "is valid from"},
	} {
		o := newMaterial(t, c.by, c.cert)
		o.CAFile, o.Host = ca.File, c.host
		if got := mustTLS(t, o).Doubt(); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		o.TrustAnybody = true // as the others do: nobody will refuse it
		if got := mustTLS(t, o).Doubt(); got != "" {
			t.Errorf("%s, with verify = none: %q", name, got)
		}
	}
}

func TestBadMaterial(t *testing.T) {
	ca := certtest.New(t)
	good, second := newMaterial(t, ca, certtest.Cert{}), newMaterial(t, ca, certtest.Cert{})
	text, long, half := t.TempDir()+"/text", t.TempDir()+"/long", t.TempDir()+"/half"
	one, err := os.ReadFile(good.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{text: []byte("x"), long: make([]byte, maxPEM+1), half: append(one, one[:len(one)/2]...)} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for want, change := range map[string]func(*TLSOptions){
		"TLS without a certificate":         func(o *TLSOptions) { o.CertFile = "" },
		"TLS without a private key":         func(o *TLSOptions) { o.KeyFile = "" },
		"TLS without a file of authorities": func(o *TLSOptions) { o.CAFile = "" },
		"certificate: stat /none":           func(o *TLSOptions) { o.CertFile = "/none" },
		"private key: stat /none":           func(o *TLSOptions) { o.KeyFile = "/none" },
		"file of authorities: stat /none":   func(o *TLSOptions) { o.CAFile = "/none" },
		"/ is not a regular file":           func(o *TLSOptions) { o.KeyFile = "/" },
		text + " holds no certificate":      func(o *TLSOptions) { o.CAFile = text },
		long + ": more than":                func(o *TLSOptions) { o.CAFile = long },
		half + ": 1 of its 2 blocks":        func(o *TLSOptions) { o.CAFile = half },
		half + ": 1 of its 2 blocks cannot": func(o *TLSOptions) { o.CertFile = half },
		"certificate " + text + " with key": func(o *TLSOptions) { o.CertFile = text },
		"with key " + second.KeyFile:        func(o *TLSOptions) { o.KeyFile = second.KeyFile },
	} {
		o := good
		change(&o)
		if _, err := NewTLS(o); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

package tcp

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport/tcp/certtest"
)

// joinFiles appends files to the first one.
func joinFiles(t *testing.T, to string, more ...string) {
	t.Helper()
	var all []byte
	for _, name := range append([]string{to}, more...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	if err := os.WriteFile(to, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestValidity: only the certificates by which a node is verified say when that
// ends. The certificate of an authority from before its renewal, which stands
// in many a chain, is not one of them once it can be done without.
func TestValidity(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	in := func(days int) time.Time { return now.Add(time.Duration(days) * day) }
	past := certtest.Cert{From: in(-90), Until: in(-1)}
	soon := certtest.Cert{From: in(-90), Until: in(9)}
	long := certtest.Cert{From: in(-80), Until: in(500)}
	later := certtest.Cert{From: in(9).Add(time.Second), Until: in(500)}
	for name, c := range map[string]struct {
		above   certtest.Cert   // the authority that signs the node
		chain   []certtest.Cert // more certificates of it, in the node's file
		roots   []certtest.Cert // more certificates of the root, in the file of authorities
		until   time.Time
		refused bool
	}{
		"one of each":                   {above: long, until: in(200)},
		"an old one besides":            {above: long, chain: []certtest.Cert{past, soon}, until: in(200)},
		"the old one first":             {above: past, chain: []certtest.Cert{long}, until: in(200)},
		"only one that ends soon":       {above: soon, until: in(9)},
		"only one that has ended":       {above: past, until: in(-1), refused: true},
		"one that begins with its end":  {above: soon, chain: []certtest.Cert{later}, until: in(200)},
		"one that begins after a gap":   {above: soon, chain: []certtest.Cert{{From: in(11), Until: in(500)}}, until: in(9)},
		"a root that has ended besides": {above: long, roots: []certtest.Cert{past}, until: in(200)},
	} {
		t.Run(name, func(t *testing.T) {
			root := certtest.New(t).Again(certtest.Cert{From: in(-100), Until: in(1000)})
			above := root.Under(c.above)
			o := newMaterial(t, above, certtest.Cert{Hosts: []string{"x"}, From: in(-50), Until: in(200)})
			o.CAFile, o.Host = root.File, "x"
			joinFiles(t, o.CertFile, above.File)
			for _, more := range c.chain {
				joinFiles(t, o.CertFile, above.Again(more).File)
			}
			for _, more := range c.roots {
				joinFiles(t, o.CAFile, root.Again(more).File)
			}
			m := mustTLS(t, o)
			if got := m.Until(); !got.Equal(c.until) || (m.Doubt() != "") != c.refused {
				t.Errorf("until %s, want %s; doubt %q", got, c.until, m.Doubt())
			}
			var log shared
			m.look(in(0), log.logger())
			if warned := strings.Contains(log.String(), "ends soon"); warned != c.until.Equal(in(9)) {
				t.Errorf("warned: %v\n%s", warned, &log)
			}
		})
	}
}

// TestValidityIsWhatOthersSee: a node with a needless certificate that has
// ended in its file links, and says that it will.
func TestValidityIsWhatOthersSee(t *testing.T) {
	root := certtest.New(t)
	past := time.Now().Add(-time.Minute)
	above := root.Under(certtest.Cert{})
	with := func() *TLS {
		o := newMaterial(t, above, certtest.Cert{Hosts: loopback})
		o.CAFile = root.File
		joinFiles(t, o.CertFile, above.Again(certtest.Cert{Until: past}).File, above.File, root.Again(certtest.Cert{Until: past}).File)
		return mustTLS(t, o)
	}
	a, b := with(), with()
	pair(t, mustListen(t, Options{Bind: "127.0.0.1", TLS: a}), mustListen(t, Options{Bind: "127.0.0.1", TLS: b}))
	if got := a.Doubt(); got != "" {
		t.Error(got)
	}
}

// TestRootHasEnded: an authority that had ended before the certificate began
// is one that no node takes, and is told at the start.
func TestRootHasEnded(t *testing.T) {
	now := time.Now()
	root := certtest.New(t)
	o := newMaterial(t, root, certtest.Cert{Hosts: []string{"x"}})
	o.CAFile = root.Again(certtest.Cert{From: now.Add(-3 * day), Until: now.Add(-2 * day)}).File
	if got := mustTLS(t, o).Doubt(); !strings.Contains(got, "does not hold under "+o.CAFile) {
		t.Errorf("%q", got)
	}
}

// TestValidityIsBounded: a file of many authorities costs so many looks at the
// chain and no more.
func TestValidityIsBounded(t *testing.T) {
	now := time.Now()
	root := certtest.New(t)
	o := newMaterial(t, root, certtest.Cert{Hosts: []string{"x"}, From: now.Add(-100 * day)})
	for i := range 2 * maxMoments {
		joinFiles(t, o.CAFile, root.Again(certtest.Cert{From: now.Add(-time.Duration(i) * day)}).File)
	}
	text, err := os.ReadFile(o.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	authorities := certificates(append([]byte("noise\n"), bytes.Replace(text, []byte("-----BEGIN C"), []byte("-----BEGIN X509 C"), 1)...))
	cert, err := os.ReadFile(o.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(moments(certificates(cert), authorities)); n != maxMoments || len(authorities) != 2*maxMoments {
		t.Errorf("%d moments, %d authorities", n, len(authorities))
	}
	if d := mustTLS(t, o).Doubt(); d != "" {
		t.Error(d)
	}
}

package tls

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/transport/tcp/certtest"
)

const day = 24 * time.Hour

// Three nodes with certificates are one broker, over IPv4 and over IPv6; a new
// certificate counts from the next link on, and its end is told.
func TestCluster(t *testing.T) {
	t.Parallel()
	for proto, host := range map[string]string{"inet_tls": "127.0.0.1", "inet6_tls": "::1"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			var nodes []*kit.Node
			for i := range 3 {
				nodes = append(nodes, s.node(member{name: fmt.Sprintf("n%d@%s", i+1, host), proto: proto}))
			}
			for _, n := range nodes {
				n.Start()
			}
			kit.One(t, formed, nodes...)
			sub := nodes[2].Connect("sub").Sub("a/#")
			nodes[0].Connect("pub").Pub("a/b", "over TLS")
			sub.Next("a/b=over TLS")
			if n := kit.Count(t, nodes[0].Dir, "cluster_links_insecure_total"); n > 0 {
				t.Errorf("%v links were refused", n)
			}
			speaks(t, nodes[0])
			if c := status(t, nodes[1]); c.CertificateEnds == nil || time.Until(*c.CertificateEnds) < 300*day || c.CertificateProblem != "" {
				t.Errorf("%+v", c)
			}
			renew(t, s, nodes)
		})
	}
}

// speaks checks that the cluster port of a node speaks TLS, and nothing older
// than 1.2.
func speaks(t *testing.T, n *kit.Node) {
	t.Helper()
	for _, c := range []struct {
		most uint16
		want bool
	}{{tls.VersionTLS11, false}, {tls.VersionTLS12, true}, {tls.VersionTLS13, true}} {
		conn, err := tls.Dial("tcp", n.Addr(), &tls.Config{InsecureSkipVerify: true, MinVersion: c.most, MaxVersion: c.most, NextProtos: []string{"muster"}})
		if c.most == tls.VersionTLS13 == (err != nil) { // 1.2 fails for want of a certificate of ours
			t.Errorf("version %x: %v", c.most, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

// renew replaces the certificate of a running node by one that ends soon, then
// by rubbish, and has another node come back to it.
func renew(t *testing.T, s *site, nodes []*kit.Node) {
	t.Helper()
	n := nodes[0]
	_, host, _ := strings.Cut(n.Name, "@")
	ends := time.Now().Add(5 * day).Truncate(time.Second)
	path := filepath.Join(s.dir, n.Name)
	s.ca.Issue(certtest.Cert{Hosts: []string{host}, From: time.Now().Add(-60 * day), Until: ends, Path: path})
	kit.Until(t, formed, "the new certificate", func() bool { return len(n.Logged("was read again")) == 1 })
	kit.Until(t, formed, "a warning of its end", func() bool { return len(n.Logged("ends soon")) == 1 })
	if c := status(t, n); c.CertificateEnds == nil || !c.CertificateEnds.Equal(ends) {
		t.Errorf("%+v", c)
	}
	if left := kit.Count(t, n.Dir, "cluster_certificate_seconds_left"); left < 4*86400 || left > 5*86400 {
		t.Errorf("%v seconds are left", left)
	}
	if err := os.WriteFile(path+".crt", []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	kit.Until(t, formed, "a complaint", func() bool { return len(n.Logged("cannot be used", path+".crt")) == 1 })
	nodes[1].Kill()
	nodes[1].Start()
	kit.One(t, formed, nodes...)
}

// Who is not trusted stays out: each is refused by its reason, on both sides,
// with the address and what to do, and the cluster goes on.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	s, past := newSite(t), time.Now().Add(-time.Hour)
	nodes := []*kit.Node{s.node(member{name: "n1@127.0.0.1"}), s.node(member{name: "n2@127.0.0.1"})}
	for _, n := range nodes {
		n.Start()
	}
	kit.One(t, formed, nodes...)
	for _, c := range []struct {
		m                 member
		reason            string // by which it is counted at n1
		atNode, atTheirs  string // what the two logs say
		certificateDoubts bool
	}{
		{member{name: "x1@127.0.0.1", by: certtest.New(t)}, `cluster_links_insecure_total{reason="unknown_authority"}`, "no authority in this node's", "refuses this node's certificate", true},
		{member{name: "x2@127.0.0.1", cert: certtest.Cert{From: past.Add(-time.Hour), Until: past}}, `cluster_links_insecure_total{reason="certificate_expired"}`, "renew node.ssl_dist.certfile of the other side", "refuses this node's certificate", true},
		{member{name: "x3@127.0.0.1", cert: certtest.Cert{Hosts: []string{"10.9.9.9"}}}, `hellos_refused_total{reason="certificate_of_another_host"}`, "does not name its host", "does not name its host", true},
		{member{name: "x4@127.0.0.1", proto: "inet_tcp"}, `cluster_links_insecure_total{reason="not_tls"}`, "speaks no TLS", "speaks TLS, this node does not", false},
		{member{name: "x5@127.0.0.1", extra: "node.cookie = an-altogether-different-cookie"}, `hellos_refused_total{reason="other_cookie"}`, "the cookie differs", "another cookie", false},
		{member{name: "x6@127.0.0.1", extra: "cluster.name = another"}, `hellos_refused_total{reason="other_cluster"}`, "the cluster name differs", "the cluster name differs", false},
	} {
		t.Run(c.m.name, func(t *testing.T) {
			seeds := s.seeds
			defer func() { s.seeds = seeds }()
			x := s.node(c.m)
			x.Start()
			kit.Until(t, formed, "refusals at n1", func() bool { return kit.Count(t, nodes[0].Dir, c.reason) >= 2 })
			kit.Until(t, formed, "a line at n1", func() bool { return len(nodes[0].Logged(c.atNode)) > 0 })
			kit.Until(t, formed, "a line at the stranger", func() bool { return len(x.Logged(c.atTheirs)) > 0 })
			if got := status(t, x).CertificateProblem; (got != "") != c.certificateDoubts {
				t.Errorf("the stranger says of its own certificate: %q", got)
			}
			if c.certificateDoubts && len(x.Logged("other nodes will refuse")) == 0 && len(x.Logged("has ended")) == 0 {
				t.Error("the stranger does not say that it will be refused")
			}
			x.Stop()
		})
	}
	kit.One(t, formed, nodes...)
	for _, n := range nodes {
		if size := len(n.Log()); size > 64<<10 {
			t.Errorf("%s has logged %d bytes", n.Name, size)
		}
	}
}

// Noise at the cluster port, as TLS and as anything else: it is counted and
// named once, the node's memory stays, and its peers do not notice.
func TestNoise(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	nodes := []*kit.Node{s.node(member{name: "n1@127.0.0.1"}), s.node(member{name: "n2@127.0.0.1"})}
	for _, n := range nodes {
		n.Start()
	}
	kit.One(t, formed, nodes...)
	noise(t, nodes[0], 200) // what is made once is made now
	before, total := resident(t, nodes[0]), kit.Choose(2000, 100_000)
	noise(t, nodes[0], total)
	kit.Until(t, formed, "every refusal is counted", func() bool { return kit.Count(t, nodes[0].Dir, "cluster_links_insecure_total") >= float64(total) })
	if after := resident(t, nodes[0]); after > before+32<<20 {
		t.Errorf("%d MB before, %d MB after", before>>20, after>>20)
	}
	if size := len(nodes[0].Log()); size > 64<<10 {
		t.Errorf("it has logged %d bytes", size)
	}
	kit.One(t, formed, nodes...)
}

func noise(t *testing.T, n *kit.Node, connections int) {
	t.Helper()
	seed := kit.Seed(t)
	kit.Each(t, 8, connections, func(i int) error {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		c, err := net.Dial("tcp", n.Addr())
		if err != nil {
			return err
		}
		b := make([]byte, 1+rng.IntN(4000))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		if rng.IntN(2) == 0 { // as the hello of a client of TLS begins
			copy(b, []byte{22, 3, 1, byte(rng.IntN(70)), byte(rng.Uint32()), 1, 0})
		}
		_, _ = c.Write(b)
		_ = c.(*net.TCPConn).SetLinger(0)
		return c.Close()
	})
}

// resident is how much memory a process holds, in bytes.
func resident(t *testing.T, n *kit.Node) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.PID()))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

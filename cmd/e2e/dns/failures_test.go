package dns

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// What a name server may do is told apart: by the class and the words of
// `muster discovery status`, and by those of `muster discovery test`. None of
// it costs a member. A REFUSED comes last: it is asked again after 30 s only.
func TestFailuresAreToldApart(t *testing.T) {
	t.Parallel()
	server := bin.Names(t)
	nodes := newNodes(t, server.Addr, 2, func(int) string { return "_muster._tcp.test" })
	good := list("_muster._tcp.test", time.Second, nodes...)
	server.Zone(good...)
	startAll(nodes)
	kit.One(t, formed, nodes...)
	for _, c := range []struct {
		what, fault, class, words string
		zone                      []string
		down                      bool
	}{
		{what: "no such name", zone: []string{"other.test 1 A 127.0.0.1"}, class: "SOURCE_NOT_FOUND", words: "NXDOMAIN"},
		{what: "servfail", fault: "servfail", class: "BACKEND_UNAVAILABLE", words: "SERVFAIL"},
		{what: "no answer", fault: "silent", class: "TIMEOUT", words: "does not answer"},
		{what: "cut off, without TCP", fault: "untold", class: "BACKEND_UNAVAILABLE", words: "too long for a datagram, and by TCP"},
		{what: "nobody listens", down: true, class: "BACKEND_UNAVAILABLE", words: "nothing listens at " + server.Addr},
		{what: "refused", fault: "refused", class: "AUTH", words: "REFUSED"},
	} {
		if c.zone == nil {
			c.zone = good
		}
		server.Zone(c.zone...)
		server.Fault(c.fault)
		if c.down {
			server.Up(false)
		}
		_, errs, status := nodes[0].Try("discovery", "test", "dns")
		if status != 1 || !strings.Contains(errs, c.words) || strings.Count(strings.TrimSpace(errs), "\n") > 0 {
			t.Errorf("%s: discovery test: status %d, %q, want %q", c.what, status, errs, c.words)
		}
		kit.Until(t, formed, c.what+" in discovery status", func() bool {
			s := nodes[0].Strategy("dns")
			return s.ErrorClass == c.class && strings.Contains(s.LastError, c.words)
		})
		if out := nodes[0].Muster("discovery", "status"); !strings.Contains(out, c.class+",") || !strings.Contains(out, c.words) {
			t.Errorf("%s: discovery status:\n%s", c.what, out)
		}
		kit.One(t, formed, nodes...)
		if c.down {
			server.Up(true)
		}
	}
}

// A name without records is no error, but nobody; what does not fit into a
// datagram comes by TCP, all of it.
func TestAnswersThatAreNoFailures(t *testing.T) {
	t.Parallel()
	server := bin.Names(t)
	n := newNodes(t, server.Addr, 1, func(int) string { return "_muster._tcp.test" })[0]
	n.Conf += "\ncluster.form_after = 200ms"
	server.Zone(list("_muster._tcp.test", time.Second)...)
	n.Start()
	kit.One(t, formed, n)
	out, errs, status := n.Try("discovery", "test", "dns")
	if status != 0 || !strings.Contains(errs, "exists and has no SRV record") || !strings.HasPrefix(out, "dns knows of no node") {
		t.Errorf("NODATA: status %d, %q, %q", status, out, errs)
	}
	s := n.Strategy("dns") // without an answer where the plugin came up long after the node
	kit.Until(t, formed, "the node has an answer of its own", func() bool {
		s = n.Strategy("dns")
		return s.LastAnswer != nil
	})
	if s.ErrorClass != "" {
		t.Errorf("NODATA is an error in the status: %+v", s)
	}

	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("_muster._tcp.test 1 SRV 0 0 %d host.test", 1000+i))
	}
	for what, fault := range map[string]string{"too long": "", "cut off by the server": "truncated"} {
		server.Zone(append(many, "host.test 1 A 127.0.0.1")...)
		server.Fault(fault)
		before := server.Asked().TCP
		if out := n.Muster("discovery", "test", "dns"); !strings.Contains(out, "\n200 candidates in ") || !strings.Contains(out, "these are all that it knows") {
			t.Errorf("%s: %s", what, out)
		}
		if server.Asked().TCP == before {
			t.Errorf("%s: nobody asked by TCP", what)
		}
	}
}

// The TTL of the records sets the pace of the questions.
func TestTTLSetsThePace(t *testing.T) {
	t.Parallel()
	const window = 7 * time.Second
	ttls := []int{1, 3, 20}
	var servers []*kit.Names
	for _, ttl := range ttls {
		server := bin.Names(t)
		n := bin.Node(t, kit.Options{Name: "n1@127.0.0.1", Dir: filepath.Join(t.TempDir(), "1"), Conf: fmt.Sprintf(
			"cluster { form_after = 200ms, discovery_strategy = dns, dns { name = a.test, record_type = a, server = %q } }", server.Addr)})
		server.Zone(fmt.Sprintf("a.test %d A 127.55.55.55", ttl))
		n.Start()
		servers = append(servers, server)
	}
	for _, server := range servers {
		kit.Until(t, formed, "the first question", func() bool { return server.Asked().UDP > 0 })
	}
	var before []int // by a node that was ready long before the last one, several
	for _, server := range servers {
		before = append(before, server.Asked().UDP)
	}
	kit.Pass(window)
	for i, want := range [][2]int{{4, 8}, {1, 3}, {0, 0}} { // the waits are spread by a fifth
		if n := servers[i].Asked().UDP - before[i]; n < want[0] || n > want[1] {
			t.Errorf("TTL %d s: %d more questions in %v, want %d to %d", ttls[i], n, window, want[0], want[1])
		}
	}
}

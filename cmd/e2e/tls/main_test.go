package tls

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/core/admin"
	"github.com/muster-mqtt/muster/transport/tcp/certtest"
)

var bin kit.Programs

func TestMain(m *testing.M) { os.Exit(kit.Main(m, &bin, "static")) }

// formed bounds the forming of a cluster, and every reaction of one.
const formed = time.Minute

// site is nodes with certificates of one authority.
type site struct {
	t     *testing.T
	dir   string
	ca    *certtest.Authority
	seeds []string
}

func newSite(t *testing.T) *site { return &site{t: t, dir: t.TempDir(), ca: certtest.New(t)} }

// member describes a node of a site.
type member struct {
	name  string
	proto string // inet_tls when empty
	cert  certtest.Cert
	by    *certtest.Authority // of its certificate; the site's when nil
	extra string              // of its configuration
}

// node makes a node and its certificate, for its own host unless another is
// said.
func (s *site) node(m member) *kit.Node {
	s.t.Helper()
	_, host, _ := strings.Cut(m.name, "@")
	if m.cert.Hosts == nil {
		m.cert.Hosts = []string{host}
	}
	m.cert.Path = filepath.Join(s.dir, m.name)
	if m.by == nil {
		m.by = s.ca
	}
	cert, key := m.by.Issue(m.cert)
	if m.proto == "" {
		m.proto = "inet_tls"
	}
	conf := fmt.Sprintf(`
		node.proto_dist = %s
		node.ssl_dist { cacertfile = "%s", certfile = "%s", keyfile = "%s" }
		cluster { discovery_strategy = static, static.seeds = [%s] }
		%s`, m.proto, s.ca.File, cert, key, strings.Join(s.seeds, ", "), m.extra)
	n := bin.Node(s.t, kit.Options{Name: m.name, Dir: filepath.Join(s.dir, "data-"+m.name), Conf: conf})
	s.seeds = append(s.seeds, fmt.Sprintf("%q", n.Addr()))
	return n
}

// status is what `muster cluster status --json` says.
func status(t *testing.T, n *kit.Node) (c admin.Cluster) {
	t.Helper()
	if err := json.Unmarshal([]byte(n.Muster("cluster", "status", "--json")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

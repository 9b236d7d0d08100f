package dns

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

var bin kit.Programs

func TestMain(m *testing.M) { os.Exit(kit.Main(m, &bin, "dns", "dns/fixture")) }

// formed bounds the forming of a cluster, and every reaction of one.
const formed = time.Minute

// srv is the configuration of a node that looks up the SRV records of a name.
func srv(name, server string) string {
	return fmt.Sprintf("cluster { discovery_strategy = dns, dns { name = %s, record_type = srv, server = %q } }", name, server)
}

// newNodes makes nodes n1 to n<count> of 127.0.0.1 that look up the name that
// name gives for each.
func newNodes(t *testing.T, server string, count int, name func(i int) string) (out []*kit.Node) {
	t.Helper()
	root := t.TempDir()
	for i := range count {
		out = append(out, bin.Node(t, kit.Options{
			Name: fmt.Sprintf("n%d@127.0.0.1", i+1), Dir: filepath.Join(root, fmt.Sprint(i)), Conf: srv(name(i), server),
		}))
	}
	return out
}

func startAll(nodes []*kit.Node) {
	for _, n := range nodes {
		n.Start()
	}
}

// list is the zone in which a name has an SRV record for each of the nodes.
func list(name string, ttl time.Duration, nodes ...*kit.Node) []string {
	seconds := int(ttl / time.Second)
	out := []string{fmt.Sprintf("host.%s %d A 127.0.0.1", name, seconds), fmt.Sprintf("%s %d TXT \"the name exists\"", name, seconds)}
	for _, n := range nodes {
		out = append(out, fmt.Sprintf("%s %d SRV 0 0 %d host.%s", name, seconds, n.Port, name))
	}
	return out
}

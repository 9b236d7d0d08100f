package formation

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

var bin kit.Programs

func TestMain(m *testing.M) {
	os.Exit(kit.Main(m, &bin, "static", "dns", "dns/fixture", "etcd", "etcd/fixture"))
}

// strategy is a row of the table.
type strategy struct {
	name string
	goal time.Duration // of the median
	// open starts the backend. What it returns tells the backend of the nodes
	// of a cluster, if it is to be told, and returns their configuration.
	open func(t *testing.T) func(cluster string, nodes []*kit.Node) string
}

// strategies are the rows, in the order of the table.
var strategies = []strategy{
	{"static", 1500 * time.Millisecond, static},
	{"etcd", 2 * time.Second, etcd},
	{"dns", 2 * time.Second, dns},
}

func static(*testing.T) func(string, []*kit.Node) string {
	return func(_ string, nodes []*kit.Node) string {
		var seeds []string
		for _, n := range nodes {
			seeds = append(seeds, fmt.Sprintf("%q", n.Addr()))
		}
		return "cluster { discovery_strategy = static, static.seeds = [" + strings.Join(seeds, ", ") + "] }"
	}
}

func etcd(t *testing.T) func(string, []*kit.Node) string {
	e := bin.Etcd(t)
	return func(cluster string, _ []*kit.Node) string { return e.Cluster(cluster, time.Minute) }
}

func dns(t *testing.T) func(string, []*kit.Node) string {
	server := bin.Names(t)
	return func(cluster string, nodes []*kit.Node) string {
		zone := []string{"host.test 5 A 127.0.0.1"}
		for _, n := range nodes {
			zone = append(zone, fmt.Sprintf("%s.test 5 SRV 0 0 %d host.test", cluster, n.Port))
		}
		server.Zone(zone...)
		return fmt.Sprintf("cluster { discovery_strategy = dns, dns { name = %s.test, record_type = srv, server = %q } }", cluster, server.Addr)
	}
}

// From the start of three processes at the same time to one cluster, the
// median by every strategy. The table is for docs/performance.md; to have it
// from an idle machine:
//
//	MUSTER_PROVE=1 go test -v -run Medians ./cmd/e2e/formation
func TestMedians(t *testing.T) {
	trials := kit.Choose(2, 10)
	table := []string{"| strategy | median | lowest | highest | goal |", "|---|---|---|---|---|"}
	for _, s := range strategies {
		join := s.open(t)
		var took []time.Duration
		for i := range trials {
			took = append(took, form(t, fmt.Sprint(s.name, i), join))
		}
		slices.Sort(took)
		median := took[len(took)/2]
		table = append(table, fmt.Sprintf("| %s | %s | %s | %s | %s |", s.name,
			seconds(median), seconds(took[0]), seconds(took[len(took)-1]), seconds(s.goal)))
		if most := kit.Promised(s.goal); median > most {
			t.Errorf("%s: the median is %v, want at most %v", s.name, median, most)
		}
	}
	t.Logf("from the start of three processes to one cluster, %d trials each:\n%s", trials, strings.Join(table, "\n"))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// form forms a cluster of three, and ends it.
func form(t *testing.T, cluster string, join func(string, []*kit.Node) string) time.Duration {
	t.Helper()
	root := t.TempDir()
	var nodes []*kit.Node
	for i := range 3 {
		nodes = append(nodes, bin.Node(t, kit.Options{Name: fmt.Sprintf("n%d@127.0.0.1", i+1), Dir: filepath.Join(root, fmt.Sprint(i))}))
	}
	conf := join(cluster, nodes)
	for _, n := range nodes {
		n.Conf += conf
	}
	for _, n := range nodes {
		n.Start()
	}
	kit.One(t, time.Minute, nodes...)
	took := time.Since(nodes[0].Started)
	kit.Each(t, len(nodes), len(nodes), func(i int) error { nodes[i].Stop(); return nil })
	return took
}

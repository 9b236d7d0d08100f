package etcd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

var bin kit.Programs

func TestMain(m *testing.M) { os.Exit(kit.Main(m, &bin, "etcd", "etcd/fixture")) }

// ttl is how long an entry outlives its node in these tests.
const ttl = 3 * time.Second

// formed bounds the forming of a cluster, and every reaction of one.
const formed = time.Minute

// newNodes makes nodes n<from> to n<to> of a cluster that find one another
// through e.
func newNodes(t *testing.T, e *kit.Etcd, cluster string, from, to int) (out []*kit.Node) {
	t.Helper()
	return makeNodes(t, kit.Options{Conf: e.Cluster(cluster, ttl)}, from, to)
}

func makeNodes(t *testing.T, o kit.Options, from, to int) (out []*kit.Node) {
	t.Helper()
	root := t.TempDir()
	for i := from; i <= to; i++ {
		o.Name, o.Dir = fmt.Sprintf("n%d@127.0.0.1", i), filepath.Join(root, fmt.Sprint(i))
		out = append(out, bin.Node(t, o))
	}
	return out
}

func startAll(nodes []*kit.Node) {
	for _, n := range nodes {
		n.Start()
	}
}

// do carries out a verb of the fixture that must succeed.
func do(t *testing.T, e *kit.Etcd, args ...string) {
	t.Helper()
	if _, err := e.Do(args...); err != nil {
		t.Fatal(err)
	}
}

// keys are what etcd holds of a cluster.
func keys(t *testing.T, e *kit.Etcd, cluster string) []string {
	t.Helper()
	out, err := e.Keys(cluster)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

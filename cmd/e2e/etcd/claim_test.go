package etcd

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// PLUGINS.md, forming, rule (3): the claim names the cluster, whether or not
// anybody of it lives. One whose cluster is gone for good, data directories
// and all, is adopted at once by whoever comes next, even under the same names.
func TestClaimOfAClusterThatIsGone(t *testing.T) {
	t.Parallel()
	e := bin.Etcd(t)
	old := newNodes(t, e, "gone", 1, 2)
	startAll(old)
	kit.One(t, formed, old...)
	uid := old[0].ClusterUID()
	for _, n := range old {
		n.Kill()
		if err := os.RemoveAll(n.Dir); err != nil {
			t.Fatal(err)
		}
	}
	fresh := newNodes(t, e, "gone", 1, 3)
	startAll(fresh)
	took := kit.One(t, formed, fresh...)
	t.Logf("one cluster after %v", took.Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("the claim of a cluster that is gone held them up for %v", took)
	}
	if now := fresh[0].ClusterUID(); now != uid {
		t.Errorf("the cluster is %s, the claim says %s", now, uid)
	}
	for _, n := range fresh {
		kit.Until(t, formed, n.Name+" has an entry: those of the dead have ended", func() bool {
			return n.Strategy("etcd").Registration == "registered"
		})
	}
}

// Clusters a and ab share one etcd and one prefix, and never meet: no
// candidate of one is an address of the other.
func TestClustersThatShareAnEtcd(t *testing.T) {
	t.Parallel()
	e := bin.Etcd(t)
	a, ab := newNodes(t, e, "a", 1, 2), newNodes(t, e, "ab", 3, 4)
	startAll(append(a, ab...))
	kit.One(t, formed, a...)
	kit.One(t, formed, ab...)
	if a[0].ClusterUID() == ab[0].ClusterUID() {
		t.Error("they are one cluster")
	}
	for _, sides := range [][2][]*kit.Node{{a, ab}, {ab, a}} {
		for _, n := range sides[0] {
			found := ""
			kit.Until(t, formed, n.Name+" finds its own", func() bool {
				found = n.Muster("discovery", "test", "etcd")
				return holds(found, sides[0])
			})
			for _, other := range sides[1] {
				port := ":" + strconv.Itoa(other.Port)
				if strings.Contains(found, port) || strings.Contains(n.Log(), port) {
					t.Errorf("%s has heard of %s:\n%s", n.Name, other.Addr(), found)
				}
			}
		}
	}
}

// holds reports whether a text names the addresses of all nodes.
func holds(text string, nodes []*kit.Node) bool {
	for _, n := range nodes {
		if !strings.Contains(text, n.Addr()) {
			return false
		}
	}
	return true
}

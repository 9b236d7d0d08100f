package k8s

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// goal is that of the median from the start of three processes to one cluster;
// other tests may run beside this one where it is not proven.
const goal = 2500 * time.Millisecond

// A cold start: every pod is NotReady until its node is in a cluster, and no
// service publishes such addresses. They form one cluster, each time, under
// one claim that an operator's word removes.
func TestColdStart(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"pods", "slices"} {
		t.Run(source, func(t *testing.T) {
			k := newKube(t, source)
			var took []time.Duration
			for i := range kit.Choose(2, 10) {
				took = append(took, k.coldStart(fmt.Sprint("cold", i)))
			}
			mid := median(took)
			t.Logf("%s: from the start of three nodes to one cluster, %d trials: median %v, from %v to %v", source, len(took),
				mid.Round(time.Millisecond), took[0].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
			if most := kit.Promised(goal); mid > most {
				t.Errorf("the median is %v, want at most %v", mid, most)
			}
		})
	}
}

// coldStart forms a cluster of three and ends it.
func (k *kube) coldStart(cluster string) time.Duration {
	k.t.Helper()
	nodes := k.nodes(cluster, 1, 3)
	for _, n := range nodes {
		k.enter(n, "127.0.0.1", false)
	}
	start(nodes...)
	kit.One(k.t, formed, nodes...)
	took := time.Since(nodes[0].Started)
	if diff := cmp.Diff([]string{"muster-" + cluster}, k.inspect().Claims); diff != "" {
		k.t.Error(diff)
	}
	k.unclaim(nodes[0])
	for _, n := range nodes {
		n.Stop()
		k.remove(n)
	}
	return took
}

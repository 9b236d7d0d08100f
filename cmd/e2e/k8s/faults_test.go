package k8s

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// Whatever happens to the API server, the token and the rights, no member is
// removed and no message lost; each is named, and over when it is over.
func TestFaults(t *testing.T) {
	t.Parallel()
	k := newKube(t, "pods")
	nodes := k.nodes("faults", 1, 3)
	for _, n := range nodes {
		k.enter(n, "127.0.0.1", true)
	}
	start(nodes...)
	kit.One(t, formed, nodes...)
	load := kit.StartLoad(t, "faults", nodes[0], nodes[1])
	next := 4
	// joins lets one more node find the others.
	joins := func(t *testing.T) {
		t.Helper()
		more := k.nodes("faults", next, next)
		next++
		k.enter(more[0], "127.0.0.1", true)
		start(more...)
		nodes = append(nodes, more...)
		took := kit.One(t, refused, nodes...)
		t.Logf("the node that joins afterwards is in after %v", took.Round(time.Millisecond))
	}
	for _, trial := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"a watch answered 410", func(t *testing.T) { k.expired(t, nodes) }},
		{"the API server down", func(t *testing.T) { k.down(t, nodes) }},
		{"a token revoked, then rotated", func(t *testing.T) { k.revoked(t, nodes) }},
	} {
		if !t.Run(trial.name, func(t *testing.T) { trial.run(t); joins(t) }) {
			break
		}
	}
	unshaken(t, nodes)
	sent, slowest := load.End()
	t.Logf("%d messages, none lost; the slowest was acknowledged after %v", sent, slowest.Round(time.Millisecond))
}

// expired: the server has forgotten the version of every watch, for a while.
func (k *kube) expired(t *testing.T, nodes []*kit.Node) {
	k.fault("expired", true)
	keeps(t, kit.Choose(3*time.Second, 60*time.Second), nodes)
	kit.Until(t, formed, "as many watches as nodes are answered 410", func() bool { return k.inspect().Expired >= len(nodes) })
	k.fault("expired", false)
	backend(t, nodes[0], "ok", formed)
}

// down: the server is killed, and started again.
func (k *kube) down(t *testing.T, nodes []*kit.Node) {
	k.fault("stopped", true)
	for _, n := range nodes {
		backend(t, n, "down", formed)
	}
	keeps(t, kit.Choose(5*time.Second, 60*time.Second), nodes)
	k.fault("stopped", false)
	backend(t, nodes[0], "ok", refused)
}

// revoked: the token is worth nothing until another is in its place.
func (k *kube) revoked(t *testing.T, nodes []*kit.Node) {
	k.fault("revoked", true)
	if out, errs, _ := nodes[0].Try("discovery", "test", "k8s"); !strings.Contains(out+errs, "token") {
		t.Errorf("discovery test says nothing of the token: %s%s", out, errs)
	}
	keeps(t, kit.Choose(3*time.Second, 60*time.Second), nodes)
	k.fault("revoked", false)
	if out, errs, status := nodes[0].Try("discovery", "test", "k8s"); status != 0 {
		t.Errorf("discovery test fails with the new token: %s%s", out, errs)
	}
}

// A right that is missing is named in the log of the node, with what it is
// for. Where nodes cannot be found without it they become one cluster as soon
// as it is granted.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	k := newKube(t, "pods")
	next := 1
	for _, right := range []string{"list-pods", "watch-pods", "create-leases.coordination.k8s.io"} {
		t.Run(right, func(t *testing.T) {
			k.fault("no-"+right, true)
			nodes := k.nodes(right, next, next+1)
			next += 2
			for _, n := range nodes {
				n.Conf += "\ncluster.form_after = 2s\n"
				k.enter(n, "127.0.0.1", false)
			}
			start(nodes...)
			verb, full, _ := strings.Cut(right, "-")
			resource, _, _ := strings.Cut(full, ".")
			for _, n := range nodes {
				kit.Until(t, formed, n.Name+" names the right that is missing", func() bool {
					return len(n.Logged("lacks a right", verb+" "+resource)) > 0
				})
			}
			if verb == "list" {
				apart(t, nodes)
			}
			k.fault("no-"+right, false)
			took := kit.One(t, refused, nodes...)
			t.Logf("one cluster %v after the right was granted", took.Round(time.Millisecond))
			unshaken(t, nodes)
			for _, n := range nodes {
				n.Stop()
				k.remove(n)
			}
		})
	}
}

// apart waits until nodes that cannot find one another are a cluster each.
func apart(t *testing.T, nodes []*kit.Node) {
	t.Helper()
	for _, n := range nodes {
		kit.Until(t, formed, n.Name+" is refused, and founds a cluster of its own", func() bool {
			return n.Strategy("k8s").ErrorClass == "AUTH" && kit.Agreed([]string{n.View()}, []*kit.Node{n}, nil)
		})
	}
	if nodes[0].ClusterUID() == nodes[1].ClusterUID() {
		t.Error("they are one cluster: the trial shows nothing")
	}
}

// A pod is replaced by one of the same name at another address, with the same
// volume: the node is the member that it was.
func TestPodIsReplaced(t *testing.T) {
	t.Parallel()
	k := newKube(t, "pods")
	nodes := k.nodes("replaced", 1, 3)
	moving := nodes[2]
	// A name that outlives the address, as a StatefulSet gives one; that it
	// leads to where the node is not stands for a name server that is behind.
	moving.Name = "n3@localhost"
	moving.Conf += "\nnode { name = \"n3@localhost\", bind = 127.0.0.1 }\n"
	for _, n := range nodes {
		k.enter(n, "127.0.0.1", true)
	}
	start(nodes...)
	kit.One(t, formed, nodes...)
	uid := entry(t, nodes[0], moving)
	for i, host := range []string{"127.0.0.33", "127.0.0.34"} {
		if i == 0 {
			moving.Kill()
		} else {
			moving.Stop()
		}
		k.remove(moving)
		kit.Sees(t, formed, nodes[:2], nodes[2:])
		moving.Conf += "\nnode.bind = " + host + "\n"
		k.enter(moving, host, false)
		moving.Start()
		took := kit.One(t, formed, nodes...)
		t.Logf("the node is back, at %s, after %v", local(moving, host), took.Round(time.Millisecond))
		if now := entry(t, nodes[0], moving); now != uid {
			t.Errorf("its entry is %s, it was %s", now, uid)
		}
	}
	for _, n := range nodes[:2] {
		if gone := n.Logged("member changed", "gone=true"); len(gone) > 0 {
			t.Errorf("%s has removed it: %s", n.Name, gone[0])
		}
	}
}

package k8s

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/core/admin"
)

var bin kit.Programs

func TestMain(m *testing.M) { os.Exit(kit.Main(m, &bin, "k8s", "k8s/fixture")) }

const (
	// formed bounds the forming of a cluster, and every reaction of one.
	formed = time.Minute
	// refused bounds the reaction to a backend that has refused us: it is
	// asked again after 30 s at least.
	refused = 100 * time.Second
	// verbTime bounds a verb of the fixture; the longest starts a server.
	verbTime = 2 * time.Minute
)

// kube is a namespace on an API server in a process of its own, run by the
// fixture program of the strategy.
type kube struct {
	t      *testing.T
	dir    string
	env    []string
	config string // cluster.k8s, JSON
}

// newKube starts one; entries are pods, or EndpointSlices.
func newKube(t *testing.T, source string) *kube {
	t.Helper()
	built(t)
	k := &kube{t: t, dir: t.TempDir(), env: append(os.Environ(), "FIXTURE_SOURCE="+source)}
	t.Cleanup(func() { k.do("down") })
	var up struct{ Config json.RawMessage }
	if err := json.Unmarshal(k.do("up"), &up); err != nil {
		t.Fatal(err)
	}
	k.config = string(up.Config)
	return k
}

// built skips the test where "make kube-apiserver" was not run.
func built(t *testing.T) {
	t.Helper()
	found, err := filepath.Glob("../../../build/cache/kube-apiserver-*[0-9]")
	if err != nil || len(found) == 0 {
		t.Skip("skip: make kube-apiserver has not built the API server")
	}
}

// do carries out a verb of the fixture and returns what it prints.
func (k *kube) do(args ...string) []byte {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), verbTime)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, bin.Path("k8s/fixture"), args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = k.dir, k.env, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		k.t.Fatalf("the fixture of k8s, %v: %v: %s", args, err, stderr.String())
	}
	return stdout.Bytes()
}

// fault switches a fault on, or off.
func (k *kube) fault(name string, on bool) {
	k.t.Helper()
	k.do("fault", name, map[bool]string{true: "on", false: "off"}[on])
}

// enter makes the pod of a node, which is at a host.
func (k *kube) enter(n *kit.Node, host string, ready bool) {
	k.t.Helper()
	entry, err := json.Marshal(map[string]any{"uid": podOf(n), "name": n.Name, "host": host, "port": n.Port, "ready": ready})
	if err != nil {
		k.t.Fatal(err)
	}
	k.do("seed", string(entry))
}

// remove takes the pod of a node away.
func (k *kube) remove(n *kit.Node) {
	k.t.Helper()
	k.do("remove", podOf(n))
}

// podOf is the part before @ of the node's name.
func podOf(n *kit.Node) string {
	name, _, _ := strings.Cut(n.Name, "@")
	return name
}

// contents are the leases that there are, and how many watches were answered
// 410.
type contents struct {
	Claims  []string
	Expired int
}

func (k *kube) inspect() (c contents) {
	k.t.Helper()
	if err := json.Unmarshal(k.do("inspect"), &c); err != nil {
		k.t.Fatal(err)
	}
	return c
}

// nodes makes n<from> to n<to> of a cluster, which are not running.
func (k *kube) nodes(cluster string, from, to int) (out []*kit.Node) {
	k.t.Helper()
	root := k.t.TempDir()
	for i := from; i <= to; i++ {
		out = append(out, bin.Node(k.t, kit.Options{
			Name: fmt.Sprintf("n%d@127.0.0.1", i), Dir: filepath.Join(root, fmt.Sprint(i)), Conf: k.cluster(cluster),
		}))
	}
	return out
}

// cluster is the configuration of a node of a cluster.
func (k *kube) cluster(name string) string {
	return fmt.Sprintf("cluster { name = %q, discovery_strategy = k8s, k8s = %s }", name, k.config)
}

// unclaim removes the claim by the word of an operator, once the plugin of the
// node is there: others may have taken it in before that.
func (k *kube) unclaim(n *kit.Node) {
	k.t.Helper()
	kit.Until(k.t, formed, n.Name+" has its plugin", func() bool { return slices.Contains(n.Strategy("k8s").Capabilities, "claim") })
	if got := n.Muster("discovery", "unclaim"); got != "Removed the claim of the cluster at k8s." || len(k.inspect().Claims) > 0 {
		k.t.Errorf("unclaim says %q and leaves %q", got, k.inspect().Claims)
	}
}

func start(nodes ...*kit.Node) {
	for _, n := range nodes {
		n.Start()
	}
}

// keeps fails the test unless the nodes are one cluster for so long.
func keeps(t *testing.T, d time.Duration, nodes []*kit.Node) {
	t.Helper()
	if err := kit.Stays(d, nodes...); err != nil {
		t.Fatal(err)
	}
}

// backend waits until a node says that the API server is so: "ok" or "down".
func backend(t *testing.T, n *kit.Node, state string, within time.Duration) {
	t.Helper()
	kit.Until(t, within, fmt.Sprintf("%s says that the API server is %s", n.Name, state), func() bool {
		return n.Strategy("k8s").Backend == state
	})
}

// unshaken fails the test if a node has ever seen one of the others fail or go.
func unshaken(t *testing.T, nodes []*kit.Node) {
	t.Helper()
	for _, n := range nodes {
		for _, to := range []string{"to=failed", "to=left", "to=leaving"} {
			if lost := n.Logged("member changed", to); len(lost) > 0 {
				t.Errorf("%s has lost a member: %s", n.Name, lost[0])
			}
		}
	}
}

// local is host:port of a node at another address of this machine.
func local(n *kit.Node, host string) string { return net.JoinHostPort(host, fmt.Sprint(n.Port)) }

// median of some times.
func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

// entry is what a node's view says of another that stays while that one comes
// and goes: its uid, and when it joined. It must be in the view once.
func entry(t *testing.T, n, of *kit.Node) string {
	t.Helper()
	var found []string
	err := n.Ask(func(ctx context.Context, c *admin.Client) error {
		all, err := c.Members(ctx)
		for _, m := range all.Members {
			if string(m.Name) == of.Name {
				found = append(found, fmt.Sprint(m.UID, " joined ", m.Joined))
			}
		}
		return err
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("%s has %d entries of %s: %q, %v", n.Name, len(found), of.Name, found, err)
	}
	return found[0]
}

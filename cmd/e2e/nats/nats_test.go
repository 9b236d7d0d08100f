package nats

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/transport/nats/natstest"
)

// bin is where TestMain has built the programs.
var bin kit.Programs

func TestMain(m *testing.M) { os.Exit(kit.Main(m, &bin)) }

// formTime is far more than three nodes take to become one cluster.
const formTime = time.Minute

// nodes are n nodes on NATS servers, not started yet, each with one server in
// its configuration.
func nodes(t *testing.T, n int, conf string, servers ...*natstest.Server) []*kit.Node {
	root := t.TempDir()
	var all []*kit.Node
	for i := range n {
		all = append(all, bin.Node(t, kit.Options{
			Name: fmt.Sprintf("n%d@127.0.0.1", i+1), Dir: filepath.Join(root, fmt.Sprint("n", i+1)),
			Conf: fmt.Sprintf("cluster.name = \"the.cluster\"\ntransport { type = nats, nats.url = \"%s\" }\n%s", servers[i%len(servers)].URL(), conf),
		}))
	}
	return all
}

// hear makes the nodes find one another over NATS alone.
const hear = "cluster.discovery_strategy = transport"

func start(t *testing.T, all ...*kit.Node) {
	t.Helper()
	for _, n := range all {
		n.Start()
	}
	for _, n := range all {
		n.Ready()
	}
	t.Logf("%d nodes were one cluster after %v", len(all), kit.One(t, formTime, all...).Round(time.Millisecond))
}

// Three nodes find one another over NATS, with no registry, plugin or address,
// and are one broker: over one server, and over three. A publish of any QoS
// reaches the clients of the others, and the servers may be restarted under
// load: nothing is lost, and the order stays.
func TestThreeNodes(t *testing.T) {
	for name, n := range map[string]int{"one server": 1, "three servers": 3} {
		t.Run(name, func(t *testing.T) {
			servers := natstest.Cluster(t, n)
			all := nodes(t, 3, hear, servers...)
			start(t, all...)
			everyQoS(t, all)
			loads := startLoads(t, all)
			for i := range kit.Choose(1, 10) {
				flow(loads)
				servers[i%n].Restart()
			}
			flow(loads)
			endLoads(t, loads)
			kit.One(t, formTime, all...)
		})
	}
}

// startLoads lets each node publish to a client of the next.
func startLoads(t *testing.T, all []*kit.Node) (loads []*kit.Load) {
	t.Helper()
	for i, n := range all {
		loads = append(loads, kit.StartLoad(t, fmt.Sprint("order/kept/", i), n, all[(i+1)%len(all)]))
	}
	return loads
}

// flow waits until each has carried some more.
func flow(loads []*kit.Load) {
	for _, l := range loads {
		l.More(100)
	}
}

// endLoads looks for what was lost.
func endLoads(t *testing.T, loads []*kit.Load) {
	t.Helper()
	for _, l := range loads {
		sent, slowest := l.End()
		t.Logf("%d messages, the slowest took %v", sent, slowest.Round(time.Millisecond))
	}
}

// The connections of the nodes to their server are cut again and again, without
// a word, under load: nothing is lost, and the order stays.
func TestCuts(t *testing.T) {
	server := natstest.Start(t)
	all := nodes(t, 3, hear, server)
	start(t, all...)
	loads := startLoads(t, all)
	chance := rand.New(rand.NewPCG(kit.Seed(t), 0))
	for cuts := 0; cuts < kit.Choose(10, 200); {
		kit.Pass(100*time.Millisecond + time.Duration(chance.IntN(500))*time.Millisecond)
		if server.Cut(chance.IntN(len(all))) {
			cuts++
		}
	}
	endLoads(t, loads)
	kit.One(t, formTime, all...)
}

// Without a server for longer than a failure takes to be seen, every node
// serves its own clients, and drops none; the cluster is whole again soon after
// the server is back.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	all := nodes(t, 2, hear, server)
	start(t, all...)
	a, b := all[0].Connect("a").Sub("t"), all[1].Connect("b").Sub("t")
	server.Stop()
	kit.Sees(t, kit.Promised(8*time.Second), all[:1], all[1:])
	kit.Sees(t, kit.Promised(8*time.Second), all[1:], all[:1])
	a.Pub("t", "alone")
	a.Next("t=alone")
	if got := all[0].Strategy("transport"); got.Backend != "down" || got.LastError == "" {
		t.Errorf("%+v", got)
	}
	server.Restart()
	t.Logf("one again after %v", kit.One(t, formTime, all...).Round(time.Millisecond))
	a.Pub("t", "together")
	a.Next("t=together")
	b.Next("t=together")
	a.Undropped()
	b.Undropped()
}

// everyQoS publishes at one node what clients of the others are to get.
func everyQoS(t *testing.T, all []*kit.Node) {
	t.Helper()
	pub := all[0].Connect("publisher")
	for i, n := range all[1:] {
		sub := n.Connect(fmt.Sprint("subscriber", i))
		if token := sub.Subscribe("q/+", 2, nil); token.Wait() && token.Error() != nil {
			t.Fatal(token.Error())
		}
		// A SUBACK waits for slow nodes, but not long.
		kit.Until(t, formTime, "the publisher's node routes to "+n.Name, func() bool {
			return strings.Contains(all[0].Muster("routes", "q/0"), n.Name)
		})
		for qos := range byte(3) {
			if token := pub.Publish(fmt.Sprint("q/", qos), qos, false, n.Name); token.Wait() && token.Error() != nil {
				t.Fatal(token.Error())
			}
			sub.Next(fmt.Sprintf("q/%d=%s", qos, n.Name))
		}
		sub.Disconnect(0)
	}
}

// A node that was killed is failed within the time of the probes, and is a
// member again, with what it missed, when it returns.
func TestKilledNode(t *testing.T) {
	t.Parallel()
	all := nodes(t, 3, hear, natstest.Start(t))
	start(t, all...)
	all[2].Kill()
	t.Logf("failed after %v", kit.Sees(t, 8*time.Second, all[:2], all[2:]).Round(time.Millisecond))
	sub := all[0].Connect("s").Sub("t")
	all[1].Connect("p").Pub("t", "without it")
	sub.Next("t=without it")
	all[2].Start()
	all[2].Ready()
	kit.One(t, formTime, all...)
	all[2].Connect("again").Pub("t", "with it")
	sub.Next("t=with it")
}

// Nodes that know each other by host and port meet at their cluster ports and
// link over NATS; an operator sees what the strategy transport hears.
func TestPortsMeet(t *testing.T) {
	t.Parallel()
	all := nodes(t, 2, "cluster.discovery_strategy = manual", natstest.Start(t))
	for _, n := range all {
		n.Start()
		n.Ready()
	}
	if got := all[0].Muster("cluster", "join", all[1].Addr()); !strings.HasPrefix(got, "Join the cluster successfully.") {
		t.Error(got)
	}
	kit.One(t, formTime, all...)
	if got := all[0].Muster("members"); strings.Contains(got, all[1].Addr()) {
		t.Errorf("a member is dialled at its port:\n%s", got)
	}
}

func TestStrategyIsShown(t *testing.T) {
	t.Parallel()
	all := nodes(t, 2, hear, natstest.Start(t))
	start(t, all...)
	if got := all[0].Strategy("transport"); got.Candidates != 1 || got.Backend != "ok" || !got.Watching {
		t.Errorf("%+v", got)
	}
	if _, errs, status := all[0].Try("discovery", "disable", "transport"); status != 1 || !strings.Contains(errs, "no plugin") {
		t.Errorf("disable: status %d: %s", status, errs)
	}
	if got := all[0].Muster("discovery", "test", "transport"); !strings.Contains(got, "-") {
		t.Errorf("test: %s", got)
	}
}

// A node whose server refuses it does not start, and says why.
func TestRefused(t *testing.T) {
	t.Parallel()
	n := nodes(t, 1, hear+"\ntransport.nats.credentials = /nowhere/creds", natstest.Start(t))[0]
	_, errs, status := n.Try("start", "-c", conf(t, n))
	if status != 1 || !strings.Contains(errs, "/nowhere/creds") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// conf writes the configuration of a node that is not to be started.
func conf(t *testing.T, n *kit.Node) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(path, []byte(n.Conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

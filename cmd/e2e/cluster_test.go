package e2e

import (
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// The route example of the manual, by processes and a foreign client library.
func TestRouteExample(t *testing.T) {
	nodes := cluster(t, 3, "")
	c1 := nodes[0].connect("client1").sub("t/+/x", "t/+/y", "f/1")
	c2 := nodes[1].connect("client2").sub("t/#", "f/2")
	c3 := nodes[2].connect("client3").sub("t/+/x", "t/a", "f/3")
	for _, n := range nodes {
		out := strings.Fields(n.muster("routes", "t/a"))
		if want := []string{"Filter", "Node", "t/#", nodes[1].name, "t/a", nodes[2].name}; !slices.Equal(out, want) {
			t.Errorf("%s: routes t/a: %v, want %v", n.name, out, want)
		}
	}
	p := nodes[0].connect("p")
	for qos := range byte(2) {
		p.pub("t/a", fmt.Sprint("q", qos), qos)
	}
	for i, c := range []*client{c1, c2, c3} {
		if i > 0 {
			c.next("t/a=q0", "t/a=q1")
		}
		c.fence(p, fmt.Sprint("f/", i+1)) // once each, and nobody else
	}
}

// mosquitto's clients exchange messages across nodes.
func TestMosquittoClients(t *testing.T) {
	for _, program := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("skip: " + program + " is not installed (.ci/install does)")
		}
	}
	nodes := cluster(t, 3, "")
	watch := nodes[0].connect("watch")
	for qos := range 2 {
		filter, topic := fmt.Sprintf("m/%d/#", qos), fmt.Sprintf("m/%d/x", qos) // of its own: the route of the one before may still be there
		sub := exec.Command("mosquitto_sub", "-p", fmt.Sprint(nodes[1].mqtt), "-t", filter, "-q", "1", "-v", "-C", "1", "-W", fmt.Sprint(patience.Seconds()))
		out, err := sub.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := sub.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, patience, "the route of mosquitto_sub", func() bool { return strings.Contains(nodes[2].muster("routes", topic), filter) })
		pub := exec.Command("mosquitto_pub", "-p", fmt.Sprint(nodes[2].mqtt), "-t", topic, "-q", fmt.Sprint(qos), "-m", "from mosquitto")
		if text, err := pub.CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_pub: %v: %s", err, text)
		}
		got, _ := io.ReadAll(out)
		if err := sub.Wait(); err != nil {
			t.Errorf("mosquitto_sub: %v", err)
		}
		if want := topic + " from mosquitto\n"; string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	watch.sub("back")
	pub := exec.Command("mosquitto_pub", "-p", fmt.Sprint(nodes[1].mqtt), "-t", "back", "-q", "1", "-m", "x")
	if text, err := pub.CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v: %s", err, text)
	}
	watch.next("back=x")
}

// From starting three processes to one cluster: the goal is a median of 1.5 s
// (20 trials by make prove; here fewer).
func TestTimeToOneCluster(t *testing.T) {
	var took []time.Duration
	for range trials(3, 20) {
		nodes := newNodes(t, 3, "")
		begin := time.Now()
		for _, n := range nodes {
			n.start()
		}
		one(t, nodes, nil)
		took = append(took, time.Since(begin))
		for _, n := range nodes {
			n.stop()
		}
	}
	slices.Sort(took)
	t.Logf("three processes to one cluster: median %s, lowest %s, highest %s of %d", took[len(took)/2], took[0], took[len(took)-1], len(took))
	if m, most := took[len(took)/2], kit.Promised(1500*time.Millisecond); m > most {
		t.Errorf("median %s, want at most %s", m, most)
	}
}

// SIGKILL of a node: stopped at the others within 2 s; publishers without a
// match on it are not delayed by more than 200 ms, those with one, at QoS 1,
// by no more than 2 s.
func TestKillOfANode(t *testing.T) {
	for range trials(1, 10) {
		nodes := cluster(t, 3, "")
		nodes[2].connect("on the killed node").sub("with/#")
		s := nodes[1].connect("on another").sub("with/#", "without/#")
		with, without := nodes[0].connect("with"), nodes[0].connect("without")
		stop, worst := make(chan struct{}), make(chan [2]time.Duration)
		go func() { worst <- publishUntil(stop, without, "without/x") }()
		go func() { worst <- publishUntil(stop, with, "with/x") }()
		kit.Pass(100 * time.Millisecond) // of load
		nodes[2].kill()
		took := until(t, 2*time.Second, "the killed node is stopped at both others", func() bool {
			want := statusLine(nodes[:2], nodes[2:])
			return nodes[0].status() == want && nodes[1].status() == want
		})
		close(stop)
		a, b := <-worst, <-worst
		if a[0] == 1 {
			a, b = b, a
		}
		t.Logf("stopped_nodes after %s; worst publish without a match %s, with one %s", took, a[1], b[1])
		if a[1] > 200*time.Millisecond || b[1] > 2*time.Second {
			t.Errorf("publishers were delayed: without a match %s, with one %s", a[1], b[1])
		}
		select {
		case <-s.got:
		case <-time.After(patience):
			t.Error("the other subscriber got nothing")
		}
		nodes[2].start()
		nodes[2].waitReady()
		one(t, nodes, nil)
		back := nodes[2].connect("back").sub("with/#")
		with.pub("with/y", "again", 1)
		back.next("with/y=again")
		for _, n := range nodes {
			n.stop()
		}
	}
}

// publishUntil publishes at QoS 1, one after the other, and returns whether
// the topic has a match on the killed node, and the longest wait.
func publishUntil(stop chan struct{}, c *client, topic string) (worst [2]time.Duration) {
	if strings.HasPrefix(topic, "with/") {
		worst[0] = 1
	}
	for {
		select {
		case <-stop:
			return worst
		default:
			worst[1] = max(worst[1], c.pub(topic, "x", 1))
		}
	}
}

func TestSameClientIDOnAnotherNode(t *testing.T) {
	nodes := cluster(t, 2, "")
	first := nodes[0].connect("the same").sub("own") // so that the other node has heard of it
	nodes[1].connect("the same")
	select {
	case <-first.lost:
	case <-time.After(patience):
		t.Error("the first connection is still open")
	}
}

func TestJoinLeaveForceLeave(t *testing.T) {
	nodes := newNodes(t, 3, "cluster.discovery_strategy = manual")
	for _, n := range nodes {
		n.start()
		n.waitReady()
	}
	addr := func(n *node) string { return fmt.Sprintf("%s:%d", n.name, n.port) }
	if out := nodes[1].muster("cluster", "join", addr(nodes[0])); out != "Join the cluster successfully.\n"+statusLine(nodes[:2], nil)+"\n" {
		t.Errorf("cluster join prints %q", out)
	}
	if out := nodes[2].muster("join", fmt.Sprintf("127.0.0.1:%d", nodes[0].port)); out != "Successfully joined cluster by contacting 1 nodes.\n" {
		t.Errorf("join prints %q", out)
	}
	one(t, nodes, nil)
	if out := nodes[1].muster("cluster", "leave"); out != "Leave the cluster successfully.\n" {
		t.Errorf("leave prints %q", out)
	}
	rest := []*node{nodes[0], nodes[2]}
	one(t, rest, nil)
	one(t, nodes[1:2], nil)
	if out := nodes[0].muster("cluster", "force-leave", nodes[2].name); out != "Remove the node from cluster successfully.\n" {
		t.Errorf("force-leave prints %q", out)
	}
	one(t, nodes[:1], nil)
	one(t, nodes[2:], nil)
	_, errs, status := nodes[0].try("cluster", "join", nodes[0].name)
	if status != 1 || errs != fmt.Sprintf("already joined: %s is this node\n", nodes[0].name) {
		t.Errorf("join with self: status %d, %q", status, errs)
	}
	nodes[2].muster("cluster", "join", addr(nodes[0])) // lifts the fence
	one(t, rest, nil)
}

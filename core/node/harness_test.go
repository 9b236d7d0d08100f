package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/transport/mem"
)

// cluster is several nodes on one in-memory network, in one synctest bubble.
type cluster struct {
	t     *testing.T
	net   *mem.Network
	nodes map[string]*testNode
	seeds []string
	tweak func(*Options)
	setup func(*Node) // before it runs
}

// testNode is one node and its data directory, which outlives its runs.
type testNode struct {
	*Node
	c     *cluster
	name  string
	saved Saved
	mu    sync.Mutex
	stop  context.CancelFunc
	ended chan struct{}
	front *fakeFront
	ends  error // of Run, as it must be
}

// Save implements Store.
func (n *testNode) Save(s Saved) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.saved = s
	return nil
}

var _ Store = (*testNode)(nil)

// bubble runs f in a bubble with a cluster whose nodes are all stopped at its
// end.
func bubble(t *testing.T, f func(c *cluster)) {
	t.Helper()
	onOneProcessor(t)
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, net: mem.NewNetwork(mem.Options{Seed: 1}), nodes: map[string]*testNode{}}
		defer c.stopAll()
		f(c)
	})
}

// three starts n1, n2 and n3 with each other as seeds and waits until they
// are one cluster.
func (c *cluster) three() (a, b, d *testNode) {
	c.seeds = []string{"n1:1", "n2:1", "n3:1"}
	a, b, d = c.start("n1"), c.start("n2"), c.start("n3")
	time.Sleep(2 * time.Second)
	c.one("n1", "n2", "n3")
	return a, b, d
}

func (c *cluster) start(name string) *testNode {
	c.t.Helper()
	n := c.nodes[name]
	if n == nil {
		n = &testNode{c: c, name: name}
		n.saved = Saved{UID: core.UID{0: byte(len(c.nodes) + 1)}, Name: core.NodeID(name + "@" + name)}
		c.nodes[name] = n
	}
	n.saved.Incarnation++
	o := Options{
		Saved: n.saved, Store: n, ClusterName: "test", Transport: c.net.Endpoint(name + ":1"), Build: "test",
		Sources: []Source{&fakeSource{c: c}},
		Rand:    rand.New(rand.NewPCG(uint64(len(name)), uint64(name[len(name)-1]))),
		Logger:  slog.New(slog.NewTextHandler(testLog{c.t, name}, &slog.HandlerOptions{ReplaceAttr: virtualTime(time.Now())})),
	}
	o.Key = wire.Key{1, 2, 3}
	if c.tweak != nil {
		c.tweak(&o)
	}
	node, err := New(o)
	if err != nil {
		c.t.Fatal(err)
	}
	n.Node, n.front, n.ended = node, &fakeFront{conns: map[string]core.Token{}, beaten: map[string]core.Token{}}, make(chan struct{})
	node.SetSessions(n.front)
	if c.setup != nil {
		c.setup(node)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	ended := n.ended
	go func() {
		defer close(ended)
		if err := node.Run(ctx); !errors.Is(err, n.ends) {
			c.t.Errorf("%s: run: %v, want %v", name, err, n.ends)
		}
	}()
	return n
}

// bare is a node that never runs.
func bare(t *testing.T) *Node {
	t.Helper()
	n, err := New(Options{
		Saved: Saved{UID: core.UID{1}, Name: "n@h", Incarnation: 1}, Store: &testNode{}, ClusterName: "test",
		Transport: mem.NewNetwork(mem.Options{Seed: 1}).Endpoint("n:1"), Rand: rand.New(rand.NewPCG(1, 1)), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// halt stops a node in order.
func (n *testNode) halt() {
	n.stop()
	<-n.ended
}

// kill ends a node as SIGKILL would: no good-bye, and what its goroutines do
// afterwards reaches nobody.
func (n *testNode) kill() {
	_ = n.opts.Transport.Close()
	n.halt()
}

func (c *cluster) stopAll() {
	for _, wrong := range c.account() {
		c.t.Error(wrong)
	}
	for _, n := range c.nodes {
		n.halt()
	}
}

// one fails the test unless all named nodes see exactly each other, alive, in
// one cluster.
func (c *cluster) one(names ...string) {
	c.t.Helper()
	for _, name := range names {
		n := c.nodes[name]
		var alive []string
		for _, m := range n.Members() {
			if m.State == core.Alive {
				alive = append(alive, m.Name.Name())
			}
		}
		if !slices.Equal(alive, names) || n.Cluster() != c.nodes[names[0]].Cluster() || n.Cluster().IsZero() {
			c.t.Fatalf("%s sees %v in cluster %v, want %v in %v", name, alive, n.Cluster().UID, names, c.nodes[names[0]].Cluster().UID)
		}
	}
}

// states returns what n says of every member, as "n1:alive n2:failed".
func (n *testNode) states() string {
	var out []string
	for _, m := range n.Members() {
		out = append(out, m.Name.Name()+":"+m.State.String())
	}
	return strings.Join(out, " ")
}

// sameTables fails the test unless every node routes the same as every other.
func (c *cluster) sameTables(names ...string) {
	c.t.Helper()
	want := fmt.Sprint(c.nodes[names[0]].Routes())
	for _, name := range names[1:] {
		if got := fmt.Sprint(c.nodes[name].Routes()); got != want {
			c.t.Errorf("%s routes %s, %s routes %s", name, got, names[0], want)
		}
	}
}

// fakeSource reports the cluster's seeds; err, if set, instead.
type fakeSource struct{ c *cluster }

func (s *fakeSource) Name() string { return "static" }

func (s *fakeSource) Discover(context.Context) (discovery.Answer, error) {
	var a discovery.Answer
	for _, seed := range s.c.seeds {
		host, _, _ := strings.Cut(seed, ":")
		a.Candidates = append(a.Candidates, discovery.Candidate{Endpoints: []discovery.Endpoint{{Host: host, Port: 1}}})
	}
	return a, nil
}

var _ Source = (*fakeSource)(nil)

// fakeFront stands in for the MQTT front.
type fakeFront struct {
	mu     sync.Mutex
	conns  map[string]core.Token
	beaten map[string]core.Token // the highest claim made elsewhere
}

func (f *fakeFront) TakenOver(id string, token core.Token, _ bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if token.Compare(f.beaten[id]) > 0 {
		f.beaten[id] = token
	}
	if own, ok := f.conns[id]; ok && own.Compare(token) < 0 {
		delete(f.conns, id)
	}
}

func (f *fakeFront) Connected(yield func(string, core.Token) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, t := range f.conns {
		if !yield(id, t) {
			return
		}
	}
}

func (f *fakeFront) has(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.conns[id]
	return ok
}

var _ Sessions = (*fakeFront)(nil)

// connectClient claims a client ID at n, as the front does: a claim made
// elsewhere between ours and its effect is not overlooked.
func (n *testNode) connectClient(id string) {
	n.front.mu.Lock()
	n.front.conns[id] = core.Token{}
	n.front.mu.Unlock()
	t := n.Claim(id, false)
	n.front.mu.Lock()
	defer n.front.mu.Unlock()
	if n.front.beaten[id].Compare(t) > 0 {
		delete(n.front.conns, id)
		return
	}
	n.front.conns[id] = t
}

// numbers makes the Number of each inbox.
var numbers atomic.Uint64

// inbox is a session that keeps what it gets.
type inbox struct {
	number uint64
	id     string
	mu     sync.Mutex
	got    []string
	grants []core.Grant
	last   *core.Message
	away   bool // it refuses what it is offered
}

func newInbox() *inbox {
	n := numbers.Add(1)
	return &inbox{number: n, id: fmt.Sprint("client", n)}
}

func (i *inbox) Deliver(m *core.Message, g core.Grant) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, fmt.Sprintf("%s=%s/%d", m.Topic, m.Payload, min(g.QoS, m.QoS)))
	i.grants, i.last = append(i.grants, g), m
}

func (i *inbox) Offer(m *core.Message, g core.Grant) bool {
	i.mu.Lock()
	away := i.away
	i.mu.Unlock()
	if !away {
		i.Deliver(m, g)
	}
	return !away
}

func (i *inbox) Number() uint64 { return i.number }

func (i *inbox) ClientID() string { return i.id }

var _ core.Subscriber = (*inbox)(nil)

// take returns what came since the last take.
func (i *inbox) take() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := i.got
	i.got = nil
	return out
}

// sub subscribes and waits until it is visible.
func (n *testNode) sub(filters ...core.Filter) *inbox {
	i := newInbox()
	for _, f := range filters {
		done := make(chan struct{})
		n.Subscribe(i, at(f, 1), func() { close(done) })
		<-done
	}
	return i
}

// at is a subscription of a session's own at a QoS.
func at(f core.Filter, qos core.QoS) core.Subscription {
	return core.Subscription{Filter: f, Grant: core.Grant{QoS: qos}}
}

// then is an outcome that only waits to be accepted.
func then(accepted func()) core.Outcome {
	return core.Outcome{Accepted: func(bool) { accepted() }}
}

// pub publishes and returns how long the acknowledgement took.
func (n *testNode) pub(topic core.Topic, payload string, qos core.QoS) time.Duration {
	n.c.t.Helper()
	begin := time.Now()
	done := make(chan struct{})
	if qos == 0 {
		close(done)
	}
	m := &core.Message{Topic: topic, Payload: []byte(payload), QoS: qos, Publisher: "p"}
	if err := n.Publish(context.Background(), m, then(func() { close(done) })); err != nil {
		n.c.t.Errorf("publish %s: %v", topic, err)
		return 0
	}
	<-done
	return time.Since(begin)
}

// testLog writes log lines to the test's.
type testLog struct {
	t    *testing.T
	name string
}

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s %s", l.name, strings.TrimSpace(string(b)))
	return len(b), nil
}

var _ io.Writer = testLog{}

// virtualTime shows the time since start.
func virtualTime(start time.Time) func([]string, slog.Attr) slog.Attr {
	return func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.String("t", time.Since(start).String())
		}
		return a
	}
}

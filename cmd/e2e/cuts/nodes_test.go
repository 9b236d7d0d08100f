package cuts

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/node"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// peer is a node and the session that listens at it.
type peer struct {
	*node.Node
	index int

	mu    sync.Mutex
	last  map[string]uint64 // by publisher: the number of its latest message
	wrong []string          // what came out of turn
	rest  int               // messages that are still to come
	all   chan struct{}     // closed when they have
}

var (
	_ core.Subscriber = (*peer)(nil)
	_ node.Store      = (*peer)(nil)
	_ node.Sessions   = (*peer)(nil)
)

// Deliver implements core.Subscriber.
func (p *peer) Deliver(m *core.Message, _ core.Grant) {
	from, number, _ := strings.Cut(string(m.Payload), " ")
	var n uint64
	_, _ = fmt.Sscan(number, &n)
	p.mu.Lock()
	defer p.mu.Unlock()
	if want := p.last[from] + 1; n != want && len(p.wrong) < 10 {
		p.wrong = append(p.wrong, fmt.Sprintf("message %d of %s where %d was due", n, from, want))
	}
	p.last[from] = n
	if p.rest--; p.rest == 0 {
		close(p.all)
	}
}

// Offer implements core.Subscriber.
func (p *peer) Offer(m *core.Message, g core.Grant) bool {
	p.Deliver(m, g)
	return true
}

// Number implements core.Subscriber.
func (p *peer) Number() uint64 { return 1 }

// ClientID implements core.Subscriber.
func (p *peer) ClientID() string { return "listener" }

// Save implements node.Store.
func (p *peer) Save(node.Saved) error { return nil }

// TakenOver implements node.Sessions.
func (p *peer) TakenOver(string, core.Token, bool) {}

// Connected implements node.Sessions.
func (p *peer) Connected(func(string, core.Token) bool) {}

// cluster starts a node for each transport, one cluster, each with a listener
// that waits for so many messages.
func cluster(t *testing.T, ts []transport.Transport, messages int) []*peer {
	t.Helper()
	var peers []*peer
	for i, tr := range ts {
		p := &peer{index: i, last: map[string]uint64{}, rest: messages, all: make(chan struct{})}
		form := node.Form{Manual: i == 0}
		if i > 0 {
			form.Join = []string{ts[0].Addr()}
		}
		n, err := node.New(node.Options{
			Saved: node.Saved{UID: core.UID{1, byte(i + 1)}, Name: core.NodeID(fmt.Sprintf("n%d@127.0.0.1", i)), Incarnation: 1},
			Store: p, ClusterName: "cuts", Key: wire.Key{7}, Transport: tr, Form: form, VisibilityTimeout: patience,
			Rand: rand.New(rand.NewPCG(1, uint64(i))), Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		p.Node = n
		n.SetSessions(p)
		p.run(t)
		peers = append(peers, p)
	}
	for _, p := range peers {
		<-p.Formed()
		p.meets(t, len(ts))
	}
	return peers
}

// meets waits until the node sees so many members alive: what is published
// before it does is not for those that it has not met.
func (p *peer) meets(t *testing.T, want int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		alive := 0
		for _, m := range p.Members() {
			if m.State == core.Alive {
				alive++
			}
		}
		if alive == want {
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("node %d sees %d nodes, want %d", p.index, alive, want)
		}
	}
}

// run runs the node until the test ends.
func (p *peer) run(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Node.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("node %d: %v", p.index, err)
		}
	})
}

// listen subscribes to everything, and returns when every node routes it here,
// however slow they are: the nodes have as long as the test for that.
func (p *peer) listen() {
	visible := make(chan struct{})
	p.Subscribe(p, core.Subscription{Filter: "t/#", Grant: core.Grant{QoS: 2}}, func() { close(visible) })
	<-visible
}

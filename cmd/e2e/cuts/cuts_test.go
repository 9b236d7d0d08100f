package cuts

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The sizes of a run.
const (
	nodes     = 3
	each      = 2   // publishers of a node
	window    = 64  // messages of a publisher that are not accepted yet
	betweenUp = 200 // messages that a publisher of node 0 sends from one cut to the next
	patience  = 2 * time.Minute
	perCut    = 200 * time.Millisecond // beside patience: four times what a cut costs
)

// trial is a number of cuts under load.
type trial struct {
	t     *testing.T
	links *links
	cuts  int
	made  int
	// also is called after each so-many-th of ten parts of the cuts; may be nil.
	also func(part int)
}

// cutsOf is how many there are: a few, and with MUSTER_PROVE as many as were promised.
func cutsOf(few int) int {
	if os.Getenv("MUSTER_PROVE") != "" {
		return 1000
	}
	return few
}

// TestCutsTCP: 1000 cuts of connections, none of a process.
func TestCutsTCP(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	l := &links{rand: rand.New(rand.NewPCG(seed, 1))}
	var ts []transport.Transport
	for range nodes {
		tr, err := tcp.Listen(tcp.Options{Bind: "127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		ts = append(ts, &cutting{tr, l})
	}
	(&trial{t: t, links: l, cuts: cutsOf(40)}).run(ts)
}

// run publishes at every node until all cuts are made, and looks at what came.
func (r *trial) run(ts []transport.Transport) {
	r.t.Helper()
	perPublisher := r.cuts * betweenUp
	total := nodes * each * perPublisher
	peers := cluster(r.t, ts, total)
	for _, p := range peers {
		p.listen()
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience+time.Duration(r.cuts)*perCut)
	defer cancel()
	errs := make(chan error, nodes*each)
	for _, p := range peers {
		for i := range each {
			pub := &publisher{peer: p, name: fmt.Sprintf("p%d-%d", p.index, i), tokens: make(chan struct{}, window)}
			if p.index == 0 && i == 0 {
				pub.step = r.cut
			}
			go func() { errs <- pub.publish(ctx, perPublisher) }()
		}
	}
	for range nodes * each {
		if err := <-errs; err != nil {
			cancel() // the others end too
			r.t.Error(err)
		}
	}
	if r.made < r.cuts {
		r.t.Errorf("%d of %d cuts found a link", r.made, r.cuts)
	}
	r.judge(ctx, peers, total)
}

// cut is called once for every betweenUp messages of one publisher.
func (r *trial) cut(n int) {
	if r.links.cut() {
		r.made++
	}
	if r.also != nil && n%(r.cuts/10) == 0 {
		r.also(n / (r.cuts / 10))
	}
}

func (r *trial) judge(ctx context.Context, peers []*peer, total int) {
	r.t.Helper()
	for _, p := range peers {
		select {
		case <-p.all:
		case <-ctx.Done():
		}
		p.mu.Lock()
		if p.rest != 0 || len(p.wrong) != 0 {
			r.t.Errorf("node %d: %d of %d messages are missing; %s", p.index, p.rest, total, strings.Join(p.wrong, ", "))
		}
		p.mu.Unlock()
		for _, c := range p.Counters() {
			if strings.Contains(c.Name, "dropped") && c.Value > 0 {
				r.t.Errorf("node %d: %s %s = %v", p.index, c.Name, c.Reason, c.Value)
			}
		}
	}
}

// publisher publishes numbered messages in order.
type publisher struct {
	*peer
	name   string
	step   func(n int)   // nil: nothing
	tokens chan struct{} // one for each message that is not accepted yet
}

func (p *publisher) publish(ctx context.Context, messages int) error {
	accepted := core.Outcome{Accepted: func(bool) { <-p.tokens }}
	for n := 1; n <= messages; n++ {
		select {
		case p.tokens <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("%s: message %d: %w", p.name, n, ctx.Err())
		}
		m := &core.Message{Topic: "t/x", Payload: fmt.Appendf(nil, "%s %d", p.name, n), QoS: core.QoS(1 + n%2), Publisher: p.name}
		if err := p.Publish(ctx, m, accepted); err != nil {
			return fmt.Errorf("%s: message %d: %w", p.name, n, err)
		}
		if p.step != nil && n%betweenUp == 0 {
			p.step(n / betweenUp)
		}
	}
	for range window { // until every message is accepted
		select {
		case p.tokens <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("%s: the last messages are not accepted: %w", p.name, ctx.Err())
		}
	}
	return nil
}
